"""Motion is detected by edges that hang together along one axis less than they should."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from gliofill.config.settings import UsabilitySettings
from gliofill.contrasts import Contrast
from gliofill.quality.acquired.corruption import measure_scores
from gliofill.quality.acquired.motion import Weights, compare_axes, describe_axes, evidence
from gliofill.quality.acquired.tissue import measure_tissue
from gliofill.simulation.artefacts.grid import Grid, Image
from gliofill.simulation.artefacts.head_motion import add_motion
from gliofill.simulation.head import built_in_head, render

THRESHOLD = UsabilitySettings().max_motion

#: columns of what `describe_axes` returns
FEATURES = (
    *("sparse_fine", "sparse_middle", "sparse_coarse"),
    *("linked_fine", "linked_coarse", "linked_far"),
    *("faint_linked_fine", "faint_linked_coarse", "faint_linked_far"),
    *("doubled", "repeated"),
)


def named(table: np.ndarray | None, axis: int) -> dict[str, float]:
    assert table is not None and table.shape[1] == len(FEATURES)
    return dict(zip(FEATURES, table[axis], strict=True))


def score_of(image: Image, spacing_mm: tuple[float, float, float]) -> float:
    return measure_scores(image, np.diag([*spacing_mm, 1.0]), tissue=measure_tissue(image))["motion"]


def test_detail_of_white_noise_is_everywhere_and_hangs_together_nowhere() -> None:
    noise = np.random.default_rng(0).standard_normal((100, 100, 100)).astype(np.float32)
    for axis in range(3):
        found = named(describe_axes(noise, (1.0, 1.0, 1.0), (0, 1, 2)), axis)
        # the envelope of Gaussian noise has a Rayleigh distribution: mean square 2, squared mean pi / 2; and the window
        # adds a little
        sparse = [found[f"sparse_{band}"] for band in ("fine", "middle", "coarse")]
        assert sparse == pytest.approx([np.log(4 / np.pi) + 0.05] * 3, abs=0.03)
        assert abs(found["linked_far"]) < 0.25 and abs(found["faint_linked_far"]) < 0.25


def test_few_edges_are_sparse_and_their_bands_lie_at_one_place() -> None:
    blocks = np.kron(np.random.default_rng(0).random((3, 3, 3)), np.ones((40, 40, 40))).astype(np.float32)
    found = named(describe_axes(blocks, (1.0, 1.0, 1.0), (0, 1, 2)), 0)
    assert found["sparse_fine"] > 1 and found["linked_fine"] > 0.6


def test_doubled_edges_repeat_along_their_own_axis_only() -> None:
    image = gaussian_filter(np.random.default_rng(0).standard_normal((120, 120, 30)), (2, 2, 0)).astype(np.float32)
    doubled = image + np.roll(image, 12, axis=1)
    once, twice = (describe_axes(picture, (1.0, 1.0, 5.0), (0, 1)) for picture in (image, doubled))
    assert named(twice, 1)["doubled"] > named(once, 1)["doubled"] + 0.05
    assert named(twice, 0)["doubled"] == pytest.approx(named(once, 0)["doubled"], abs=0.02)


def test_small_box_is_not_described() -> None:
    assert describe_axes(np.ones((59, 200, 20), np.float32), (1.0, 1.0, 5.0), (0, 1)) is None
    assert describe_axes(np.ones((100, 100, 20), np.float32), (1.0, 1.0, 5.0), (0, 1)) is None


def test_evidence_is_that_of_the_axis_that_stands_out() -> None:
    table = np.array([[1.0, 2.0], [3.0, 2.0], [2.0, 5.0]])
    np.testing.assert_allclose(compare_axes(table)[0], [1, 2, -1.5, -1.5])
    # 1 x first + 2 x (second less that of the others) - 1: 1 - 3 - 1, 3 - 3 - 1, 2 + 6 - 1
    assert evidence(table, Weights((1.0, 0.0, 0.0, 2.0), -1.0)) == pytest.approx(7)


@pytest.mark.slow
@pytest.mark.parametrize("contrast", list(Contrast), ids=str)
def test_still_heads_pass_at_any_resolution_with_and_without_skull(contrast: Contrast) -> None:
    head = built_in_head()
    rng = np.random.default_rng(3)
    image = 1000 * render(head, contrast) * (1 + 0.04 * rng.standard_normal(head.brain.shape, dtype=np.float32))
    image = np.abs(image + 15 * rng.standard_normal(image.shape, dtype=np.float32)).astype(np.float32)
    thick = image[:, :, : image.shape[2] // 5 * 5].reshape(*image.shape[:2], -1, 5).mean(axis=3)
    for still, spacing in ((image, (1.0, 1.0, 1.0)), (image * head.brain, (1.0, 1.0, 1.0)), (thick, (1.0, 1.0, 5.0))):
        assert score_of(still, spacing) < THRESHOLD


@pytest.mark.parametrize("interleaved", [True, False], ids=["interleaved", "blocks"])
@pytest.mark.parametrize("phase_axis", [0, 1])
@pytest.mark.parametrize("seed", [1, 2])
def test_severe_motion_is_found_along_either_axis(head: Image, interleaved: bool, phase_axis: int, seed: int) -> None:
    grid = Grid((2.0, 2.0, 5.0), slice_axis=2, phase_axis=phase_axis)
    moved = add_motion(head, grid, 5.0, np.random.default_rng(seed), interleaved=interleaved)
    assert score_of(moved, (2.0, 2.0, 5.0)) > THRESHOLD > score_of(head, (2.0, 2.0, 5.0))
