"""How well two images on one grid fit together, as numbers."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def mutual_information(fixed: NDArray[Any], moving: NDArray[Any], mask: NDArray[np.bool_], bins: int = 32) -> float:
    """Return the mutual information of two images inside a mask, in nats; higher is better aligned.

    Parameters
    ----------
    fixed, moving
        Shape (I, J, K), any intensities; the extreme 0.5 % at either end share a bin.
    mask
        Shape (I, J, K).
    bins
        Bins per image.

    References
    ----------
    Maes et al., Multimodality image registration by maximization of mutual information, IEEE Trans Med Imaging 1997.
    """
    if not mask.any():
        return 0.0
    binned = [_bin(image[mask], bins) for image in (fixed, moving)]
    joint = np.bincount(binned[0] * bins + binned[1], minlength=bins * bins).reshape(bins, bins) / binned[0].size
    independent = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    seen = joint > 0
    return float((joint[seen] * np.log(joint[seen] / independent[seen])).sum())


def _bin(values: NDArray[Any], bins: int) -> NDArray[np.int64]:
    low, high = np.percentile(values, (0.5, 99.5))
    scaled = (values - low) / max(high - low, 1e-12)
    return np.clip(scaled * bins, 0, bins - 1).astype(np.int64)


def dice(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Return the Dice overlap of two masks; 1 is equal, 0 is apart or both empty.

    Examples
    --------
    >>> dice(np.array([True, True, False]), np.array([True, False, False]))
    0.6666666666666666
    """
    total = int(first.sum()) + int(second.sum())
    return 2 * int((first & second).sum()) / total if total else 0.0
