"""What becomes of every contrast once its session was preprocessed, and what a reviewer changes about it."""

from pathlib import Path

import pytest
from tests.support.records import WRONG, failed, session_record, unusable
from tests.support.reviewed import ALL, GOOD, cohort, coverage

from gliofill.cohort.coverage import Row
from gliofill.cohort.review import Outcome, read_late_fillings, read_review, remove_unplanned, review_rows
from gliofill.contrasts import Contrast
from gliofill.derivatives import paths
from gliofill.derivatives.session_record import PreprocessedContrast, SessionRecord
from gliofill.quality.acquired.usability import Measurement

THICK = Measurement(shape=(256, 256, 24), spacing_mm=(0.9, 0.9, 9.0), units="mm")


def outcomes(rows: list[Row], record: SessionRecord | None) -> dict[Contrast, Outcome]:
    return {outcome.contrast: outcome for outcome in review_rows(rows, record)}


def test_a_complete_session_is_used() -> None:
    found = outcomes(coverage(dict.fromkeys(Contrast, GOOD)), session_record())
    assert {(o.status, o.action) for o in found.values()} == {("ok", "use")}


def test_a_flagged_contrast_is_used_and_says_why() -> None:
    entries = session_record(FLAIR=PreprocessedContrast(status="flagged", reason="odd", verdicts=()))
    flair = outcomes(coverage(dict.fromkeys(Contrast, GOOD)), entries)["FLAIR"]
    assert (flair.status, flair.action, flair.reason) == ("flagged", "use", "odd")


def test_a_contrast_found_unusable_is_synthesised_with_code_and_numbers() -> None:
    flair = outcomes(coverage(dict.fromkeys(Contrast, GOOD)), session_record(FLAIR=unusable()))["FLAIR"]
    assert (flair.status, flair.action, flair.source) == ("unusable", "impute", "T2w")
    assert (flair.reason, flair.code, flair.value, flair.threshold) == (WRONG.sentence, "wrong-contrast", "1.8", "1.15")


@pytest.mark.parametrize(
    ("entries", "fillable", "words"),
    [
        ({"T2w": unusable()}, ALL, "cannot be synthesised honestly"),
        ({"FLAIR": unusable(), "T2w": unusable()}, ALL, "its source T2w is unusable"),
        ({"FLAIR": unusable(), "T2w": failed("crash")}, ALL, "its source T2w is failed"),
        ({"FLAIR": unusable()}, frozenset(), "no model is configured"),
    ],
    ids=["no task", "unusable source", "failed source", "no model"],
)
def test_what_cannot_be_filled_stays_a_gap(entries: dict, fillable: frozenset[Contrast], words: str) -> None:
    found = outcomes(coverage(dict.fromkeys(Contrast, GOOD), fillable=fillable), session_record(**entries))
    outcome = found[next(iter(entries))]
    assert (outcome.status, outcome.action) == ("unusable", "gap") and words in outcome.reason


def test_an_imputation_planned_at_coverage_becomes_a_gap_if_its_source_is_unusable() -> None:
    rows = coverage({c: GOOD for c in Contrast if c is not Contrast.FLAIR})
    assert outcomes(rows, session_record())["FLAIR"].action == "impute"
    flair = outcomes(rows, session_record(T2w=unusable()))["FLAIR"]
    assert (flair.status, flair.action) == ("missing", "gap") and "its source T2w is unusable" in flair.reason


def test_a_failed_contrast_stays_a_failure_and_is_not_synthesised() -> None:
    entries = session_record(FLAIR=failed("N4 broke"))
    flair = outcomes(coverage(dict.fromkeys(Contrast, GOOD)), entries)["FLAIR"]
    assert (flair.status, flair.action, flair.code) == ("failed", "gap", "n/a")


def test_without_a_record_everything_acquired_has_failed() -> None:
    found = outcomes(coverage(dict.fromkeys(Contrast, GOOD)), None)
    assert {o.status for o in found.values()} == {"failed"}


def test_a_reviewers_no_sets_a_good_image_aside_and_fills_it() -> None:
    flair = outcomes(coverage(dict.fromkeys(Contrast, GOOD), (Contrast.FLAIR, False)), session_record())["FLAIR"]
    assert (flair.status, flair.action, flair.code) == ("unusable", "impute", "reviewer")
    assert (flair.reviewer, flair.reviewer_reason) == ("no", "I looked") and "I looked" in flair.reason


def test_a_reviewers_no_to_a_source_makes_what_needs_it_a_gap() -> None:
    rows = coverage({c: GOOD for c in Contrast if c is not Contrast.FLAIR}, (Contrast.T2W, False))
    found = outcomes(rows, session_record())
    assert found["T2w"].action == found["FLAIR"].action == "gap"


def test_a_reviewers_yes_overrules_a_raw_verdict() -> None:
    measurements = dict.fromkeys(Contrast, GOOD) | {Contrast.FLAIR: THICK}
    assert outcomes(coverage(measurements), session_record())["FLAIR"].action == "impute"
    flair = outcomes(coverage(measurements, (Contrast.FLAIR, True)), session_record())["FLAIR"]
    assert (flair.status, flair.action, flair.reviewer) == ("flagged", "use", "yes") and "9 mm" in flair.reason


def test_a_reviewers_yes_does_not_make_a_damaged_file_readable() -> None:
    measurements = dict.fromkeys(Contrast, GOOD) | {Contrast.FLAIR: Measurement(error="bad magic")}
    flair = outcomes(coverage(measurements, (Contrast.FLAIR, True)), session_record())["FLAIR"]
    assert (flair.status, flair.action, flair.code) == ("unusable", "impute", "unreadable")


def test_a_reviewers_yes_overrules_a_verdict_after_registration() -> None:
    rows = coverage(dict.fromkeys(Contrast, GOOD), (Contrast.T2W, True))
    found = outcomes(rows, session_record(T2w=unusable(), FLAIR=unusable()))
    assert (found["T2w"].status, found["T2w"].action) == ("flagged", "use") and WRONG.sentence in found["T2w"].reason
    assert (found["FLAIR"].action, found["FLAIR"].source) == ("impute", "T2w")


def test_the_table_survives_the_file_and_tells_what_is_to_be_filled_late(tmp_path: Path) -> None:
    rows = coverage(dict.fromkeys(Contrast, GOOD) | {Contrast.FLAIR: THICK})
    found = cohort(tmp_path, rows, session_record(T1w=unusable()))
    assert read_review(tmp_path / paths.REVIEW) == found
    # FLAIR was planned at coverage already, and does not wait for the review
    assert read_late_fillings(tmp_path / paths.REVIEW) == {"sub-01": [Contrast.T1W]}
    assert (tmp_path / paths.REVIEW).with_suffix(".json").is_file()


def test_only_synthetic_images_that_nobody_asks_for_are_removed(tmp_path: Path) -> None:
    rows = coverage(dict.fromkeys(Contrast, GOOD) | {Contrast.FLAIR: THICK})
    made = [paths.imputed("sub-01", contrast) for contrast in (Contrast.T1W, Contrast.FLAIR)]
    kept = paths.preprocessed("sub-01", Contrast.T1W)
    for name in (*made, kept):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    for contrast in (Contrast.T1W, Contrast.FLAIR):
        (tmp_path / paths.imputed_qc("sub-01", contrast)).touch()
    assert remove_unplanned(tmp_path, cohort(tmp_path, rows, session_record(T1w=unusable()))) == []
    assert remove_unplanned(tmp_path, cohort(tmp_path, rows, session_record())) == [made[0]]
    assert (tmp_path / made[1]).is_file() and (tmp_path / kept).is_file()
    assert not (tmp_path / paths.imputed_qc("sub-01", Contrast.T1W)).exists()
