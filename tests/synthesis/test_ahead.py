"""A job with a GPU fills gaps that wait; their own jobs take them over, and no session fails for another."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.support.known_model import GRID
from tests.support.records import imputation_record, session_record
from tests.support.reviewed import GOOD, coverage

from gliofill.cli import cohort
from gliofill.cli.main import main
from gliofill.cohort.coverage import Row, write_coverage
from gliofill.config.settings import ImputeSettings
from gliofill.contrasts import Contrast
from gliofill.derivatives import paths
from gliofill.derivatives.imputation_record import ImputationRecord
from gliofill.errors import GliofillError
from gliofill.files.atomic import read_json
from gliofill.files.nifti import write_image
from gliofill.synthesis import ahead
from gliofill.synthesis import gap as filling
from gliofill.synthesis.ahead import Gap, fill_ahead, take

pytestmark = pytest.mark.usefixtures("known_model")

SESSIONS = ("sub-01", "sub-02", "sub-03", "sub-04")
CPU = ImputeSettings(device="cpu")


def gap(output: Path, folder: str) -> Gap:
    return Gap(output, folder, Contrast.FLAIR)


def impute(output: Path, folder: str, *words: str) -> int:
    return main(["impute", str(output), folder, "FLAIR", "--settings", CPU.to_json(), *words])


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """Return four preprocessed sessions without FLAIR; that of sub-02 has a source that cannot be read."""
    rows: list[Row] = []
    for number, session in enumerate(SESSIONS):
        own = coverage({contrast: GOOD for contrast in Contrast if contrast is not Contrast.FLAIR})
        rows += [replace(row, participant_id=session) for row in own]
        session_record(session).write(tmp_path)
        source = np.random.default_rng(number).uniform(1000, 2000, size=GRID)
        write_image(tmp_path / paths.preprocessed(session, Contrast.T2W), source, np.eye(4))
        brain = np.zeros(GRID)
        brain[5:35, 5:45, 2:10] = 1
        write_image(tmp_path / paths.brain_mask(session), brain, np.eye(4), dtype="uint8")
    write_coverage(tmp_path / paths.COVERAGE, rows)
    (tmp_path / paths.preprocessed("sub-02", Contrast.T2W)).write_bytes(b"no image")
    return tmp_path


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the processor pass for a GPU."""
    monkeypatch.setattr(cohort, "_has_gpu", lambda device: True)


def files_of(output: Path, folder: str) -> dict[str, bytes]:
    names = (*paths.imputed_files(folder, Contrast.FLAIR), paths.imputed_qc(folder, Contrast.FLAIR))
    return {name: (output / name).read_bytes() for name in names if (output / name).is_file()}


@pytest.mark.slow
def test_what_was_filled_ahead_is_what_its_own_job_makes_and_costs_it_no_model(
    output: Path, gpu: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert impute(output, "sub-03") == 0
    alone = files_of(output, "sub-03")
    assert len(alone) == 3
    for name in alone:
        (output / name).unlink()

    assert impute(output, "sub-01", "--ahead", "15") == 0
    assert not files_of(output, "sub-03")
    monkeypatch.setattr(filling, "fill", lambda *_, **__: pytest.fail("it is there already"))
    assert impute(output, "sub-03") == 0 and impute(output, "sub-04") == 0
    assert files_of(output, "sub-03") == alone
    assert not list((output / ".gliofill" / "ahead").iterdir())


def test_a_session_that_cannot_be_filled_fails_alone(
    output: Path, gpu: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert impute(output, "sub-01", "--ahead", "15") == 0
    printed = capsys.readouterr().out
    assert "sub-02 FLAIR: left to its own job" in printed and "cannot be read as NIfTI" in printed
    assert [f"{session} FLAIR: filled ahead" in printed for session in SESSIONS] == [False, False, True, True]
    assert impute(output, "sub-02", "--ahead", "15") == 2
    assert not files_of(output, "sub-02")
    assert impute(output, "sub-04") == 0


def test_a_result_whose_inputs_have_changed_is_made_anew(output: Path) -> None:
    assert [found.folder for found in fill_ahead(gap(output, "sub-02"), CPU, most=1)] == ["sub-03"]
    settings = replace(CPU, flip_average=False)
    assert take(gap(output, "sub-03"), settings) is None
    replace(session_record("sub-03"), problems=()).write(output)
    assert take(gap(output, "sub-03"), CPU) is None
    assert impute(output, "sub-03") == 0
    assert read_json(gap(output, "sub-03").record)["status"] == "ok"
    assert not gap(output, "sub-03").place("done").exists()


def test_only_gaps_that_wait_are_filled_ahead(output: Path) -> None:
    own, unknown, claimed, begun = (gap(output, session) for session in SESSIONS)
    (output / paths.session_qc(unknown.folder)).unlink()
    claimed.place("ahead").mkdir(parents=True)
    with begun.claimed_by_its_job():
        assert not list(fill_ahead(own, CPU, most=15))
    assert list(fill_ahead(own, CPU, most=15)) == [begun]
    assert not list(fill_ahead(own, CPU, most=15))
    imputation_record(begun.folder, begun.target).write(output)
    begun.place("done").rename(output / "elsewhere")
    assert not list(fill_ahead(own, CPU, most=15))


def test_a_job_fills_what_comes_after_it_and_no_more_than_it_may(output: Path) -> None:
    assert list(fill_ahead(gap(output, "sub-03"), CPU, most=2)) == [gap(output, "sub-04"), gap(output, "sub-01")]


def test_a_job_that_lost_patience_fills_its_gap_and_nothing_of_the_other_stays(
    output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    late, fill = gap(output, "sub-03"), filling.fill
    monkeypatch.setattr(ahead, "PATIENCE_SECONDS", 0.3)

    def slowly(*arguments: object, **options: object) -> ImputationRecord:
        monkeypatch.setattr(filling, "fill", fill)
        assert late.place("ahead").is_dir()
        assert impute(output, late.folder) == 0
        return fill(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(filling, "fill", slowly)
    assert not list(fill_ahead(gap(output, "sub-02"), CPU, most=1))
    assert len(files_of(output, late.folder)) == 3
    assert not list((output / ".gliofill" / "ahead").iterdir())


def test_only_its_own_job_reports_a_damaged_record(output: Path) -> None:
    (output / paths.session_qc("sub-03")).write_text("{")
    assert list(fill_ahead(gap(output, "sub-02"), CPU, most=1)) == [gap(output, "sub-04")]


def test_without_a_gpu_a_job_fills_its_own_gap_alone(output: Path) -> None:
    assert impute(output, "sub-01", "--ahead", "15") == 0
    assert not list((output / ".gliofill" / "ahead").iterdir())


def test_a_job_that_fails_leaves_no_claim(output: Path) -> None:
    with pytest.raises(GliofillError, match="cannot be read"), gap(output, "sub-02").claimed_by_its_job():
        filling.fill(output, "sub-02", Contrast.FLAIR, CPU)
    assert not list((output / ".gliofill" / "ahead").iterdir())
