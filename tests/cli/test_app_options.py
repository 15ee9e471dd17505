import pytest

from gliofill.cli.app_options import make_config, read_app_options
from gliofill.errors import GliofillError


def test_options_of_fmriprep_are_understood_with_hyphen_and_underscore() -> None:
    words = "/in /out participant --participant_label sub-01 02 --exclude-participant-label 03 --session_label pre"
    more = "--nprocs 4 --mem_mb 16G --random_seed 7 --longitudinal"
    spaces = "--output-spaces MNI152NLin2009aSym:res-1"
    options = read_app_options([*words.split(), *more.split(), *spaces.split()])
    assert (options.cores, options.mem) == (4, 16000)
    config = make_config(options)
    assert config["participants"] == ["sub-01", "02"] and config["exclude_participants"] == ["03"]
    assert config["sessions"] == ["pre"] and config["split"] == config["audit"] == {"seed": 7}
    assert config["preprocess"] == {"output_spaces": ["template"], "align_sessions": "first"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--participants-label 01", "unknown option --participants-label; did you mean '--participant-label'?"),
        ("--skip-bids-validation", "unknown option --skip-bids-validation"),
        ("--mem lots", "'lots' is not an amount of memory"),
        ("--profile slum", "neither a folder nor one of slurm"),
        ("--output-spaces T1w", "T1w: is not available"),
        ("--cores many", "invalid int value: 'many'"),
        ("--config nowhere.yaml", "nowhere.yaml: cannot be read"),
    ],
)
def test_a_wrong_option_gets_one_line_that_says_what_to_do(words: str, message: str) -> None:
    with pytest.raises(GliofillError, match=r"^[^\n]+$") as caught:
        make_config(read_app_options(["/in", "/out", "participant", *words.split()]))
    assert message in str(caught.value)
