"""The resolution that an image really has, which interpolation and undersampling make coarser than its voxels."""

import numpy as np
from numpy.typing import NDArray
from scipy import fft

# anatomy's power falls by 20 dB or so up to the finest detail, and noise stops the fall; what is fainter than this,
# beside the power of coarse detail, is neither
_SILENT_DB = -28.0
# what counts as coarse detail, in cycles per millimetre
_COARSE = (0.03, 0.08)
# lines of voxels that make a spectrum, and those that are enough
_FEWEST_VOXELS, _LINES = 16, 4096


def effective_resolution_mm(tissue_box: NDArray[np.float32], spacing_mm: tuple[float, ...]) -> tuple[float, ...]:
    """Return the finest detail along each axis: half the shortest period that the image contains.

    Parameters
    ----------
    tissue_box
        Shape (I, J, K): the inside of the head.
    spacing_mm
        Voxel edges.

    Returns
    -------
    tuple
        Millimetres; the voxel edge where the image has detail up to it. Slices that were averaged to a thickness and
        interpolated linearly count as half that thick, for their spectrum ends there.
    """
    return tuple(_along(tissue_box, axis, edge) for axis, edge in enumerate(spacing_mm))


def _along(box: NDArray[np.float32], axis: int, edge_mm: float) -> float:
    lines = np.moveaxis(box, axis, -1).reshape(-1, box.shape[axis])
    if lines.shape[1] < _FEWEST_VOXELS or not lines.any():
        return edge_mm
    lines = lines[:: max(1, len(lines) // _LINES)]
    window = np.hanning(lines.shape[1]).astype(np.float32)
    power = np.median(np.abs(fft.rfft((lines - lines.mean(axis=1, keepdims=True)) * window)) ** 2, axis=0)
    frequency = fft.rfftfreq(lines.shape[1], edge_mm)
    is_coarse = (frequency >= _COARSE[0]) & (frequency <= _COARSE[1])
    reference = power[is_coarse].mean() if is_coarse.any() else 0.0
    if reference <= 0:
        return edge_mm
    # the median over thousands of lines is smooth: once below the limit it stays there, but for the side lobes that
    # averaging over thick slices leaves
    silent = np.flatnonzero((power < 10 ** (_SILENT_DB / 10) * reference) & (frequency > _COARSE[1]))
    return max(edge_mm, float(1 / (2 * frequency[silent[0]]))) if silent.size else edge_mm
