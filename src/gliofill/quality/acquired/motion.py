"""Motion during the acquisition: edges that no longer hang together along the axis of the phase lines.

An edge has detail of all sizes at one place, and between edges there is little of any. Where parts of k-space saw the
head at different poses, detail of different sizes comes to lie at different places, and fills what was empty. This is
looked at in a box inside the head, in bands of detail given in millimetres, so that it depends little on voxels, size
of the head, air or skull. Along the other axes the same anatomy tells what is usual.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.ndimage import gaussian_filter1d


@dataclass(frozen=True)
class Weights:
    """A logistic score of an axis.

    Attributes
    ----------
    slopes
        One for each column of `compare_axes`.
    intercept
        Log-odds where all columns are 0.
    """

    slopes: tuple[float, ...]
    intercept: float


#: fitted by benchmarks/corruption.py on images that were corrupted on purpose
WEIGHTS = Weights(
    (
        *(-8.517, 11.34, 11.09, -30.16, 2.43, 2.735, -23.54, 5.607, -3.111, 25.78, 38.15),
        *(-2.656, 5.912, -9.235, 5.272, -10.36, -0.3283, 18.24, 20.37, -9.926, -20.52, 26.12),
    ),
    16.453,
)

# periods in millimetres in the middle of the bands; each is an octave wide
_PERIODS_MM = (6.4, 12.8, 25.6)
# across the lines finer detail than this Gaussian, mostly noise, does not count; and lines this far apart are enough
_ACROSS_MM, _LINES_APART_MM = 1.5, 2.5
# shorter lines hold too few periods
_SHORTEST_MM, _FEWEST_VOXELS = 60.0, 20
# share of a line at either end that the window spoils
_SPOILT = 8
# share of the mean of an envelope below which its logarithm does not tell
_FAINT = 0.1
# deviation of the Gaussian whose second derivative along a line is the curvature, and where it may repeat itself
_CURVATURE_MM = 1.8
_REPEATS_MM = ((7.0, 16.0), (16.0, 50.0))


def describe_axes(
    box: NDArray[np.float32], spacing_mm: Sequence[float], axes: Sequence[int]
) -> NDArray[np.float64] | None:
    """Describe how edges look along each axis along which lines of k-space may have followed each other.

    Parameters
    ----------
    box
        Shape (I, J, K): the inside of the head.
    spacing_mm
        Voxel edges.
    axes
        Array axes, two or three.

    Returns
    -------
    ndarray, shape (A, 11), or None
        A row for each axis: ``sparse`` in a fine, a middle and a coarse band; ``linked`` between fine, coarse and far
        bands; ``faint_linked`` likewise; ``doubled``; ``repeated``. None if the box is too small or has no edges.
        ``sparse``: logarithm of mean square over squared mean of the envelope of a band, 0.3 where detail is
        everywhere, as in noise, and more the rarer edges are. ``linked``: correlation of the envelopes of two bands;
        ``faint_linked``: of their logarithms. ``doubled`` and ``repeated``: deviation of the autocorrelation of the
        curvature, over the distances in which a doubled edge, or a ghost, may lie.
    """
    if any(box.shape[axis] < max(_FEWEST_VOXELS, _SHORTEST_MM / spacing_mm[axis]) for axis in axes):
        return None
    # what has no edges along an axis has no numbers either
    with np.errstate(divide="ignore", invalid="ignore"):
        rows = [_describe(_lines_along(box, spacing_mm, axis, axes), spacing_mm[axis]) for axis in axes]
    table = np.array(rows)
    return table if np.isfinite(table).all() else None


def _lines_along(
    box: NDArray[np.float32], spacing_mm: Sequence[float], axis: int, axes: Sequence[int]
) -> NDArray[np.float32]:
    """Return lines of voxels along an axis, smoothed across, shape (lines, voxels)."""
    lines = box
    for other in axes:
        if other != axis:
            lines = gaussian_filter1d(lines, _ACROSS_MM / spacing_mm[other], axis=other, truncate=3.0)
    every = [slice(None, None, max(1, round(_LINES_APART_MM / edge))) for edge in spacing_mm]
    every[axis] = slice(None)
    return np.moveaxis(lines[tuple(every)], axis, -1).reshape(-1, box.shape[axis])


def _describe(lines: NDArray[np.float32], edge_mm: float) -> list[float]:
    envelopes = [band.ravel() for band in _envelopes(lines, edge_mm)]
    sparse = [float(np.log((band**2).mean() / band.mean() ** 2)) for band in envelopes]
    # logarithms give weight to what lies between the strong edges
    faint = [np.log(band + _FAINT * band.mean()) for band in envelopes]
    linked = [float(np.corrcoef(bands)[pair]) for bands in (envelopes, faint) for pair in ((0, 1), (1, 2), (0, 2))]
    return [*sparse, *linked, *_repeats(lines, edge_mm)]


def _envelopes(lines: NDArray[np.float32], edge_mm: float) -> list[NDArray[np.float32]]:
    """Return how much detail of each band lies at each voxel: magnitudes of the analytic signal."""
    n = lines.shape[1]
    window = np.sqrt(np.hanning(n + 2)[1:-1]).astype(np.float32)
    spectrum = fft.fft((lines - lines.mean(axis=1, keepdims=True)) * window)
    frequency = fft.fftfreq(n, edge_mm)
    bands = []
    for period in _PERIODS_MM:
        octaves = np.log2(np.maximum(frequency, 1e-9) * period)
        gain = np.where(np.abs(octaves) < 1, np.cos(np.pi / 2 * octaves) ** 2, 0).astype(np.float32)
        bands.append(np.abs(fft.ifft(spectrum * gain))[:, n // _SPOILT : n - n // _SPOILT])
    return bands


def _repeats(lines: NDArray[np.float32], edge_mm: float) -> list[float]:
    """Return the deviation of the autocorrelation of the curvature over two ranges of distances."""
    curvature = gaussian_filter1d(lines, _CURVATURE_MM / edge_mm, axis=1, order=2)
    n = lines.shape[1]
    power = (np.abs(fft.rfft(curvature, 2 * n)) ** 2).mean(axis=0)
    correlation = fft.irfft(power)[: n // 2]
    # at greater distances fewer voxels overlap
    correlation /= correlation[0] * (1 - np.arange(n // 2) / n)
    distance = np.arange(n // 2) * edge_mm
    return [float(correlation[(distance >= low) & (distance < high)].std()) for low, high in _REPEATS_MM]


def compare_axes(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Put beside the features of each axis how far they lie from the mean of the other axes.

    Parameters
    ----------
    table
        Shape (A, F), see `describe_axes`.

    Returns
    -------
    ndarray, shape (A, 2 F)
    """
    others = (table.sum(axis=0) - table) / (len(table) - 1)
    return np.hstack([table, table - others])


def evidence(table: NDArray[np.float64], weights: Weights = WEIGHTS) -> float:
    """Return the log-odds that the head moved, of the axis where they are highest; lower is better.

    Parameters
    ----------
    table
        Shape (A, F), see `describe_axes`.
    weights
        Fitted on images that were corrupted on purpose.
    """
    return float((compare_axes(table) @ np.array(weights.slopes) + weights.intercept).max())
