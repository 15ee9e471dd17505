"""The whole configuration: keys that belong together, paths, labels, and files that come with the package."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from gliofill.config.parsing import parse_config, recipe_file, share_folder
from gliofill.errors import GliofillError

MINIMAL = {"bids_dir": "/data/bids", "output_dir": "/data/out"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bids_dri": "x"}, "unknown key bids_dri; did you mean 'bids_dir'?"),
        ({"preprocess": {"brain_maks": "none"}}, "unknown key preprocess.brain_maks; did you mean 'brain_mask'?"),
        ({"preprocess": {"brain_mask": "magic"}}, "preprocess.brain_mask is 'magic'; it must be one of network, "),
        ({"usability": {"min_slices": 0}}, "usability.min_slices is 0; it must be at least 1"),
        ({"threads": {"train": "many"}}, "threads.train is 'many'; it must be a whole number"),
        ({"bids_dir": ""}, "bids_dir is empty; it must be a path"),
        ({"sessions": [date(2020, 1, 2), 3]}, "sessions.1 is 3; it must be text"),
        ({"preprocess": {"head_template": "absent.nii.gz"}}, "absent.nii.gz: no such file (see gliofill fetch)"),
        ({"preprocess": {"head_template": __file__}}, "head_template and head_template_mask go together"),
        (
            {"preprocess": {"head_template": __file__, "head_template_mask": __file__}},
            "preprocess.head_template is used only by brain_mask: template",
        ),
        ({"preprocess": {"brain_program": "x"}}, "brain_program is used only by brain_mask: synthstrip and hd-bet"),
        (
            {"preprocess": {"brain_mask": "hd-bet"}},
            "preprocess.brain_model is empty; give the folder of HD-BET's weights",
        ),
    ],
)
def test_wrong_key_or_value_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(GliofillError) as error:
        parse_config(MINIMAL | change)
    assert str(error.value).startswith("configuration: ")
    assert message in str(error.value) and "\n" not in str(error.value)


def test_missing_key_is_named() -> None:
    with pytest.raises(GliofillError, match="output_dir is missing"):
        parse_config({"bids_dir": "/data"})


def test_every_path_starts_where_the_run_started() -> None:
    config = {
        "bids_dir": "bids",
        "output_dir": "out",
        "work_dir": "scratch",
        "review_table": "review.tsv",
        "preprocess": {"derivatives": {"hdbet": "masks"}, "brain_model": "brain"},
        "impute": {"models": {"T2w-to-FLAIR": "mine"}},
        "split": {"table": "participants.tsv"},
        "train": {"derivatives": "complete"},
    }
    settings = parse_config(config, Path("/start"))
    assert (settings.bids_dir, settings.output_dir) == (Path("/start/bids"), Path("/start/out"))
    assert (settings.scratch, settings.review_table) == ("/start/scratch", Path("/start/review.tsv"))
    assert settings.preprocess.derivatives == {"hdbet": Path("/start/masks")}
    assert settings.preprocess.brain_model == Path("/start/brain")
    assert settings.impute.models == {"T2w-to-FLAIR": Path("/start/mine")}
    assert (settings.split.table, settings.train.derivatives) == (
        Path("/start/participants.tsv"),
        Path("/start/complete"),
    )


@pytest.mark.parametrize(
    ("program", "found"), [("mri_synthstrip", "mri_synthstrip"), ("bin/strip", "/start/bin/strip")]
)
def test_tool_is_looked_for_by_name_or_by_its_path_from_the_start(tmp_path: Path, program: str, found: str) -> None:
    weights = tmp_path / "synthstrip.1.pt"
    weights.touch()
    section = {"brain_mask": "synthstrip", "brain_model": str(weights), "brain_program": program}
    assert parse_config(MINIMAL | {"preprocess": section}, Path("/start")).preprocess.brain_program == found


@pytest.mark.parametrize("participants", ["sub-01,02", ["sub-01", "02"]])
def test_labels_lose_their_prefix_and_may_come_as_one_word(participants: object) -> None:
    settings = parse_config(
        MINIMAL | {"participants": participants, "sessions": ["ses-pre"], "exclude_participants": 3}
    )
    assert (settings.participants, settings.sessions) == (("01", "02"), ("pre",))
    assert settings.exclude_participants == ("3",)


def test_recipe_is_a_name_or_a_path_from_the_start(tmp_path: Path) -> None:
    assert recipe_file("paper") == share_folder() / "config" / "recipes" / "paper.yaml"
    (tmp_path / "mine.yaml").touch()
    assert recipe_file("mine.yaml", tmp_path) == tmp_path / "mine.yaml"
    with pytest.raises(GliofillError, match="recipe 'absent' is neither a file nor one of best, demo, paper, small"):
        recipe_file("absent", tmp_path)
