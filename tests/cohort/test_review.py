"""What becomes of every contrast once its session was preprocessed, and what a reviewer changes about it."""

from pathlib import Path
from typing import Any

import pytest

from gliofill.bids.dataset import Dataset, Scan, Session
from gliofill.cohort.coverage import Row, cover, write_coverage
from gliofill.cohort.decisions import Decision, Decisions
from gliofill.cohort.review import (
    Outcome,
    read_late_fillings,
    read_review,
    remove_unplanned,
    review_cohort,
    review_session,
    write_review,
)
from gliofill.config.settings import UsabilitySettings
from gliofill.contrasts import TASKS, Contrast
from gliofill.derivatives import paths
from gliofill.files.atomic import write_json
from gliofill.quality.acquired.usability import Measurement
from gliofill.quality.verdict import Verdict

GOOD = Measurement(shape=(192, 224, 192), spacing_mm=(1.0, 1.0, 1.0), units="mm")
THICK = Measurement(shape=(256, 256, 24), spacing_mm=(0.9, 0.9, 9.0), units="mm")
ALL = frozenset(task.target for task in TASKS)
WRONG = Verdict("wrong-contrast", "looks like a T2w", 1.8, 1.15)


def coverage(
    measurements: dict[Contrast, Measurement],
    *decisions: tuple[Contrast, bool],
    fillable: frozenset[Contrast] = ALL,
) -> list[Row]:
    root = Path("/data")
    scans = tuple(Scan(root / f"sub-01/anat/{contrast}.nii.gz", contrast, {"sub": "01"}) for contrast in measurements)
    said = {("sub-01", c): Decision("sub-01", c, use, "I looked", 2) for c, use in decisions}
    dataset = Dataset(root, (Session("01", "", scans),))
    by_path = {scan.path: measurements[scan.contrast] for scan in scans}
    return cover(dataset, by_path, UsabilitySettings(), fillable=fillable, decisions=Decisions(said))


def manifest(**entries: Any) -> dict[str, Any]:
    """Return a manifest in which the named contrasts differ from ok."""
    ok = {str(contrast): {"status": "ok", "reason": "", "verdicts": []} for contrast in Contrast}
    return {"Session": "sub-01", "Contrasts": ok | entries}


def unusable(verdict: Verdict = WRONG) -> dict[str, Any]:
    return {"status": "unusable", "reason": verdict.sentence, "verdicts": [verdict.as_mapping()]}


def outcomes(rows: list[Row], entries: dict[str, Any]) -> dict[str, Outcome]:
    return {outcome.contrast: outcome for outcome in review_session(rows, entries)}


def test_a_complete_session_is_used() -> None:
    found = outcomes(coverage(dict.fromkeys(Contrast, GOOD)), manifest())
    assert {(o.status, o.action) for o in found.values()} == {("ok", "use")}


def test_a_flagged_contrast_is_used_and_says_why() -> None:
    entries = manifest(FLAIR={"status": "flagged", "reason": "odd", "verdicts": []})
    flair = outcomes(coverage(dict.fromkeys(Contrast, GOOD)), entries)["FLAIR"]
    assert (flair.status, flair.action, flair.reason) == ("flagged", "use", "odd")


def test_a_contrast_found_unusable_is_synthesised_with_code_and_numbers() -> None:
    flair = outcomes(coverage(dict.fromkeys(Contrast, GOOD)), manifest(FLAIR=unusable()))["FLAIR"]
    assert (flair.status, flair.action, flair.source) == ("unusable", "impute", "T2w")
    assert (flair.reason, flair.code, flair.value, flair.threshold) == (WRONG.sentence, "wrong-contrast", "1.8", "1.15")


@pytest.mark.parametrize(
    ("entries", "fillable", "words"),
    [
        ({"T2w": unusable()}, ALL, "cannot be synthesised honestly"),
        ({"FLAIR": unusable(), "T2w": unusable()}, ALL, "its source T2w is unusable"),
        ({"FLAIR": unusable(), "T2w": {"status": "failed", "reason": "crash"}}, ALL, "its source T2w is failed"),
        ({"FLAIR": unusable()}, frozenset(), "no model is configured"),
    ],
    ids=["no task", "unusable source", "failed source", "no model"],
)
def test_what_cannot_be_filled_stays_a_gap(entries: dict, fillable: frozenset[Contrast], words: str) -> None:
    found = outcomes(coverage(dict.fromkeys(Contrast, GOOD), fillable=fillable), manifest(**entries))
    outcome = found[next(iter(entries))]
    assert (outcome.status, outcome.action) == ("unusable", "gap") and words in outcome.reason


def test_an_imputation_planned_at_coverage_becomes_a_gap_if_its_source_is_unusable() -> None:
    rows = coverage({c: GOOD for c in Contrast if c is not Contrast.FLAIR})
    assert outcomes(rows, manifest())["FLAIR"].action == "impute"
    flair = outcomes(rows, manifest(T2w=unusable()))["FLAIR"]
    assert (flair.status, flair.action) == ("missing", "gap") and "its source T2w is unusable" in flair.reason


def test_a_failed_contrast_stays_a_failure_and_is_not_synthesised() -> None:
    entries = manifest(FLAIR={"status": "failed", "reason": "N4 broke"})
    flair = outcomes(coverage(dict.fromkeys(Contrast, GOOD)), entries)["FLAIR"]
    assert (flair.status, flair.action, flair.code) == ("failed", "gap", "n/a")


def test_without_manifest_everything_acquired_has_failed() -> None:
    found = outcomes(coverage(dict.fromkeys(Contrast, GOOD)), {})
    assert {o.status for o in found.values()} == {"failed"}


def test_a_reviewers_no_sets_a_good_image_aside_and_fills_it() -> None:
    flair = outcomes(coverage(dict.fromkeys(Contrast, GOOD), (Contrast.FLAIR, False)), manifest())["FLAIR"]
    assert (flair.status, flair.action, flair.code) == ("unusable", "impute", "reviewer")
    assert (flair.reviewer, flair.reviewer_reason) == ("no", "I looked") and "I looked" in flair.reason


def test_a_reviewers_no_to_a_source_makes_what_needs_it_a_gap() -> None:
    rows = coverage({c: GOOD for c in Contrast if c is not Contrast.FLAIR}, (Contrast.T2W, False))
    found = outcomes(rows, manifest())
    assert found["T2w"].action == found["FLAIR"].action == "gap"


def test_a_reviewers_yes_overrules_a_raw_verdict() -> None:
    measurements = dict.fromkeys(Contrast, GOOD) | {Contrast.FLAIR: THICK}
    assert outcomes(coverage(measurements), manifest())["FLAIR"].action == "impute"
    flair = outcomes(coverage(measurements, (Contrast.FLAIR, True)), manifest())["FLAIR"]
    assert (flair.status, flair.action, flair.reviewer) == ("flagged", "use", "yes") and "9 mm" in flair.reason


def test_a_reviewers_yes_does_not_make_a_damaged_file_readable() -> None:
    measurements = dict.fromkeys(Contrast, GOOD) | {Contrast.FLAIR: Measurement(error="bad magic")}
    flair = outcomes(coverage(measurements, (Contrast.FLAIR, True)), manifest())["FLAIR"]
    assert (flair.status, flair.action, flair.code) == ("unusable", "impute", "unreadable")


def test_a_reviewers_yes_overrules_a_verdict_after_registration() -> None:
    rows = coverage(dict.fromkeys(Contrast, GOOD), (Contrast.T2W, True))
    found = outcomes(rows, manifest(T2w=unusable(), FLAIR=unusable()))
    assert (found["T2w"].status, found["T2w"].action) == ("flagged", "use") and WRONG.sentence in found["T2w"].reason
    assert (found["FLAIR"].action, found["FLAIR"].source) == ("impute", "T2w")


def cohort(folder: Path, rows: list[Row], entries: dict[str, Any]) -> list[Outcome]:
    write_coverage(folder / paths.COVERAGE, rows)
    write_json(folder / paths.session_qc("sub-01"), entries)
    found = list(review_cohort(folder))
    write_review(folder / paths.REVIEW, found)
    return found


def test_the_table_survives_the_file_and_tells_what_is_to_be_filled_late(tmp_path: Path) -> None:
    rows = coverage(dict.fromkeys(Contrast, GOOD) | {Contrast.FLAIR: THICK})
    found = cohort(tmp_path, rows, manifest(T1w=unusable()))
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
    assert remove_unplanned(tmp_path, cohort(tmp_path, rows, manifest(T1w=unusable()))) == []
    assert remove_unplanned(tmp_path, cohort(tmp_path, rows, manifest())) == [made[0]]
    assert (tmp_path / made[1]).is_file() and (tmp_path / kept).is_file()
    assert not (tmp_path / paths.imputed_qc("sub-01", Contrast.T1W)).exists()
