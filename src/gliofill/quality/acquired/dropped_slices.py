"""Dropped slices: one that is much darker or brighter than its neighbours lost its signal, or was not measured."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gliofill.quality.acquired.tissue import Tissue

# where the head ends, neighbours differ by nature: only slices between ones with this share of the fullest count
_FULL = 0.4


def slice_drop(image: NDArray[Any], axes: tuple[int, ...], *, tissue: Tissue) -> float:
    """Return how far the mean of a slice lies from those of its neighbours, as a share of theirs; the worst slice.

    Parameters
    ----------
    image
        Shape (I, J, K).
    axes
        Array axes across which slices may have been measured.
    tissue
        Of this image.

    Returns
    -------
    float
        0 is right; 1 is a slice without signal, or with twice as much.
    """
    return max((_worst(image, axis, tissue) for axis in axes), default=0.0)


def _worst(image: NDArray[Any], axis: int, tissue: Tissue) -> float:
    steps = tuple(slice(None, None, 1 if i == axis else step) for i, step in enumerate(tissue.stride))
    means = image[steps].mean(axis=tuple(i for i in range(3) if i != axis), dtype=np.float64)
    if len(means) < 5 or means.max() <= 0:
        return 0.0
    neighbours = np.stack([means[:-4], means[1:-3], means[3:-1], means[4:]])
    # of the two nearest on either side the middle ones: a second dropped slice nearby does not spoil them
    expected = np.sort(neighbours, axis=0)[1:3].mean(axis=0)
    inside = neighbours.min(axis=0) > _FULL * means.max()
    inside |= expected > 2 * _FULL * means.max()
    return float(np.max(np.abs(means[2:-2] / np.maximum(expected, 1e-12) - 1), initial=0.0, where=inside))
