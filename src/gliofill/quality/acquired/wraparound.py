"""Wrap-around: what lay outside the field of view comes in again at the opposite side."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gliofill.quality.acquired.tissue import Tissue


def folded_share(image: NDArray[Any], *, tissue: Tissue) -> float:
    """Return how much tissue passes from one side of the image to the opposite one.

    A field of view that is too small folds the head about its border, so that tissue lies at both sides, and the first
    layer of voxels continues the last. A head that is merely cut at both sides has tissue there too, but it does not
    continue.

    Parameters
    ----------
    image
        Shape (I, J, K).
    tissue
        Of this image.

    Returns
    -------
    float
        Area of tissue that both sides of an axis have, as a share of the largest section of the head across that axis,
        times the correlation of the two sides; of the three axes the largest. 0 is right.
    """
    return max(_folded_along(image, axis, tissue) for axis in range(3))


def _folded_along(image: NDArray[Any], axis: int, tissue: Tissue) -> float:
    if image.shape[axis] < 2:
        return 0.0
    others = tuple(i for i in range(3) if i != axis)
    steps = tuple(slice(None, None, tissue.stride[i]) for i in others)
    section = float(tissue.head.sum(axis=others).max(initial=0))
    layers = np.moveaxis(image, axis, 0)
    first, last = (layers[index][steps].astype(np.float64) for index in (0, -1))
    both = (first > tissue.threshold) & (last > tissue.threshold)
    if both.sum() < 10 or section == 0:
        return 0.0
    x, y = (np.log(side[both]) for side in (first, last))
    spread = float(x.std() * y.std())
    continuity = float(((x - x.mean()) * (y - y.mean())).mean()) / spread if spread > 0 else 0.0
    return float(both.sum()) / section * max(continuity, 0.0)
