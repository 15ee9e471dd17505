"""How alike two images are: SSIM and absolute error on a fixed [0, 1] scale, as means inside a mask.

Every function expects intensities on one common scale. Scaling each image by its own statistics before comparing would
hide an error of gain entirely; counting the background would reward predicting nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from gliofill.errors import GliofillError

SIGMA_VOXELS = 1.5
#: the Gaussian is cut at 3.5 deviations, as Wang 2004's 11-voxel window
TRUNCATE = 3.5
RADIUS_VOXELS = int(TRUNCATE * SIGMA_VOXELS + 0.5)


def ssim_map(prediction: NDArray[np.floating], target: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the structural similarity around each voxel; higher is better, 1 is equality.

    Wang et al. 2004, in three dimensions: Gaussian window of 1.5 voxels, K1 = 0.01, K2 = 0.03, data range 1.

    Parameters
    ----------
    prediction, target
        Same shape, on the [0, 1] scale.

    Returns
    -------
    ndarray, same shape, float64, in [-1, 1]
    """
    x, y = prediction.astype(np.float64), target.astype(np.float64)
    mean_x, mean_y = _local_mean(x), _local_mean(y)
    variances = _local_mean(x * x) - mean_x**2 + _local_mean(y * y) - mean_y**2
    covariance = _local_mean(x * y) - mean_x * mean_y
    c1, c2 = 0.01**2, 0.03**2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    return luminance * (2 * covariance + c2) / (variances + c2)


def _local_mean(data: NDArray[np.float64]) -> NDArray[np.float64]:
    return gaussian_filter(data, SIGMA_VOXELS, truncate=TRUNCATE)


def brain_ssim(prediction: NDArray[np.floating], target: NDArray[np.floating], mask: NDArray[np.bool_]) -> float:
    """Return the mean of the SSIM map over the voxels of a mask; higher is better, 1 is equality.

    Parameters
    ----------
    prediction, target
        Shape (I, J, K), on the [0, 1] scale.
    mask
        Brain, or lesion; same shape.

    Raises
    ------
    GliofillError
        If the mask is empty.
    """
    box = mask_box(mask)
    return float(ssim_map(prediction[box], target[box])[mask[box]].mean())


def mask_box(mask: NDArray[np.bool_], margin: int = RADIUS_VOXELS) -> tuple[slice, ...]:
    """Return the box of a mask with a margin in voxels, cut at the edges of the grid.

    With the default margin the edge of the box reaches no SSIM window of the mask: the same numbers in a fraction of
    the time.

    Raises
    ------
    GliofillError
        If the mask is empty.
    """
    occupied = np.argwhere(mask)
    if occupied.size == 0:
        raise GliofillError("the mask is empty: there is no voxel to compare")
    starts, stops = occupied.min(axis=0) - margin, occupied.max(axis=0) + 1 + margin
    return tuple(slice(max(int(start), 0), int(stop)) for start, stop in zip(starts, stops, strict=True))


def brain_mae(prediction: NDArray[np.floating], target: NDArray[np.floating], mask: NDArray[np.bool_]) -> float:
    """Return the mean absolute error over the voxels of a mask; lower is better.

    Examples
    --------
    >>> brain_mae(np.array([0.5, 9.0]), np.array([0.25, 0.0]), np.array([True, False]))
    0.25
    """
    if not mask.any():
        raise GliofillError("the mask is empty: there is no voxel to compare")
    return float(np.abs(prediction[mask].astype(np.float64) - target[mask]).mean())


@dataclass(frozen=True)
class LinearMapping:
    """The simplest of all translations, a baseline for every network: target = intercept + slope * source."""

    slope: float
    intercept: float

    def __call__(self, source: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return the mapped source, clipped to [0, 1]."""
        return np.clip(self.intercept + self.slope * source, 0, 1)


def fit_linear(
    sources: Iterable[NDArray[np.floating]], targets: Iterable[NDArray[np.floating]], masks: Iterable[NDArray[np.bool_]]
) -> LinearMapping:
    """Fit one least-squares line through the masked voxels of all volumes together.

    Parameters
    ----------
    sources, targets, masks
        Volumes in the same order, on the [0, 1] scale.

    Raises
    ------
    GliofillError
        If no voxel is masked or the sources are constant.

    Examples
    --------
    >>> source = np.array([0.0, 0.5, 1.0])
    >>> mapping = fit_linear([source], [1 - source / 2], [source >= 0])
    >>> round(mapping.slope, 6), round(mapping.intercept, 6)
    (-0.5, 1.0)
    """
    count = 0
    sums = np.zeros(4)
    for source, target, mask in zip(sources, targets, masks, strict=True):
        x, y = source[mask].astype(np.float64), target[mask].astype(np.float64)
        count += x.size
        sums += (x.sum(), y.sum(), (x * x).sum(), (x * y).sum())
    mean_x, mean_y, mean_xx, mean_xy = sums / max(count, 1)
    variance = mean_xx - mean_x**2
    if not variance > 0:
        raise GliofillError("a line cannot be fitted: the sources are constant inside the masks")
    slope = (mean_xy - mean_x * mean_y) / variance
    return LinearMapping(float(slope), float(mean_y - slope * mean_x))
