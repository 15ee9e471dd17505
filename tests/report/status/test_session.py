"""The state of each contrast of a session, as tables and pages show it."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.records import failed, imputation_record, session_record, unusable
from tests.support.reviewed import GOOD, coverage

from gliofill.cohort.coverage import Row
from gliofill.cohort.reviewed_session import ReviewedSession
from gliofill.cohort.states import State
from gliofill.contrasts import Contrast
from gliofill.derivatives import paths
from gliofill.derivatives.session_record import Lesion, PreprocessedContrast, SessionRecord
from gliofill.report.status.session import NOT_REACHED, SessionFacts, read_facts

ROWS = coverage(dict.fromkeys(Contrast, GOOD))


def facts(folder: Path, record: SessionRecord | None, rows: list[Row] = ROWS) -> SessionFacts:
    return read_facts(folder, ReviewedSession.of(rows, record))


def states(found: SessionFacts) -> list[State]:
    return [found.shown_state(contrast) for contrast in Contrast]


def test_acquired_flagged_failed_and_synthetic(tmp_path: Path) -> None:
    flagged = PreprocessedContrast(status="flagged", reason="odd", verdicts=())
    imputation_record("sub-01", Contrast.FLAIR).write(tmp_path)
    found = facts(tmp_path, session_record(T1post=flagged, T1w=failed("N4 broke"), FLAIR=unusable()))
    assert states(found) == [State.FLAGGED, State.FAILED, State.ACQUIRED, State.SYNTHETIC]
    assert list(found.imputed) == [Contrast.FLAIR] and [f.step for f in found.failures] == ["preprocess T1w"]
    files = found.summary.files
    assert set(files) == set(Contrast) - {Contrast.T1W} and files[Contrast.FLAIR].endswith("desc-imputed_FLAIR.nii.gz")


@pytest.mark.parametrize(("status", "state"), [("gap", State.GAP), ("failed", State.FAILED)])
def test_an_imputation_that_made_nothing_leaves_no_file(tmp_path: Path, status: str, state: State) -> None:
    imputation_record("sub-01", Contrast.FLAIR, status, "its source is gone").write(tmp_path)
    found = facts(tmp_path, session_record(FLAIR=unusable()))
    assert found.shown_state(Contrast.FLAIR) is state and not found.imputed
    assert found.summary.gaps == {Contrast.FLAIR: "its source is gone"}


def test_an_unusable_image_that_nothing_replaces_is_not_shown_as_missing(tmp_path: Path) -> None:
    rows = [replace(r, status="unusable", action="gap") if r.contrast == "T2w" else r for r in ROWS]
    found = facts(tmp_path, session_record(), rows)
    assert found.shown_state(Contrast.T2W) is State.UNUSABLE and found.summary.states[Contrast.T2W] is State.GAP


def test_a_session_that_the_run_has_not_come_to_is_unfinished_and_no_failure(tmp_path: Path) -> None:
    found = facts(tmp_path, None)
    assert set(states(found)) == {State.UNFINISHED} and not found.failures and len(found.unfinished) == 4
    assert set(found.summary.gaps.values()) == {NOT_REACHED}


def test_an_imputation_that_has_not_begun_is_unfinished(tmp_path: Path) -> None:
    found = facts(tmp_path, session_record(FLAIR=unusable()))
    assert found.shown_state(Contrast.FLAIR) is State.UNFINISHED and not found.failures
    log = tmp_path / "logs" / "impute" / "sub-01" / "sub-01_FLAIR.log"
    log.parent.mkdir(parents=True)
    log.write_text("Traceback (most recent call last):\nMemoryError: 3 GB\n")
    (failure,) = facts(tmp_path, session_record(FLAIR=unusable())).failures
    assert failure.reason == "the step did not finish: MemoryError: 3 GB"
    assert failure.log == log.relative_to(tmp_path).as_posix()


def test_lesion_labels_that_failed_are_a_failure_of_the_session(tmp_path: Path) -> None:
    found = facts(tmp_path, replace(session_record(), lesion=Lesion(status="failed", reason="on no grid")))
    assert [(failure.step, failure.reason) for failure in found.failures] == [("preprocess lesion", "on no grid")]
    assert found.summary.files[Contrast.T2W] == paths.preprocessed("sub-01", Contrast.T2W)
