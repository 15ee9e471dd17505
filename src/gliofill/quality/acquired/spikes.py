"""Corduroy patterns: single outliers in k-space lay stripes of one period over a whole slice."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.ndimage import uniform_filter

from gliofill.quality.acquired.tissue import Tissue

# anatomy fills k-space smoothly but for its centre: periods longer than this are not looked at
_LONGEST_PERIOD_MM = 16.0
# a point this much above the root mean square of its surroundings is no anatomy: among the 10^7 points of a volume,
# noise reaches 5
_OUTLIER = 8.0
# side of the square of surroundings, and of the core of it that belongs to the spike (the window smears it)
_AROUND, _CORE = 9, 5
# of a 3-D acquisition every slice has the stripes, so that some slices tell
_SLICES_OF_3D = 48


def stripe_amplitude(image: NDArray[Any], spacing_mm: tuple[float, ...], slice_axis: int, *, tissue: Tissue) -> float:
    """Return the amplitude of the strongest stripes in any slice, as a share of the level of the tissue.

    Parameters
    ----------
    image
        Shape (I, J, K).
    spacing_mm
        Voxel edges.
    slice_axis
        Array axis across the slices.
    tissue
        Of this image.

    Returns
    -------
    float
        0 where no point of k-space is an outlier; lower is better.
    """
    others = [axis for axis in range(3) if axis != slice_axis]
    # the stripes of a stripped image end with the brain: air around it would only smear their point in k-space
    box = [slice(*tissue.extent(axis)) if axis in others else slice(None) for axis in range(3)]
    slices = np.moveaxis(image[tuple(box)], slice_axis, 0)
    steps = [spacing_mm[axis] for axis in others]
    if tissue.level <= 0 or min(slices.shape[1:]) < 2 * _AROUND:
        return 0.0
    windows = [np.hanning(n).astype(np.float32) for n in slices.shape[1:]]
    window = np.multiply.outer(*windows)
    rows, columns = fft.fftfreq(slices.shape[1], steps[0]), fft.rfftfreq(slices.shape[2], steps[1])
    is_anatomy = np.hypot(rows[:, None], columns) < 1 / _LONGEST_PERIOD_MM
    every = max(1, len(slices) // _SLICES_OF_3D) if max(spacing_mm) < 2 * min(spacing_mm) else 1
    strongest = max(_outlier(one.astype(np.float32) * window, is_anatomy) for one in slices[::every])
    return float(2 * strongest / window.sum() / tissue.level)


def _outlier(windowed: NDArray[np.float32], is_anatomy: NDArray[np.bool_]) -> float:
    """Return the magnitude of the strongest outlier in the k-space of a slice, or 0."""
    energy = np.abs(fft.rfft2(windowed)) ** 2
    # the half plane continues at its edges: rows are periodic; beyond the columns "mirror" is nearly right
    mode = ("wrap", "mirror")
    whole, core = (uniform_filter(energy, side, mode=mode) * side**2 for side in (_AROUND, _CORE))
    around = np.maximum(whole - core, 0) / (_AROUND**2 - _CORE**2)
    # rounding leaves a trace of energy also where a scanner has filled k-space with zeros
    floor = 1e-6 * energy.mean()
    is_outlier = (energy > _OUTLIER**2 * (around + floor)) & ~is_anatomy
    return float(np.sqrt(energy[is_outlier].max(initial=0)))
