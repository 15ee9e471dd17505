"""Corruptions on purpose do what they say, in millimetres, degrees and shares of the tissue."""

import numpy as np
import pytest
from scipy import fft, ndimage

from gliofill.quality.acquired.tissue import measure_tissue
from gliofill.simulation.artefacts.corruptions import (
    CORRUPTIONS,
    add_noise,
    add_spikes,
    drop_slices,
    saturate,
    thicken,
    undersample,
    wrap_around,
)
from gliofill.simulation.artefacts.grid import Grid, Image, plan_grid
from gliofill.simulation.artefacts.head_motion import add_motion, move_in_plane

GRID = Grid((1.0, 1.2, 5.0), slice_axis=2, phase_axis=0)


@pytest.fixture
def block() -> Image:
    """Return a smooth block on an air background, shape (96, 80, 6)."""
    image = np.zeros((96, 80, 6), dtype=np.float32)
    image[30:60, 25:55] = 100
    return ndimage.gaussian_filter(image, (2, 2, 0))


def centre_mm(image: Image) -> np.ndarray:
    return np.array(ndimage.center_of_mass(image[..., 0])) * GRID.spacing_mm[:2]


def test_shift_is_in_millimetres(block: Image) -> None:
    moved = move_in_plane(block, GRID, 0.0, (5.0, -3.6))
    np.testing.assert_allclose(centre_mm(moved) - centre_mm(block), (5.0, -3.6), atol=0.02)


def test_rotation_and_shift_agree_with_interpolation(block: Image) -> None:
    angle, shift = np.deg2rad(20), np.array([5.0, -3.6])
    middle = (np.array(block.shape[:2]) - 1) / 2 * GRID.spacing_mm[:2]
    points = np.stack(np.meshgrid(np.arange(96), np.arange(80) * 1.2, indexing="ij")) - (middle + shift)[:, None, None]
    back = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    source = np.tensordot(back, points, axes=1) + middle[:, None, None]
    expected = ndimage.map_coordinates(block[..., 0], [source[0], source[1] / 1.2], order=3)
    np.testing.assert_allclose(move_in_plane(block, GRID, 20, (5.0, -3.6))[..., 0], expected, atol=0.05)


@pytest.mark.parametrize("interleaved", [True, False])
def test_no_motion_changes_nothing(block: Image, interleaved: bool) -> None:
    still = add_motion(block, GRID, 0.0, np.random.default_rng(0), interleaved=interleaved)
    np.testing.assert_allclose(still, block, atol=1e-3)


def test_every_line_of_k_space_comes_from_the_pose_of_its_shot(block: Image) -> None:
    # noise in all of k-space: no line was left out, and the air is not exactly 0
    image = block + 5 + np.random.default_rng(0).standard_normal(block.shape).astype(np.float32)
    poses = np.random.default_rng(3).uniform(-4, 4, (2, 3))
    first, second = (fft.fft(move_in_plane(image, GRID, turn, (x, y)), axis=0) for turn, x, y in poses)
    mixed = np.where((np.arange(96) % 2 == 0)[:, None, None], first, second)
    corrupted = add_motion(image, GRID, 4.0, np.random.default_rng(3), shots=2)
    np.testing.assert_allclose(corrupted, np.abs(fft.ifft(mixed, axis=0)), atol=0.01)


def test_noise_has_the_deviation_it_claims(head: Image) -> None:
    noisy = add_noise(np.full((40, 40, 20), 100, np.float32), GRID, 10.0, np.random.default_rng(0))
    assert noisy.std() == pytest.approx(10, rel=0.03)
    background = add_noise(head, GRID, 10.0, np.random.default_rng(0))[0]
    # the magnitude of noise alone has a mean of 1.25 deviations
    assert background.mean() == pytest.approx(1.25 * 0.1 * measure_tissue(head).level, rel=0.1)


def test_undersampled_image_has_no_finer_detail_than_it_claims() -> None:
    image = 100 + np.random.default_rng(0).standard_normal((96, 80, 6)).astype(np.float32)
    power = np.abs(fft.fft(undersample(image, GRID, 4.0, np.random.default_rng(0)), axis=0)) ** 2
    frequency = np.abs(fft.fftfreq(96, 1.0))
    assert power[frequency > 1 / 8].max() < 1e-3 * power[(frequency <= 1 / 8) & (frequency > 0)].mean()


def test_thick_slices_average_and_keep_the_grid() -> None:
    grid = Grid((1.0, 1.0, 1.0), slice_axis=2, phase_axis=0)
    image = np.zeros((4, 4, 40), dtype=np.float32)
    image[..., 20] = 50
    thick = thicken(image + 1, grid, 5.0, np.random.default_rng(0)) - 1
    assert thick.shape == image.shape and thick.max() == pytest.approx(10)
    assert thick.sum() == pytest.approx(image.sum(), rel=0.01)
    # linear interpolation of a box of 5 mm: a triangle of that width at half its height
    assert (thick[0, 0] > 5 - 1e-3).sum() == 5


def test_what_does_not_fit_is_folded_in_and_nothing_is_lost(block: Image) -> None:
    folded = wrap_around(block, GRID, 10.0, np.random.default_rng(0))
    extent = measure_tissue(block).extent(0)
    assert folded.shape[0] == extent[1] - extent[0] - 10
    assert folded.sum() == pytest.approx(block.sum(), rel=1e-4)


def test_saturation_puts_its_share_of_the_head_at_the_top(head: Image) -> None:
    saturated = saturate(head, GRID, 3.0, np.random.default_rng(0))
    at_top = (saturated == saturated.max()).sum() / (head > measure_tissue(head).threshold).sum()
    assert at_top == pytest.approx(0.03, rel=0.02)


def test_two_slices_lose_their_share_of_signal(head: Image) -> None:
    ratio = drop_slices(head, GRID, 60.0, np.random.default_rng(0)).sum(axis=(0, 1)) / head.sum(axis=(0, 1))
    assert sorted(np.round(ratio, 4))[:2] == [0.4, 0.4] and (np.round(ratio, 4) == 1).sum() == len(ratio) - 2


def test_stripes_have_their_amplitude_and_lie_on_a_third_of_the_slices() -> None:
    striped = add_spikes(np.full((64, 64, 9), 100, np.float32), GRID, 8.0, np.random.default_rng(0)) - 100
    amplitude = np.abs(striped).max(axis=(0, 1))
    assert (amplitude > 0).sum() == 3 and amplitude.max() == pytest.approx(8, rel=0.02)


def test_slices_are_planned_across_the_thickest_voxels() -> None:
    for seed in range(5):
        grid = plan_grid((0.9, 5.0, 0.9), np.random.default_rng(seed))
        assert grid.slice_axis == 1 and grid.phase_axis in (0, 2) and not grid.is_3d
    assert plan_grid((1.0, 1.0, 1.0), np.random.default_rng(0)).is_3d


# nothing of a stripped brain lies outside the field of view, so that it cannot fold
@pytest.mark.parametrize("name", [name for name in CORRUPTIONS if name != "wrap-around"])
def test_air_that_was_set_to_zero_stays_zero(stripped_head: Image, name: str) -> None:
    corruption = CORRUPTIONS[name]
    grid = Grid((2.0, 2.0, 5.0), slice_axis=2, phase_axis=1)
    corrupted = corruption.apply(stripped_head, grid, corruption.amounts[-1], np.random.default_rng(0))
    assert not corrupted[stripped_head == 0].any() and not np.array_equal(corrupted, stripped_head)
