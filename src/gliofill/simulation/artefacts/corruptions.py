"""Corruptions in physical units, to calibrate and test the scores of `gliofill.quality.acquired.corruption`.

Images are magnitude images on their own grid. Motion, spikes and lost resolution are made in the Fourier space of the
image, as the scanner would make them in k-space. What was exactly 0 around the head (a stripped or masked image) is 0
again afterwards: no score may profit from a trace that the processing of such an image would have removed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from scipy import fft

from gliofill.quality.acquired.tissue import measure_tissue
from gliofill.simulation.artefacts.grid import Grid, Image, centred_mm, restore_mask
from gliofill.simulation.artefacts.head_motion import add_motion
from gliofill.simulation.noise import add_rician_noise

#: how strong a corruption is, in the order of the amounts in `CORRUPTIONS`
SEVERITIES = ("mild", "moderate", "severe")


def add_noise(image: Image, grid: Grid, amount: float, rng: np.random.Generator) -> Image:
    """Add complex Gaussian noise and take the magnitude: Rician noise.

    Parameters
    ----------
    image
        Shape (I, J, K).
    grid
        Not needed; all corruptions take the same arguments.
    amount
        Standard deviation of each channel, in per cent of the level of the tissue (the median of the head).
    rng
        Source of the noise.
    """
    sigma = np.float32(amount / 100 * measure_tissue(image).level)
    return restore_mask(add_rician_noise(image, sigma, rng), image)


def undersample(image: Image, grid: Grid, amount: float, rng: np.random.Generator) -> Image:
    """Measure the inner phase lines only and fill the rest with zeros, as a scanner's interpolation does.

    Parameters
    ----------
    image
        Shape (I, J, K).
    grid
        Axes and spacing.
    amount
        Resolution along the phase axis in millimetres; the grid stays.
    rng
        Not needed.
    """
    axis = grid.phase_axis
    frequency = np.abs(fft.fftfreq(image.shape[axis], grid.spacing_mm[axis]))
    kept = (frequency <= 1 / (2 * amount)).reshape([-1 if i == axis else 1 for i in range(3)])
    return restore_mask(np.abs(fft.ifft(fft.fft(image, axis=axis) * kept, axis=axis)), image)


def thicken(image: Image, grid: Grid, amount: float, rng: np.random.Generator) -> Image:
    """Average over thick slices and interpolate linearly to the grid that was: a header that hides thick slices.

    Parameters
    ----------
    image
        Shape (I, J, K).
    grid
        Axes and spacing.
    amount
        Slice thickness in millimetres.
    rng
        Not needed.
    """
    axis, n = grid.slice_axis, image.shape[grid.slice_axis]
    step = max(1, round(amount / grid.spacing_mm[axis]))
    moved = np.moveaxis(image, axis, 0)
    starts = np.arange(0, n, step)
    slices = np.add.reduceat(moved, starts, axis=0) / np.diff([*starts, n]).reshape(-1, 1, 1)
    place = np.clip((np.arange(n) - (step - 1) / 2) / step, 0, len(starts) - 1)
    lower = np.minimum(place.astype(int), max(len(starts) - 2, 0))
    weight = (place - lower).reshape(-1, 1, 1).astype(np.float32)
    upper = np.minimum(lower + 1, len(starts) - 1)
    return restore_mask(np.moveaxis((1 - weight) * slices[lower] + weight * slices[upper], 0, axis), image)


def wrap_around(image: Image, grid: Grid, amount: float, rng: np.random.Generator) -> Image:
    """Shrink the field of view along the phase axis: what lies outside is folded in at the other side.

    Parameters
    ----------
    image
        Shape (I, J, K).
    grid
        Axes and spacing.
    amount
        Millimetres of the head that do not fit.
    rng
        Not needed.

    Returns
    -------
    ndarray
        With fewer voxels along the phase axis.
    """
    axis = grid.phase_axis
    head = np.flatnonzero(measure_tissue(image).head.any(axis=tuple(i for i in range(3) if i != axis)))
    stride = measure_tissue(image).stride[axis]
    first, last = int(head[0]) * stride, min((int(head[-1]) + 1) * stride, image.shape[axis])
    field = max(last - first - round(amount / grid.spacing_mm[axis]), 1)
    start = (first + last - field) // 2
    line = np.moveaxis(image, axis, 0)
    folded = np.zeros((field, *line.shape[1:]), dtype=np.float32)
    np.add.at(folded, (np.arange(len(line)) - start) % field, line)
    return np.moveaxis(folded, 0, axis)


def saturate(image: Image, grid: Grid, amount: float, rng: np.random.Generator) -> Image:
    """Cut intensities off at the top.

    Parameters
    ----------
    image
        Shape (I, J, K).
    grid
        Not needed.
    amount
        Per cent of the head's voxels that are at the top value afterwards.
    rng
        Not needed.
    """
    tissue = measure_tissue(image)
    return np.minimum(image, np.float32(np.percentile(image[image > tissue.threshold], 100 - amount)))


def drop_slices(image: Image, grid: Grid, amount: float, rng: np.random.Generator) -> Image:
    """Take signal from two slices inside the head, as a movement during their excitation does.

    Parameters
    ----------
    image
        Shape (I, J, K).
    grid
        Axes; a 3-D acquisition has no slices to lose, but a converter may lose some.
    amount
        Per cent of the signal that is lost.
    rng
        Chooses the slices.
    """
    axis = grid.slice_axis
    tissue = measure_tissue(image)
    head = np.flatnonzero(tissue.head.any(axis=tuple(i for i in range(3) if i != axis))) * tissue.stride[axis]
    low, high = np.percentile(head, (25, 75)).astype(int)
    dropped = np.moveaxis(image.copy(), axis, 0)
    dropped[rng.choice(np.arange(low, max(high, low + 2)), 2, replace=False)] *= np.float32(1 - amount / 100)
    return np.moveaxis(dropped, 0, axis)


def add_spikes(image: Image, grid: Grid, amount: float, rng: np.random.Generator) -> Image:
    """Add corduroy patterns: one outlier in the k-space of a third of the slices, or of a 3-D acquisition as a whole.

    Parameters
    ----------
    image
        Shape (I, J, K).
    grid
        Axes and spacing.
    amount
        Amplitude of the stripes in per cent of the level of the tissue; their period is 3 to 12 mm.
    rng
        Chooses slices, directions and periods.
    """
    amplitude = amount / 100 * measure_tissue(image).level
    striped = image.copy()
    count = image.shape[grid.slice_axis]
    chosen = (
        [np.arange(count)] if grid.is_3d else np.reshape(rng.choice(count, max(1, count // 3), replace=False), (-1, 1))
    )
    for slices in chosen:
        part = tuple(slices if axis == grid.slice_axis else slice(None) for axis in range(3))
        striped[part] += amplitude * _stripes(striped[part].shape, grid, rng)
    return restore_mask(np.abs(striped), image)


def _stripes(shape: tuple[int, ...], grid: Grid, rng: np.random.Generator) -> Image:
    """Return a wave of amplitude 1 in any direction within the slices, of a 3-D acquisition tilted against them."""
    direction = rng.standard_normal(3)
    direction[grid.slice_axis] *= 0.3 if grid.is_3d else 0.0
    cycles = direction / np.linalg.norm(direction) / rng.uniform(3, 12)
    place = [cycles[axis] * centred_mm(shape[axis], grid.spacing_mm[axis]) for axis in range(3)]
    phase = place[0][:, None, None] + place[1][:, None] + place[2] + rng.uniform()
    return np.cos(2 * np.pi * phase).astype(np.float32)


@dataclass(frozen=True)
class Corruption:
    """A corruption with its amounts, mild to severe, and their unit."""

    apply: Callable[[Image, Grid, float, np.random.Generator], Image]
    amounts: tuple[float, float, float]
    unit: str


def _sequential(image: Image, grid: Grid, amount: float, rng: np.random.Generator) -> Image:
    return add_motion(image, grid, amount, rng, interleaved=False)


CORRUPTIONS: Mapping[str, Corruption] = MappingProxyType(
    {
        "motion, interleaved shots": Corruption(add_motion, (1.0, 2.5, 5.0), "° and mm"),
        "motion, blocks of lines": Corruption(_sequential, (1.0, 2.5, 5.0), "° and mm"),
        "noise": Corruption(add_noise, (5.0, 10.0, 20.0), "% of tissue"),
        "undersampled": Corruption(undersample, (2.0, 3.0, 5.0), "mm resolution"),
        "hidden thick slices": Corruption(thicken, (5.0, 7.0, 10.0), "mm thick"),
        "wrap-around": Corruption(wrap_around, (10.0, 25.0, 50.0), "mm folded in"),
        "saturation": Corruption(saturate, (1.0, 3.0, 10.0), "% of head"),
        "dropped slices": Corruption(drop_slices, (30.0, 60.0, 100.0), "% of signal"),
        "spikes": Corruption(add_spikes, (3.0, 8.0, 20.0), "% of tissue"),
    }
)
