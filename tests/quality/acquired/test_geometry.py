"""Acquisition: plane, gaps and field of view are read from the affine, the sidecar and a coarse look at the head."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from gliofill.config.settings import UsabilitySettings
from gliofill.quality.acquired.geometry import cut_of, gap_share, judge_geometry, plane_of
from gliofill.quality.acquired.measurement import Measurement


def affine_of(spacing: tuple[float, float, float], degrees: float = 0.0, about: str = "x") -> np.ndarray:
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler(about, degrees, degrees=True).as_matrix() * spacing
    return affine


@pytest.mark.parametrize(
    ("affine", "plane"),
    [
        (affine_of((0.9, 0.9, 5.0)), "axial"),
        (affine_of((0.9, 0.9, -5.0), 20), "axial"),
        (affine_of((0.9, 0.9, 5.0), 45), "oblique"),
        (affine_of((0.9, 0.9, 5.0), 80), "coronal"),
        (affine_of((5.0, 0.9, 0.9)), "sagittal"),
        (affine_of((1.0, 1.0, 1.3), 45), "isotropic"),
    ],
    ids=["axial", "tilted by 20 degrees", "tilted by 45", "tilted by 80", "sagittal", "3-D"],
)
def test_plane_is_that_of_the_slices(affine: np.ndarray, plane: str) -> None:
    assert plane_of(affine) == plane


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"SliceThickness": 5, "SpacingBetweenSlices": 10}, 1.0),
        ({"SliceThickness": 5}, 1.0),
        ({"SliceThickness": 10}, 0.0),
        ({"SliceThickness": 5, "SpacingBetweenSlices": 1}, None),
        ({"SliceThickness": 5, "SpacingBetweenSlices": 7}, None),
        ({"SliceThickness": "5 mm"}, None),
        ({"SliceThickness": True}, None),
        ({}, None),
    ],
    ids=["both", "thickness", "no gap", "the gap itself", "resampled", "text", "truth value", "nothing"],
)
def test_gap_comes_from_the_sidecar_where_it_fits_the_image(metadata: dict, expected: float | None) -> None:
    assert gap_share(metadata, 10.0) == expected


@pytest.mark.parametrize(
    ("directions", "end"),
    [((1, 1, 1), "top"), ((1, 1, -1), ""), ((-1, -1, -1), "")],
    ids=["cut at the top", "cut at the bottom", "at the bottom, other signs"],
)
def test_head_that_reaches_the_last_slice_is_cut_there_unless_it_is_the_neck(directions: tuple, end: str) -> None:
    head = np.zeros((20, 20, 20), dtype=bool)
    head[5:15, 5:15, 5:] = True
    head[5:15, 5:10, 5:] = False
    found, share = cut_of(head, np.diag([*directions, 1.0]))
    assert found == end and share == (1.0 if end else 0.0)


def measured(**changes: object) -> Measurement:
    return Measurement(**({"shape": (256, 256, 24), "spacing_mm": (0.9, 0.9, 6.0), "plane": "axial"} | changes))


@pytest.mark.parametrize(
    ("measurement", "settings", "metadata", "code"),
    [
        (measured(), {}, {}, None),
        (measured(), {"plane": "axial"}, {}, None),
        (measured(plane="isotropic"), {"plane": "axial"}, {}, None),
        (measured(plane="oblique"), {"plane": "axial"}, {}, "wrong-plane"),
        (measured(spacing_mm=(0.45, 0.45, 6.5)), {}, {}, None),
        (measured(spacing_mm=(0.45, 0.45, 6.5)), {"max_anisotropy": 10}, {}, "anisotropic"),
        (measured(spacing_mm=(0.9, 3.5, 6.0)), {}, {}, "coarse-pixels"),
        (measured(), {}, {"SliceThickness": 5, "SpacingBetweenSlices": 6}, None),
        (measured(), {}, {"SliceThickness": 3, "SpacingBetweenSlices": 6}, "slice-gaps"),
        (measured(shape=(256, 256, 16)), {}, {}, "short-field"),
        (measured(cut_share=0.45, cut_end="top"), {}, {}, None),
        (measured(cut_share=0.75, cut_end="top"), {}, {}, "cut-head"),
    ],
)
def test_each_defect_of_acquisition_has_its_verdict(
    measurement: Measurement, settings: dict, metadata: dict, code: str | None
) -> None:
    verdict = judge_geometry(measurement, UsabilitySettings(**settings), metadata)
    assert (verdict and verdict.code) == code
    if verdict and verdict.code != "wrong-plane":
        assert verdict.value is not None and verdict.threshold is not None
