"""Whether an image fits where it lies: known places, another anatomy, and a mirrored one."""

import numpy as np
import pytest
from scipy import ndimage

from gliofill.quality.preprocessed.fit import LEAST_MIRRORED, LEAST_PEAK, Fit, Scale, Volume, fits_there, mirror, shift

SHAPE = (64, 72, 56)
SCALE = Scale(move=5.0, depth_mm=4.0, spacing_mm=2.0)


def folds(seed: int) -> np.ndarray:
    """Return tissue with folds 6 mm wide."""
    noise = np.random.default_rng(seed).normal(size=SHAPE)
    return np.asarray(ndimage.gaussian_filter(noise, 3) > 0, dtype=np.float32)


@pytest.fixture(scope="module")
def brain() -> np.ndarray:
    grid = np.stack(np.meshgrid(*[np.linspace(-1, 1, n) for n in SHAPE], indexing="ij"))
    return np.linalg.norm(grid, axis=0) < 0.9


def scan(data: np.ndarray, seed: int = 9) -> Volume:
    """Return another contrast of some tissue, with noise, 20 mm further to the right in its own space."""
    noise = np.random.default_rng(seed).normal(0, 0.2, SHAPE)
    return Volume((1 - 0.6 * data + noise).astype(np.float32), shift(np.array([20.0, 0, 0])))


def test_the_right_place_fits_and_places_around_do_not(brain: np.ndarray) -> None:
    fit = Fit(Volume(folds(0), np.eye(4)), brain, scan(folds(0)), SCALE)
    right = shift(np.array([20.0, 0, 0]))
    assert fit.peak(right) > 1.3 and fit.mirrored(right) > 2
    assert fit.peak(right @ shift(np.array([0, 6.0, 0]))) < 1
    assert fit.information(right) > 2 * fit.information(right @ shift(np.array([0, 6.0, 0])))


def test_another_anatomy_fits_nowhere(brain: np.ndarray) -> None:
    fit = Fit(Volume(folds(0), np.eye(4)), brain, scan(folds(1)), SCALE)
    assert fit.peak(shift(np.array([20.0, 0, 0]))) < LEAST_PEAK


def test_a_mirrored_image_is_told_although_its_plane_is_tilted(brain: np.ndarray) -> None:
    volume = scan(folds(0)[::-1])
    tilt = mirror(np.zeros(3), 4.0, 0.0, 0.0) @ mirror(np.zeros(3), 0.0, 0.0, 0.0)
    fit = Fit(Volume(folds(0), np.eye(4)), brain, Volume(volume.data, tilt @ volume.affine), SCALE)
    assert fit.mirrored(tilt @ shift(np.array([20.0, 0, 0]))) < LEAST_MIRRORED


def test_images_of_one_space_fit_there_only_if_they_lie_on_each_other(brain: np.ndarray) -> None:
    fixed, moving = Volume(folds(0), np.eye(4)), scan(folds(0)).data
    assert fits_there(Fit(fixed, brain, Volume(moving, np.eye(4)), SCALE))
    assert not fits_there(Fit(fixed, brain, Volume(np.roll(moving, 7, axis=0), np.eye(4)), SCALE))


def test_what_the_field_of_view_lacks_does_not_count(brain: np.ndarray) -> None:
    moving = scan(folds(0))
    upper = Volume(moving.data[..., 28:], moving.affine @ shift(np.array([0, 0, 28.0])))
    fit = Fit(Volume(folds(0), np.eye(4)), brain, upper, SCALE)
    right = shift(np.array([20.0, 0, 0]))
    assert 0.3 < fit.in_field(right).mean() < 0.7 and fit.peak(right) > 1.3
    assert fit.peak(shift(np.array([500.0, 0, 0]))) == 0
