import numpy as np
import pytest

from gliofill.simulation.noise import add_rician_noise, smooth_noise


def test_smooth_noise_is_standard_and_as_smooth_as_asked_for() -> None:
    rng = np.random.default_rng(0)
    for width in (1.0, 4.0):
        noise = smooth_noise((60, 60, 60), rng, width=width)
        assert noise.mean() == pytest.approx(0, abs=1e-4) and noise.std() == pytest.approx(1, abs=1e-4)
        # neighbours of Gaussian-smoothed white noise correlate by exp(-1 / (4 width²))
        along = np.corrcoef(noise[1:].ravel(), noise[:-1].ravel())[0, 1]
        assert along == pytest.approx(np.exp(-1 / (4 * width**2)), abs=0.03)


@pytest.mark.parametrize(("signal", "mean"), [(0.0, 0.1 * np.sqrt(np.pi / 2)), (10.0, 10.0)], ids=["air", "tissue"])
def test_noise_of_a_magnitude_image_is_that_of_rice(signal: float, mean: float) -> None:
    image = np.full((50, 50, 50), signal, dtype=np.float32)
    noisy = add_rician_noise(image, np.float32(0.1), np.random.default_rng(0))
    assert noisy.min() >= 0 and noisy.mean() == pytest.approx(mean, rel=0.01)
