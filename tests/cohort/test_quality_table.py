"""The quality table has a row for every acquired image, chosen or not, and explains each of its columns."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest

from gliofill.bids.dataset import Dataset, Scan, Session
from gliofill.cohort.coverage import judge_scans
from gliofill.cohort.quality_table import COLUMNS, write_quality
from gliofill.config.settings import UsabilitySettings
from gliofill.contrasts import Contrast
from gliofill.quality.acquired.corruption import SCORES
from gliofill.quality.acquired.measurement import Measurement

ROOT = Path("/data")
GOOD = Measurement(
    shape=(256, 256, 24),
    spacing_mm=(0.9, 0.9, 6.0),
    plane="axial",
    cut_share=0.4,
    cut_end="top",
    scores={score.name: 0.0 for score in SCORES},
)
NOISY = replace(GOOD, scores=GOOD.scores | {"noise": 0.3})


def dataset_of(*names: str, metadata: dict | None = None) -> Dataset:
    scans = tuple(Scan(ROOT / f"sub-01/anat/{name}.nii.gz", Contrast.FLAIR, {}, metadata or {}) for name in names)
    return Dataset(ROOT, (Session("01", "", scans),))


def table_of(tmp_path: Path, dataset: Dataset, *measurements: Measurement) -> list[dict[str, str]]:
    found = dict(zip((scan.path for scan in dataset.sessions[0].scans), measurements, strict=True))
    write_quality(tmp_path / "q.tsv", dataset, found, judge_scans(dataset, found, UsabilitySettings()))
    with (tmp_path / "q.tsv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_every_candidate_has_a_row_with_its_scores_and_verdict(tmp_path: Path) -> None:
    dataset = dataset_of("run-1_FLAIR", "run-2_FLAIR", "run-3_FLAIR", metadata={"SliceThickness": 5})
    good, noisy, broken = table_of(tmp_path, dataset, GOOD, NOISY, Measurement(error="bad magic"))
    assert (good["code"], good["value"], good["spacing"], good["gap"]) == ("n/a", "n/a", "0.9 x 0.9 x 6", "0.2")
    assert (noisy["code"], noisy["noise"], noisy["value"], noisy["threshold"]) == ("noise", "0.3", "0.3", "0.15")
    assert broken["code"] == "unreadable" and broken["noise"] == broken["plane"] == broken["masked"] == "n/a"


def test_data_dictionary_explains_the_columns_and_no_cell_is_empty(tmp_path: Path) -> None:
    rows = table_of(tmp_path, dataset_of("FLAIR"), GOOD)
    dictionary = json.loads((tmp_path / "q.json").read_text(encoding="utf-8"))
    assert list(dictionary) == list(COLUMNS) == list(rows[0])
    assert all(entry["Description"] for entry in dictionary.values()) and all(rows[0].values())


@pytest.mark.parametrize(
    ("own", "code"), [({"FLAIR": {"max_noise": 0.4}}, "n/a"), ({"T2w": {"max_noise": 0.4}}, "noise")]
)
def test_a_contrast_can_have_thresholds_of_its_own(own: dict, code: str) -> None:
    dataset = dataset_of("FLAIR")
    path = dataset.sessions[0].scans[0].path
    verdict = judge_scans(dataset, {path: NOISY}, UsabilitySettings(by_contrast=own))[path]
    assert (verdict.code if verdict else "n/a") == code
