"""A small head that looks like a raw scan, for scores and corruptions."""

import numpy as np
import pytest

from gliofill.contrasts import Contrast
from gliofill.simulation.artefacts.grid import Grid, Image
from gliofill.simulation.head import built_in_head, render

#: of the small head, thick across the third axis
SPACING_MM = (2.0, 2.0, 5.0)
AFFINE = np.diag([*SPACING_MM, 1.0])
GRID = Grid(SPACING_MM, slice_axis=2, phase_axis=1)


@pytest.fixture(scope="session")
def fine_head() -> Image:
    """Return the built-in head as a T1w image with texture and noise, 1 mm, intensities like a scanner's."""
    head = built_in_head()
    rng = np.random.default_rng(5)
    image = 1000 * render(head, Contrast.T1W) * (1 + 0.04 * rng.standard_normal(head.brain.shape, dtype=np.float32))
    real = image + 12 * rng.standard_normal(image.shape, dtype=np.float32)
    return np.hypot(real, 12 * rng.standard_normal(image.shape, dtype=np.float32)).astype(np.float32)


@pytest.fixture(scope="session")
def head(fine_head: Image) -> Image:
    """Return the head in 2 x 2 x 5 mm voxels, with air around it, shape (100, 118, 37)."""
    pixels = fine_head[:196, :232, :185].reshape(98, 2, 116, 2, 37, 5).mean(axis=(1, 3, 5))
    return np.pad(pixels, ((1, 1), (1, 1), (0, 0)), mode="edge")


@pytest.fixture(scope="session")
def stripped_head(head: Image) -> Image:
    """Return the brain alone: exactly 0 around it."""
    brain = built_in_head().brain[:196:2, :232:2, 2:185:5]
    return head * np.pad(brain, ((1, 1), (1, 1), (0, 0)))
