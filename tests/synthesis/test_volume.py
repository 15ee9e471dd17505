import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from tests.support.known_model import GRID, Negative, make_model

from gliofill.errors import GliofillError
from gliofill.learning.models.calibration import Calibration
from gliofill.learning.models.folder import Model
from gliofill.learning.networks.generator import Generator
from gliofill.learning.volumes.framing import Scale
from gliofill.synthesis.volume import Source, predict_volume, select_device

CPU = select_device("cpu")


class Same(Generator):
    """A network that returns its input."""

    def forward(self, source: torch.Tensor) -> torch.Tensor:
        """Return the input."""
        return source


def predict_image(model: Model, source: np.ndarray, brain: np.ndarray, **options: Any) -> np.ndarray:
    return predict_volume(model, Source(source, brain, np.eye(4)), device=CPU, **options).image


@pytest.fixture
def network() -> Generator:
    torch.manual_seed(0)
    return Generator(4, 1, upsampling="resize")


@pytest.fixture
def brain() -> np.ndarray:
    along = (np.indices(GRID) - np.array([20, 23, 6])[:, None, None, None]) / np.array([15, 20, 4])[:, None, None, None]
    return (along**2).sum(axis=0) < 1


@pytest.fixture
def source() -> np.ndarray:
    return np.random.default_rng(0).uniform(1000, 2000, size=GRID).astype(np.float32)


def test_intensities_come_out_on_the_scale_of_the_training_targets(source: np.ndarray, brain: np.ndarray) -> None:
    predicted = predict_image(make_model(Negative(1, 0)), source, brain, precision="fp32")
    unit = Scale.of(source, brain).to_unit(source)
    np.testing.assert_allclose(predicted[brain], 100 + 200 * (1 - unit[brain]), rtol=1e-5)
    assert predicted[brain].min() == pytest.approx(100) and predicted[brain].max() == pytest.approx(300)


def test_every_voxel_stays_in_its_place_and_the_background_is_zero(source: np.ndarray, brain: np.ndarray) -> None:
    before = source.copy()
    predicted = predict_image(make_model(Negative(1, 0)), source, brain)
    assert predicted.shape == GRID and predicted.dtype == np.float32
    assert not predicted[~brain].any()
    assert (predicted[brain] > 0).all()
    np.testing.assert_array_equal(source, before)


def test_intensities_outside_the_brain_do_not_matter(network: Generator, source: np.ndarray, brain: np.ndarray) -> None:
    model = make_model(network)
    other = np.where(brain, source, np.nan)
    np.testing.assert_array_equal(predict_image(model, source, brain), predict_image(model, other, brain))


def test_gain_of_the_source_does_not_matter(network: Generator, source: np.ndarray, brain: np.ndarray) -> None:
    model = make_model(network)
    plain = predict_image(model, source, brain, precision="fp32")
    gained = predict_image(model, 3 * source + 50, brain, precision="fp32")
    np.testing.assert_allclose(gained, plain, atol=0.05)


def test_place_in_the_grid_does_not_matter(network: Generator, source: np.ndarray, brain: np.ndarray) -> None:
    model = make_model(network, (32, 48))
    padding = ((9, 4), (0, 7), (3, 2))
    plain = predict_image(model, source, brain, precision="fp32")
    moved = predict_image(model, np.pad(source, padding), np.pad(brain, padding), precision="fp32")
    np.testing.assert_allclose(moved, np.pad(plain, padding), atol=0.05)


def test_batch_size_does_not_matter(network: Generator, source: np.ndarray, brain: np.ndarray) -> None:
    model = make_model(network)
    one, eight = (predict_image(model, source, brain, batch_size=n, precision="fp32") for n in (1, 8))
    np.testing.assert_allclose(one, eight, atol=0.01)


def test_prediction_repeats_exactly(network: Generator, source: np.ndarray, brain: np.ndarray) -> None:
    model = make_model(network)
    first, second = (predict_image(model, source, brain) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_every_slice_with_a_brain_voxel_is_predicted(source: np.ndarray) -> None:
    brain = np.zeros(GRID, dtype=bool)
    brain[20, 20:30, 2] = brain[10:30, 10:40, 5] = True
    seen: list[int] = []
    network = Negative(1, 0)
    network.register_forward_hook(lambda _, inputs, output: seen.append(len(inputs[0])))
    predicted = predict_image(make_model(network), source, brain, flip_average=False)
    assert sum(seen) == 4  # those between the two as well
    assert (predicted[brain] >= 100).all()


def test_unusable_input_is_refused(network: Generator, source: np.ndarray, brain: np.ndarray) -> None:
    model = make_model(network)
    for bad_source, bad_brain, message in (
        (source[:-1], brain, r"the source has shape \(39, 50, 12\) and the brain mask \(40, 50, 12\)"),
        (source, np.zeros_like(brain), "the brain mask is empty"),
        (np.full(GRID, 7.0), brain, "constant inside the brain"),
        (np.where(source > 1900, np.nan, source), brain, "NaN or infinite values inside the brain"),
    ):
        with pytest.raises(GliofillError, match=message):
            predict_image(model, bad_source, bad_brain)


def test_a_model_that_predicts_no_numbers_is_told(network: Generator, source: np.ndarray, brain: np.ndarray) -> None:
    with torch.no_grad():
        network.output.bias.fill_(torch.nan)
    with pytest.raises(GliofillError, match="T2w-to-FLAIR-test-00000000: predicted values that are not finite"):
        predict_image(make_model(network), source, brain)


def test_without_calibration_there_is_no_uncertainty(network: Generator, source: np.ndarray, brain: np.ndarray) -> None:
    assert predict_volume(make_model(network), Source(source, brain, np.eye(4)), device=CPU).uncertainty is None


def test_uncertainty_is_the_calibrated_spread_in_intensities(source: np.ndarray, brain: np.ndarray) -> None:
    # an ensemble of x and -x: their standard deviation is |x| on the network's scale, |x| / 2 on the unit scale
    model = dataclasses.replace(
        make_model(Negative(1, 0)), networks=[Negative(1, 0), Same(1, 0)], calibration=Calibration(0.9, 2.0, 0.05, 3)
    )
    result = predict_volume(model, Source(source, brain, np.eye(4)), device=CPU, precision="fp32")
    unit = Scale.of(source, brain).to_unit(source)[brain]
    assert result.uncertainty is not None
    np.testing.assert_allclose(result.image[brain], 200, atol=1e-3)
    np.testing.assert_allclose(result.uncertainty[brain], 200 * 2 * (np.abs(unit - 0.5) + 0.05), atol=1e-3)
    assert not result.uncertainty[~brain].any()
