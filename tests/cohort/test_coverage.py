"""Coverage: which contrast is used, filled or left as a gap, and why."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gliofill.bids.dataset import Dataset, Scan, Session
from gliofill.cohort import measurements
from gliofill.cohort.coverage import Row, cover, read_coverage, read_session, write_coverage
from gliofill.cohort.measurements import MeasurementCache, measure_all
from gliofill.config.settings import UsabilitySettings
from gliofill.contrasts import TASKS, Contrast
from gliofill.errors import GliofillError
from gliofill.files.nifti import is_same_grid, read_image, write_image
from gliofill.quality.acquired.usability import Measurement, judge, measure

GOOD = Measurement(shape=(192, 224, 192), spacing_mm=(1.0, 1.0, 1.0), units="mm")
THICK = Measurement(shape=(256, 256, 24), spacing_mm=(0.9, 0.9, 9.0), units="mm")
ALL = frozenset(task.target for task in TASKS)


def rows_for(measurements: dict[Contrast, Measurement], fillable: frozenset[Contrast] = ALL) -> dict[str, Row]:
    root = Path("/data")
    scans = tuple(Scan(root / f"sub-01/anat/{contrast}.nii.gz", contrast, {"sub": "01"}) for contrast in measurements)
    dataset = Dataset(root, (Session("01", "", scans),))
    by_path = {scan.path: measurements[scan.contrast] for scan in scans}
    return {row.contrast: row for row in cover(dataset, by_path, UsabilitySettings(), fillable=fillable)}


def test_complete_session_is_used_as_it_is() -> None:
    assert {row.action for row in rows_for(dict.fromkeys(Contrast, GOOD)).values()} == {"use"}


def test_missing_flair_is_filled_from_t2w() -> None:
    row = rows_for({c: GOOD for c in Contrast if c is not Contrast.FLAIR})["FLAIR"]
    assert (row.status, row.action, row.source) == ("missing", "impute", "T2w")


def test_thick_flair_is_unusable_and_filled_and_the_reason_gives_the_number() -> None:
    row = rows_for(dict.fromkeys(Contrast, GOOD) | {Contrast.FLAIR: THICK})["FLAIR"]
    assert (row.status, row.action) == ("unusable", "impute") and "9 mm" in row.reason


@pytest.mark.parametrize("absent", [{Contrast.T1POST}, {Contrast.T2W, Contrast.FLAIR}], ids=["T1post", "T2w and FLAIR"])
def test_what_cannot_be_filled_honestly_stays_a_gap(absent: set[Contrast]) -> None:
    rows = rows_for({c: GOOD for c in Contrast if c not in absent})
    assert all(rows[contrast].action == "gap" and rows[contrast].reason for contrast in absent)


def test_no_model_means_a_gap_that_says_so() -> None:
    row = rows_for({c: GOOD for c in Contrast if c is not Contrast.FLAIR}, frozenset())["FLAIR"]
    assert row.action == "gap" and "no model" in row.reason


def test_table_survives_the_file(tmp_path: Path) -> None:
    rows = list(rows_for({Contrast.T1POST: GOOD}).values())
    write_coverage(tmp_path / "c.tsv", rows)
    assert read_coverage(tmp_path / "c.tsv") == rows


def test_a_session_reads_its_own_rows_alone(tmp_path: Path) -> None:
    visits = [("sub-1", "n/a"), ("sub-1", "ses-a"), ("sub-11", "ses-a"), ("sub-2", "n/a")]
    reason = 'cannot be read (line 1\nline 2 of "it"\t)'
    rows = [Row(*visit, contrast, "ok", "use", reason=reason) for visit in visits for contrast in Contrast]
    write_coverage(tmp_path / "c.tsv", rows)
    for folder in ("sub-1", "sub-1/ses-a", "sub-11/ses-a", "sub-2"):
        assert read_session(tmp_path / "c.tsv", folder) == [row for row in rows if row.folder == folder] != []
    assert read_session(tmp_path / "c.tsv", "sub-11") == []


@pytest.mark.parametrize("text", ["", "participant_id\tcontrast\n", "{damaged}"], ids=["empty", "columns", "line"])
def test_what_is_no_coverage_table_is_told(tmp_path: Path, text: str) -> None:
    write_coverage(tmp_path / "c.tsv", [])
    if text == "{damaged}":
        text = (tmp_path / "c.tsv").read_text() + "sub-1\tn/a\n"
    (tmp_path / "c.tsv").write_text(text)
    with pytest.raises(GliofillError, match="is not a coverage table"):
        read_session(tmp_path / "c.tsv", "sub-1")


@pytest.mark.parametrize(
    ("measurement", "code", "words"),
    [
        (Measurement(error="bad magic"), "unreadable", "cannot be read: bad magic"),
        (Measurement(shape=(64, 64, 30, 5), spacing_mm=(3, 3, 3)), "not-3d", "4-D"),
        (Measurement(shape=(256, 256, 4), spacing_mm=(1, 1, 5)), "few-slices", "4 slices"),
        (Measurement(shape=(256, 256, 20), spacing_mm=(1, 1, 9)), "thick-slices", "9 mm thick"),
        (Measurement(shape=(200, 200, 200), spacing_mm=(0.001, 0.001, 0.001)), "wrong-units", "voxel size"),
        (Measurement(shape=(200, 200, 200), spacing_mm=(1, 1, 1), units="meter"), "wrong-units", "meters"),
        (Measurement(shape=(200, 200, 200), spacing_mm=(1, 1, 1), is_finite=False), "not-finite", "not finite"),
        (Measurement(shape=(200, 200, 200), spacing_mm=(1, 1, 1), is_constant=True), "constant", "constant"),
    ],
)
def test_each_defect_is_told(measurement: Measurement, code: str, words: str) -> None:
    verdict = judge(measurement, UsabilitySettings())
    assert verdict is not None and verdict.code == code and words in verdict.sentence


def test_the_number_and_the_threshold_that_decided_stand_in_the_verdict() -> None:
    thick = Measurement(shape=(256, 256, 20), spacing_mm=(1, 1, 9))
    verdict = judge(thick, UsabilitySettings())
    assert verdict is not None and (verdict.value, verdict.threshold) == (9, 8.0)


def test_outlier_of_a_cohort_is_unusable_and_filled() -> None:
    root = Path("/data")
    scored = [replace(GOOD, scores={"noise": 0.02 + 0.0001 * i}) for i in range(29)] + [
        replace(GOOD, scores={"noise": 0.1})
    ]
    sessions = tuple(
        Session(f"{i:02}", "", tuple(Scan(root / f"{i}_{c}.nii.gz", c, {}) for c in (Contrast.T2W, Contrast.FLAIR)))
        for i in range(30)
    )
    measured = {s.scans[0].path: GOOD for s in sessions} | {
        s.scans[1].path: m for s, m in zip(sessions, scored, strict=True)
    }
    for wanted, unusable in ((True, ["sub-29"]), (False, [])):
        settings = UsabilitySettings(cohort_outliers=wanted)
        rows = cover(Dataset(root, sessions), measured, settings, fillable=ALL)
        assert [row.participant_id for row in rows if row.status == "unusable"] == unusable
        assert all((row.code, row.action) == ("noise", "impute") for row in rows if row.status == "unusable")


def test_truncated_file_is_an_error_not_an_exception(tmp_path: Path) -> None:
    image = tmp_path / "a.nii.gz"
    write_image(image, np.random.default_rng(0).normal(size=(40, 40, 40)), np.eye(4))
    image.write_bytes(image.read_bytes()[:-5000])
    assert measure(image).error


def test_image_survives_the_file_and_the_same_voxels_give_the_same_bytes(tmp_path: Path) -> None:
    data, affine = np.arange(7 * 8 * 9).reshape(7, 8, 9), np.diag([2.0, 3, 4, 1])
    for name in ("a.nii.gz", "b.nii.gz"):
        write_image(tmp_path / name, data, affine)
    read, read_affine = read_image(tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(read, data)
    np.testing.assert_array_equal(read_affine, affine)
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()
    assert is_same_grid(data.shape, affine, read.shape, read_affine)
    assert not is_same_grid(data.shape, affine, read.shape, affine + np.diag([0.01, 0, 0, 0]))


def test_an_image_whose_measuring_fails_in_an_unforeseen_way_stops_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("good", "odd"):
        write_image(tmp_path / f"{name}.nii.gz", np.random.default_rng(0).random((12, 12, 12)), np.eye(4))

    def fail(path: Path) -> Measurement:
        if path.name == "odd.nii.gz":
            raise ZeroDivisionError("nobody\nthought of it")
        return measure(path)

    monkeypatch.setattr(measurements, "measure", fail)
    cache = MeasurementCache(tmp_path / "cache.json")
    paths = [tmp_path / "good.nii.gz", tmp_path / "odd.nii.gz"]
    found = measure_all(paths, cache, threads=2, advance=lambda: None)
    assert not found[paths[0]].error
    assert found[paths[1]].error == "could not be measured (ZeroDivisionError: nobody thought of it)"
