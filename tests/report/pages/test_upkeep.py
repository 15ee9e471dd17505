"""Pages of sessions stay true: written once all of a session is there, and again when what they tell of changes."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.report.conftest import Tree

from gliofill.cli.main import main
from gliofill.cohort.coverage import read_coverage, write_coverage
from gliofill.contrasts import Contrast
from gliofill.derivatives import paths
from gliofill.files.atomic import read_json, write_json
from gliofill.report.pages.upkeep import outdated_pages, write_last_page

pytestmark = pytest.mark.slow

IMPUTED = paths.imputed_qc("sub-02", Contrast.FLAIR)


@pytest.fixture
def output(tree: Tree, tmp_path: Path) -> Path:
    """Return a copy of the small cohort's output folder, in which every page is up to date."""
    return Path(shutil.copytree(tree.output, tmp_path / "derivatives"))


def change_record(output: Path) -> None:
    record = read_json(output / IMPUTED)
    write_json(output / IMPUTED, record | {"reason": "another one"})


def decide(output: Path) -> None:
    rows = read_coverage(output / paths.COVERAGE)
    changed = [replace(row, reviewer_reason="I looked") if row.folder == "sub-02" else row for row in rows]
    write_coverage(output / paths.COVERAGE, changed)


def end_badly(output: Path) -> None:
    (output / IMPUTED).unlink()
    log = output / "logs" / "impute" / "sub-02" / "sub-02_FLAIR.log"
    log.parent.mkdir(parents=True)
    log.write_text("Traceback (most recent call last):\nMemoryError: no memory left\n")


def draw_audit(output: Path) -> None:
    shutil.copy(output / paths.montage("sub-01"), output / paths.audit_panels("sub-02", Contrast.FLAIR))


def remove(name: str) -> Callable[[Path], None]:
    return lambda output: (output / name).unlink()


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        change_record,
        decide,
        end_badly,
        draw_audit,
        remove(paths.session_page("sub-02")),
        remove(paths.montage("sub-02")),
        remove(paths.viewer_volumes("sub-02")),
    ],
    ids=["record", "decision", "failure", "audit", "no page", "no picture", "no viewer"],
)
def test_a_page_that_tells_of_another_state_is_known_and_written_again(
    output: Path, change: Callable[[Path], None]
) -> None:
    assert outdated_pages(output) == []
    change(output)
    assert outdated_pages(output) == ["sub-02"]
    assert main(["report", str(output)]) == 0
    assert outdated_pages(output) == []


def test_a_page_that_cannot_be_written_stops_no_other_and_is_told(
    output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in ("sub-01", "sub-02"):
        (output / paths.session_page(folder)).unlink()
    damaged = output / paths.preprocessed("sub-01", Contrast.T2W)
    damaged.write_bytes(damaged.read_bytes()[:2000])
    (output / paths.INDEX).unlink()
    assert main(["report", str(output)]) == 1
    assert (output / paths.session_page("sub-02")).is_file() and (output / paths.INDEX).is_file()
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("gliofill: sub-01: its page could not be written: ") and damaged.name in line


def test_the_last_step_of_a_session_writes_its_page_and_earlier_ones_wait(output: Path) -> None:
    record, page = output / IMPUTED, output / paths.session_page("sub-02")
    content = record.read_bytes()
    record.unlink()
    page.unlink()
    assert write_last_page(output, "sub-02") == "its page waits for FLAIR" and not page.exists()
    record.write_bytes(content)
    assert write_last_page(output, "sub-02") == "wrote sub-02.html" and page.is_file()
