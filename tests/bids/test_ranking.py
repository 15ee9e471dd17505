import itertools
from pathlib import Path

import pytest

from gliofill.bids.dataset import Scan
from gliofill.bids.names import parse_name
from gliofill.bids.ranking import explain_choice, rank
from gliofill.contrasts import Contrast


def scan_of(filename, contrast=Contrast.T1W, **metadata):
    return Scan(Path("/ds/sub-01/anat", filename), contrast, parse_name(filename).entities, metadata)


def names(scans):
    return [scan.path.name.removeprefix("sub-01_").removesuffix(".nii.gz") for scan in scans]


@pytest.mark.parametrize(
    ("candidates", "best", "explanation"),
    [
        ([scan_of("sub-01_T1w.nii.gz")], "T1w", "only candidate"),
        (
            [scan_of("sub-01_T1w.nii.gz"), scan_of("sub-01_acq-hr_run-2_T1w.nii.gz", MRAcquisitionType="3D")],
            "T1w",
            "chosen of 2: without acq label",
        ),
        (
            [scan_of("sub-01_run-9_T1w.nii.gz"), scan_of("sub-01_run-10_T1w.nii.gz")],
            "run-10_T1w",
            "chosen of 2: latest run",
        ),
        (
            [
                scan_of("sub-01_run-1_T1w.nii.gz"),
                scan_of("sub-01_run-2_T1w.nii.gz"),
                scan_of("sub-01_acq-x_rec-y_T1w.nii.gz"),
            ],
            "run-2_T1w",
            "chosen of 3: without acq, rec label; latest run",
        ),
        (
            [
                scan_of("sub-01_acq-a_T1w.nii.gz", MRAcquisitionType="2D"),
                scan_of("sub-01_acq-b_T1w.nii.gz", MRAcquisitionType="3D"),
            ],
            "acq-b_T1w",
            "chosen of 2: 3-D acquisition",
        ),
        (
            [
                scan_of("sub-01_run-1_T1w.nii.gz", SliceThickness=1.5),
                scan_of("sub-01_run-2_T1w.nii.gz", SliceThickness=5),
            ],
            "run-1_T1w",
            "chosen of 2: thinnest slices (1.5 mm)",
        ),
        (
            [scan_of("sub-01_run-1_T1w.nii.gz", SliceThickness=1.5), scan_of("sub-01_run-2_T1w.nii.gz")],
            "run-2_T1w",
            "chosen of 2: latest run",
        ),
        (
            [scan_of("sub-01_echo-2_T1w.nii.gz"), scan_of("sub-01_echo-1_T1w.nii.gz")],
            "echo-1_T1w",
            "chosen of 2: first by name",
        ),
        (
            [scan_of("sub-01_acq-x_rec-y_T1w.nii.gz"), scan_of("sub-01_acq-x_T1w.nii.gz")],
            "acq-x_T1w",
            "chosen of 2: fewest labels",
        ),
        (
            [
                scan_of("sub-01_ce-gd_FLAIR.nii.gz", Contrast.FLAIR),
                scan_of("sub-01_acq-a_rec-b_FLAIR.nii.gz", Contrast.FLAIR),
            ],
            "acq-a_rec-b_FLAIR",
            "chosen of 2: without gadolinium",
        ),
        (
            [scan_of("sub-01_acq-gd_T1w.nii.gz", Contrast.T1POST), scan_of("sub-01_ce-gd_T1w.nii.gz", Contrast.T1POST)],
            "ce-gd_T1w",
            "chosen of 2: without acq label",
        ),
    ],
)
def test_the_best_candidate_and_the_reason(candidates, best, explanation):
    assert names(rank(candidates))[0] == best
    assert explain_choice(candidates) == explanation


def test_the_order_does_not_depend_on_the_order_of_the_files():
    candidates = [
        scan_of("sub-01_T1w.nii.gz", SliceThickness=3),
        scan_of("sub-01_run-2_T1w.nii.gz", SliceThickness=1),
        scan_of("sub-01_run-3_T1w.nii.gz"),
        scan_of("sub-01_acq-a_T1w.nii.gz", SliceThickness=0.5, MRAcquisitionType="3D"),
        scan_of("sub-01_acq-b_T1w.nii.gz", SliceThickness=2, MRAcquisitionType="3D"),
    ]
    orders = {tuple(names(rank(order))) for order in itertools.permutations(candidates)}
    assert orders == {("run-3_T1w", "run-2_T1w", "T1w", "acq-a_T1w", "acq-b_T1w")}


@pytest.mark.parametrize("thickness", [None, "1", True, -1, 0, float("nan"), 10**400, [1]])
def test_an_implausible_thickness_counts_as_unknown(thickness):
    candidates = [
        scan_of("sub-01_run-1_T1w.nii.gz", SliceThickness=1),
        scan_of("sub-01_run-2_T1w.nii.gz", SliceThickness=thickness),
    ]
    assert names(rank(candidates))[0] == "run-2_T1w"


def test_without_candidates_there_is_no_choice():
    assert rank([]) == []
    assert explain_choice([]) == "no candidate"
