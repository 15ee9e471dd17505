"""Noise of both kinds: smooth fields that shape things, and that of a scanner."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage


def smooth_noise(shape: tuple[int, ...], rng: np.random.Generator, *, width: float) -> NDArray[np.float32]:
    """Return Gaussian noise smoothed over `width` voxels, of mean 0 and standard deviation 1."""
    noise = ndimage.gaussian_filter(rng.standard_normal(shape, dtype=np.float32), width)
    return (noise - noise.mean()) / noise.std()


def add_rician_noise(image: NDArray[np.float32], sigma: np.float32, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return the magnitude of an image with Gaussian noise of deviation `sigma` in both of its channels."""
    real = image + sigma * rng.standard_normal(image.shape, dtype=np.float32)
    return np.hypot(real, sigma * rng.standard_normal(image.shape, dtype=np.float32))
