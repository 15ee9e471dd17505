import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage.metrics import structural_similarity

from gliofill.errors import GliofillError
from gliofill.metrics.similarity import LinearMapping, brain_mae, brain_ssim, fit_linear, ssim_map


def smooth_noise(seed: int, shape: tuple[int, int, int] = (24, 26, 28)) -> np.ndarray:
    noise = gaussian_filter(np.random.default_rng(seed).normal(size=shape), 1.5)
    return ((noise - noise.min()) / np.ptp(noise)).astype(np.float64)


def ellipsoid(shape: tuple[int, int, int], radius: float) -> np.ndarray:
    along = np.indices(shape) - (np.array(shape)[:, None, None, None] - 1) / 2
    return (along**2).sum(axis=0) < radius**2


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_map_agrees_with_scikit_image(dtype: type) -> None:
    target = smooth_noise(0).astype(dtype)
    prediction = np.clip(0.8 * target + 0.2 * smooth_noise(1), 0, 1).astype(dtype)
    _, reference = structural_similarity(
        prediction.astype(np.float64),
        target.astype(np.float64),
        data_range=1.0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )
    np.testing.assert_allclose(ssim_map(prediction, target), reference, atol=1e-10)


def test_equal_images_have_ssim_one_and_no_error() -> None:
    image, brain = smooth_noise(0), ellipsoid((24, 26, 28), 9)
    assert brain_ssim(image, image, brain) == pytest.approx(1.0, abs=1e-12)
    assert brain_mae(image, image, brain) == 0


def test_brain_ssim_is_the_mean_of_the_whole_map_inside_the_brain() -> None:
    target, prediction = smooth_noise(0), smooth_noise(1)
    for mask in (ellipsoid(target.shape, 6), ellipsoid(target.shape, 14), np.ones(target.shape, dtype=bool)):
        expected = ssim_map(prediction, target)[mask].mean()
        assert brain_ssim(prediction, target, mask) == pytest.approx(expected, abs=1e-12)


def test_predicting_nothing_is_worth_nothing_inside_the_brain() -> None:
    brain = ellipsoid((60, 60, 60), 12)
    target = np.where(brain, 0.2 + 0.8 * smooth_noise(0, (60, 60, 60)), 0)
    zeros = np.zeros_like(target)
    assert ssim_map(zeros, target).mean() > 0.9  # the background makes it look good
    assert brain_ssim(zeros, target, brain) < 0.05


def test_an_erased_lesion_is_seen_inside_the_lesion() -> None:
    brain, lesion = ellipsoid((60, 60, 60), 24), ellipsoid((60, 60, 60), 6)
    tissue = 0.3 + 0.3 * smooth_noise(0, (60, 60, 60))
    target = np.where(brain, np.where(lesion, tissue + 0.35, tissue), 0)
    erased = np.where(brain, tissue, 0)
    assert brain_ssim(erased, target, brain) > 0.9
    assert brain_ssim(erased, target, lesion) < brain_ssim(erased, target, brain) - 0.1
    assert brain_mae(erased, target, lesion) == pytest.approx(0.35)


def test_a_gain_error_is_not_hidden() -> None:
    brain = ellipsoid((24, 26, 28), 9)
    target = 0.2 + 0.5 * smooth_noise(0)
    prediction = 1.3 * target
    assert brain_ssim(prediction, target, brain) < 0.98
    assert brain_mae(prediction, target, brain) == pytest.approx(0.3 * target[brain].mean())
    rescaled = prediction / prediction.max() * target.max()
    assert brain_ssim(rescaled, target, brain) == pytest.approx(1.0)  # what scaling each image by itself would claim


def test_a_noisier_prediction_scores_lower() -> None:
    target, brain = smooth_noise(0), ellipsoid((24, 26, 28), 9)
    noise = np.random.default_rng(2).normal(size=target.shape)
    scores = [brain_ssim(target + level * noise, target, brain) for level in (0.0, 0.02, 0.05, 0.2)]
    assert scores == sorted(scores, reverse=True)
    assert scores[-1] < 0.5


def test_empty_mask_is_refused() -> None:
    image = smooth_noise(0)
    for metric in (brain_ssim, brain_mae):
        with pytest.raises(GliofillError, match="the mask is empty"):
            metric(image, image, np.zeros(image.shape, dtype=bool))


def test_line_is_fitted_through_all_volumes_inside_the_masks() -> None:
    sources = [smooth_noise(seed) for seed in (0, 1)]
    masks = [ellipsoid(source.shape, radius) for source, radius in zip(sources, (6, 9), strict=True)]
    targets = [np.where(mask, 0.9 - 0.6 * source, 5.0) for source, mask in zip(sources, masks, strict=True)]
    mapping = fit_linear(sources, targets, masks)
    assert (mapping.slope, mapping.intercept) == pytest.approx((-0.6, 0.9))


def test_line_agrees_with_least_squares() -> None:
    generator = np.random.default_rng(0)
    x, y = generator.random(500), generator.random(500)
    mapping = fit_linear([x], [y], [np.ones(500, dtype=bool)])
    assert (mapping.slope, mapping.intercept) == pytest.approx(tuple(np.polyfit(x, y, 1)))


def test_mapped_source_stays_in_the_unit_interval() -> None:
    assert LinearMapping(2.0, -0.5)(np.array([0.0, 0.5, 1.0])).tolist() == [0.0, 0.5, 1.0]


def test_line_through_a_constant_is_refused() -> None:
    constant = np.full(10, 0.5)
    with pytest.raises(GliofillError, match="the sources are constant"):
        fit_linear([constant], [constant], [np.ones(10, dtype=bool)])
    with pytest.raises(GliofillError, match="the sources are constant"):
        fit_linear([constant], [constant], [np.zeros(10, dtype=bool)])
