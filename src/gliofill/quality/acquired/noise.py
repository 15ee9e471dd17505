"""Noise inside the head, where a stripped image has some too."""

import numpy as np
from numpy.typing import NDArray

from gliofill.quality.acquired.tissue import Tissue

# a median absolute deviation times this is a standard deviation, for a normal distribution
_TO_DEVIATION = 1.4826


def noise_share(box: NDArray[np.float32], slice_axis: int, *, tissue: Tissue) -> float:
    """Return the standard deviation of the noise, as a share of the level of the tissue; lower is better.

    The finest diagonal detail is noise nearly everywhere: edges are rare, and the median does not see them. Noise that
    interpolation has smoothed is underestimated.

    Parameters
    ----------
    box
        Shape (I, J, K): the inside of the head.
    slice_axis
        Array axis across the slices.
    tissue
        Of the image.

    References
    ----------
    Donoho, De-noising by soft-thresholding, IEEE Trans Inf Theory 1995.
    """
    first, second = (axis for axis in range(3) if axis != slice_axis)
    if box.shape[first] < 2 or box.shape[second] < 2:
        return 0.0
    # for independent noise of deviation 1 a difference of differences has deviation 2
    detail = np.diff(np.diff(box, axis=first), axis=second) / 2
    is_head = box[tuple(slice(n) for n in detail.shape)] > tissue.threshold
    if not is_head.any():
        return 0.0
    return _TO_DEVIATION * float(np.median(np.abs(detail[is_head]))) / tissue.level
