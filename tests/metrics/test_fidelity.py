import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from scipy.signal import convolve2d
from skimage.metrics import normalized_root_mse, peak_signal_noise_ratio, structural_similarity

from gliofill.errors import GliofillError
from gliofill.metrics import fidelity
from gliofill.metrics.similarity import brain_mae, brain_ssim

SHAPE = (20, 24, 26)


def smooth_noise(seed: int, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    noise = gaussian_filter(np.random.default_rng(seed).normal(size=shape), 1.5)
    return (noise - noise.min()) / np.ptp(noise)


def ball(shape: tuple[int, ...], radius: float) -> np.ndarray:
    along = np.indices(shape) - (np.array(shape).reshape(-1, *[1] * len(shape)) - 1) / 2
    return (along**2).sum(axis=0) < radius**2


EVERYWHERE = np.ones(SHAPE, dtype=bool)


def test_signal_to_noise_agrees_with_scikit_image() -> None:
    target, prediction = smooth_noise(0), smooth_noise(1)
    expected = peak_signal_noise_ratio(target, prediction, data_range=1)
    assert fidelity.psnr_db(prediction, target, EVERYWHERE) == pytest.approx(expected)
    assert fidelity.psnr_db(target, target, EVERYWHERE) == math.inf


def test_signal_to_noise_is_that_of_the_mask() -> None:
    mask = ball(SHAPE, 6)
    target = smooth_noise(0)
    prediction = np.where(mask, target + 0.1, 5)
    assert fidelity.psnr_db(prediction, target, mask) == pytest.approx(20)


def test_normalised_error_agrees_with_scikit_image() -> None:
    target, prediction = smooth_noise(0), smooth_noise(1)
    expected = normalized_root_mse(target, prediction, normalization="euclidean") ** 2
    assert fidelity.nmse(prediction, target, EVERYWHERE) == pytest.approx(expected)
    assert fidelity.nmse(np.zeros(SHAPE), target, EVERYWHERE) == pytest.approx(1)


def test_an_error_relative_to_an_empty_target_is_refused() -> None:
    with pytest.raises(GliofillError, match="the target is 0 inside the whole mask"):
        fidelity.nmse(smooth_noise(0), np.zeros(SHAPE), EVERYWHERE)


def test_stripes_that_make_up_for_blur_are_seen_by_the_step_error_alone() -> None:
    target = smooth_noise(0)
    steps = np.abs(np.diff(target, axis=0)).mean()
    flat = np.broadcast_to(target.mean(axis=0), SHAPE)
    stripes = flat + steps / 2 * (-1.0) ** np.arange(SHAPE[0])[:, None, None]
    assert fidelity.slice_roughness(stripes, target, EVERYWHERE) == pytest.approx(1)
    assert fidelity.slice_step_error(stripes, target, EVERYWHERE) > 1
    assert fidelity.slice_step_error(flat, target, EVERYWHERE) == pytest.approx(1)
    assert fidelity.slice_step_error(target, target, EVERYWHERE) == 0
    assert math.isnan(fidelity.slice_step_error(target[:1], target[:1], EVERYWHERE[:1]))


def test_enhancement_is_what_the_source_shows_brighter() -> None:
    target = np.full(SHAPE, 0.4)
    rim = ball(SHAPE, 6)
    source = np.where(rim, 0.9, target)
    half = np.where(rim, 0.75, target + 0.1)  # too bright everywhere, and half of the rim on top of it
    for prediction, left in ((source, 1), (target, 0), (half, 0.5), (np.where(rim, 0.3, 0.4), -0.2)):
        assert fidelity.enhancement_left(prediction, source, target, EVERYWHERE) == pytest.approx(left)
    assert math.isnan(fidelity.enhancement_left(target, target + 0.1, target, EVERYWHERE))


def test_bias_has_a_sign() -> None:
    target, mask = smooth_noise(0), ball(SHAPE, 5)
    assert fidelity.mean_bias(target - 0.25, target, mask) == pytest.approx(-0.25)
    assert fidelity.mean_bias(np.where(mask, target, 9), target, mask) == 0


def test_gradient_deviation_agrees_with_the_definition_in_two_dimensions() -> None:
    target, prediction = smooth_noise(0, (30, 32)), smooth_noise(1, (30, 32))
    across = np.array([[1, 0, -1]] * 3) / 3

    def magnitude(image: np.ndarray) -> np.ndarray:
        return np.hypot(*(convolve2d(image, kernel, mode="same", boundary="symm") for kernel in (across, across.T)))

    x, y = magnitude(prediction), magnitude(target)
    expected = ((2 * x * y + 170 / 255**2) / (x**2 + y**2 + 170 / 255**2)).std()
    volumes = [np.repeat(image[None], 5, axis=0) for image in (prediction, target)]
    deviation = fidelity.gradient_deviation(*volumes, np.ones((5, 30, 32), dtype=bool))
    assert deviation == pytest.approx(expected)


def test_gradient_deviation_sees_blur_and_the_mask_alone() -> None:
    target, mask = smooth_noise(0), ball(SHAPE, 6)
    blurred = [gaussian_filter(target, sigma) for sigma in (0.5, 1, 2)]
    deviations = [fidelity.gradient_deviation(image, target, mask) for image in (target, *blurred)]
    assert deviations[0] == 0
    assert sorted(deviations) == deviations
    elsewhere = np.where(ball(SHAPE, 9), blurred[2], 7)
    assert fidelity.gradient_deviation(elsewhere, target, mask) == deviations[3]


def test_stripes_between_slices_raise_the_roughness() -> None:
    ramp = np.broadcast_to(0.1 * np.arange(5.0)[:, None, None], (5, 4, 4))
    mask = np.ones(ramp.shape, dtype=bool)
    striped = ramp + 0.1 * (np.arange(5) % 2)[:, None, None]
    assert fidelity.slice_roughness(ramp, ramp, mask) == pytest.approx(1)
    assert fidelity.slice_roughness(0.5 * ramp, ramp, mask) == pytest.approx(0.5)
    # steps of 0.2 and 0 in turn: their mean is that of the ramp, with twice the stripes it is more
    assert fidelity.slice_roughness(striped, ramp, mask) == pytest.approx(1)
    assert fidelity.slice_roughness(striped + striped - ramp, ramp, mask) == pytest.approx(2)


def test_roughness_needs_two_slices_that_differ() -> None:
    image = smooth_noise(0)
    single = np.zeros(SHAPE, dtype=bool)
    single[3] = True
    assert math.isnan(fidelity.slice_roughness(image, image, single))
    assert math.isnan(fidelity.slice_roughness(image, np.full(SHAPE, 0.5), EVERYWHERE))


def test_masked_ssim_is_that_of_scikit_image_over_the_whole_volume() -> None:
    target, prediction = smooth_noise(0), smooth_noise(1)
    corner = np.zeros(SHAPE, dtype=bool)
    corner[:5, :6, 20:] = True
    for mask in (ball(SHAPE, 5), corner):
        expected = structural_similarity(
            prediction * mask,
            target * mask,
            data_range=1,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            full=True,
        )[1].mean()
        assert fidelity.masked_ssim(prediction, target, mask) == pytest.approx(expected, abs=1e-12)


def test_masked_ssim_praises_an_empty_prediction_that_the_lesion_ssim_condemns() -> None:
    # 50 mL in the usual grid of 240 x 240 x 155 voxels of 1 mm
    lesion = np.zeros((155, 240, 240), dtype=bool)
    lesion[50:96, 100:146, 90:136] = ball((46, 46, 46), 22.9)
    assert lesion.sum() / 1000 == pytest.approx(50, abs=1)
    target = np.zeros(lesion.shape, dtype=np.float32)
    target[45:101, 95:151, 85:141] = 0.5 + 0.4 * smooth_noise(0, (56, 56, 56))
    zeros = np.zeros_like(target)
    assert fidelity.masked_ssim(zeros, target, lesion) == pytest.approx(0.99, abs=0.005)
    assert brain_ssim(zeros, target, lesion) < 0.05


def test_a_gain_error_is_seen_on_the_fixed_scale_and_hidden_by_scaling_each_image() -> None:
    target, brain = 0.1 + 0.6 * smooth_noise(0), ball(SHAPE, 9)
    brighter = 1.3 * target
    assert brain_ssim(brighter, target, brain) < 0.97
    assert fidelity.nmse(brighter, target, brain) == pytest.approx(0.09)
    own = [(image - image.min()) / np.ptp(image) for image in (brighter, target)]
    assert brain_ssim(*own, brain) == pytest.approx(1)


def test_a_wrong_data_range_changes_the_numbers() -> None:
    target, prediction = smooth_noise(0), smooth_noise(1)
    # the same images in tenths, read as if 1 still were the range
    psnr, wrong_psnr = (fidelity.psnr_db(prediction / k, target / k, EVERYWHERE) for k in (1, 10))
    assert wrong_psnr == pytest.approx(psnr + 20)
    ssim, wrong_ssim = (brain_ssim(prediction / k, target / k, EVERYWHERE) for k in (1, 10))
    assert wrong_ssim > ssim + 0.3


def test_contrast_is_relative_to_white_matter_and_has_a_least_reference() -> None:
    lesion = np.array([True, True, False, False, False])
    white = ~lesion
    assert fidelity.lesion_contrast(np.array([0.8, 0.6, 0.4, 0.4, 9.0]), lesion, white) == pytest.approx(0.75)
    assert fidelity.lesion_contrast(np.zeros(5), lesion, white) == 0
    assert fidelity.lesion_contrast(np.array([0.1, 0.1, 0.0, 0.0, 0.0]), lesion, white) == pytest.approx(2)


@pytest.mark.parametrize(
    "metric",
    [
        fidelity.psnr_db,
        fidelity.nmse,
        fidelity.mean_bias,
        fidelity.gradient_deviation,
        fidelity.masked_ssim,
        lambda image, _, mask: fidelity.lesion_contrast(image, mask, mask),
    ],
)
def test_an_empty_mask_is_refused(metric) -> None:
    with pytest.raises(GliofillError, match="the mask is empty"):
        metric(smooth_noise(0), smooth_noise(1), np.zeros(SHAPE, dtype=bool))


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.5, 1), st.sampled_from([np.float16, np.float32, np.float64]))
def test_what_is_outside_the_mask_does_not_count(seed: int, level: float, dtype: type) -> None:
    generator = np.random.default_rng(seed)
    target, prediction = (generator.random((6, 7, 8)).astype(dtype) for _ in range(2))
    mask = generator.random((6, 7, 8)) < level
    elsewhere = np.where(mask, prediction, generator.random((6, 7, 8)).astype(dtype))
    for metric in (fidelity.psnr_db, fidelity.nmse, fidelity.mean_bias, fidelity.masked_ssim, brain_mae):
        assert metric(prediction, target, mask) == metric(elsewhere, target, mask)
