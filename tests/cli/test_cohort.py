"""The subcommands that tell what became of a cohort."""

from pathlib import Path

import pytest

from gliofill.cli.main import main
from gliofill.cohort.coverage import Row, write_coverage
from gliofill.contrasts import Contrast
from gliofill.derivatives import paths


@pytest.fixture
def unfinished(tmp_path: Path) -> Path:
    """Give an output folder whose run seems to go on: an image was planned, and nothing is done."""
    gaps = [Row("sub-01", "n/a", str(contrast), "missing", reason="no such image") for contrast in Contrast]
    write_coverage(tmp_path / paths.COVERAGE, [Row("sub-01", "n/a", "T1post", "ok", "use"), *gaps[1:]])
    (tmp_path / ".snakemake" / "locks").mkdir(parents=True)
    (tmp_path / ".snakemake" / "locks" / "0.input.lock").touch()
    return tmp_path


def test_the_summary_writes_the_tables_and_does_not_fail(unfinished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["summary", str(unfinished)]) == 0
    assert "1 steps of 1 sessions were not reached" in capsys.readouterr().out
    assert "sub-01" in (unfinished / paths.FAILURES).read_text() and (unfinished / paths.COMPLETE).is_file()


@pytest.mark.parametrize(
    ("words", "code", "printed"),
    [([], 0, "the run is in progress"), (["--results"], 1, "were not reached"), (["--write"], 1, "were not reached")],
    ids=["progress", "results", "write"],
)
def test_the_status_is_where_a_run_stands_or_its_results_if_asked_for(
    unfinished: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, printed: str
) -> None:
    assert main(["status", str(unfinished), *words]) == code
    assert printed in capsys.readouterr().out
    assert (unfinished / paths.COMPLETE).is_file() == (words == ["--write"])
