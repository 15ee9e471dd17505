"""Corruptions made on purpose, in physical units, to calibrate and test the scores of `gliofill.quality.corruption`.

Images are magnitude images on their own grid. Motion, spikes and lost resolution are made in the Fourier space of the
image, as the scanner would make them in k-space. What was exactly 0 around the head (a stripped or masked image) is 0
again afterwards: no score may profit from a trace that the processing of such an image would have removed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from gliofill.quality.resolution import effective_resolution_mm
from gliofill.quality.tissue import measure_tissue, middle

Image = NDArray[np.float32]
Spacing = tuple[float, ...]

#: how strong a corruption is, in the order of the amounts in `CORRUPTIONS`
SEVERITIES = ("mild", "moderate", "severe")


@dataclass(frozen=True)
class Grid:
    """What a corruption needs to know of the grid of an image, and of how it was acquired.

    Attributes
    ----------
    spacing_mm
        Voxel edges.
    slice_axis
        The array axis across the slices.
    phase_axis
        The array axis along which k-space lines follow each other in time; not the slice axis.
    """

    spacing_mm: Spacing
    slice_axis: int
    phase_axis: int

    @property
    def is_3d(self) -> bool:
        """Whether all of k-space was measured at once, and not slice by slice."""
        return self.spacing_mm[self.slice_axis] < 1.5 * float(np.median(self.spacing_mm))

    @property
    def read_axis(self) -> int:
        """The array axis along which a k-space line is read at once."""
        return 3 - self.slice_axis - self.phase_axis


def plan_grid(spacing_mm: Spacing, rng: np.random.Generator) -> Grid:
    """Draw the phase axis of an image; the slice axis is the one with the largest spacing, or is drawn too."""
    sliced = Grid(tuple(spacing_mm), int(np.argmax(spacing_mm)), -1)
    slice_axis = int(rng.integers(3)) if sliced.is_3d else sliced.slice_axis
    return Grid(sliced.spacing_mm, slice_axis, int(rng.choice([axis for axis in range(3) if axis != slice_axis])))


def add_motion(
    image: Image, grid: Grid, amount: float, rng: np.random.Generator, *, shots: int = 8, interleaved: bool = True
) -> Image:
    """Move the head between the shots of an acquisition, in the plane of the slices.

    Parameters
    ----------
    image
        Shape (I, J, K).
    grid
        Axes and spacing.
    amount
        Each shot sees the head at a pose of its own: rotated about the centre by up to this many degrees, and shifted
        along both axes by up to this many millimetres, drawn uniformly.
    rng
        Source of the poses.
    shots
        Groups of phase lines.
    interleaved
        Whether shot n measures the lines n, n + shots, ... (as in turbo spin echo), or a block of neighbouring lines.
    """
    lines = fft.fftfreq(image.shape[grid.phase_axis]).argsort()  # from the most negative frequency to the highest
    order = np.arange(len(lines))
    shot_of = np.empty(len(lines), dtype=int)
    shot_of[lines] = order % shots if interleaved else order * shots // len(lines)
    poses = rng.uniform(-amount, amount, (shots, 3))
    axes = (grid.phase_axis, grid.read_axis)
    kspace = fft.fftn(image, axes=axes)
    is_acquired = _acquired(image, grid)
    for shot, (degrees, *shift_mm) in enumerate(poses):
        moved = fft.fftn(move_in_plane(image, grid, degrees, (shift_mm[0], shift_mm[1])), axes=axes)
        of_shot = np.expand_dims(shot_of == shot, [axis for axis in range(3) if axis != grid.phase_axis])
        np.copyto(kspace, moved, where=of_shot & is_acquired)
    return _restore_mask(np.abs(fft.ifftn(kspace, axes=axes)), image)


def _acquired(image: Image, grid: Grid) -> NDArray[np.bool_]:
    """Return which points of a slice's k-space were measured: a scanner's interpolation leaves the others empty.

    Motion cannot fill them, and a score must not profit from a simulation that would.
    """
    tissue = measure_tissue(image)
    box = tuple(middle(*tissue.extent(axis)) for axis in range(3))
    resolution = effective_resolution_mm(image[box], grid.spacing_mm)
    measured = np.ones((1, 1, 1), dtype=bool)
    for axis in (grid.phase_axis, grid.read_axis):
        frequency = np.abs(fft.fftfreq(image.shape[axis], grid.spacing_mm[axis]))
        inner = frequency <= 1 / (2 * resolution[axis]) + 1e-9
        measured = measured & np.expand_dims(inner, [other for other in range(3) if other != axis])
    return measured


def move_in_plane(image: Image, grid: Grid, degrees: float, shift_mm: tuple[float, float]) -> Image:
    """Rotate and shift each slice about its centre without blur, by three shears in Fourier space.

    Parameters
    ----------
    image
        Shape (I, J, K).
    grid
        Axes and spacing.
    degrees
        From the phase axis towards the read axis.
    shift_mm
        Along the phase axis and the read axis, after the rotation.

    References
    ----------
    Eddy et al., Improved image registration by using Fourier interpolation, Magn Reson Med 1996.
    """
    angle = np.deg2rad(degrees)
    phase, read = grid.phase_axis, grid.read_axis
    offsets = {axis: _centred_mm(image.shape[axis], grid.spacing_mm[axis]) for axis in (phase, read)}
    slant = -np.tan(angle / 2)
    moved = _shear(image, grid, phase, read, slant * offsets[read])
    moved = _shear(moved, grid, read, phase, np.sin(angle) * offsets[phase] + shift_mm[1])
    # the last shear is along the phase axis: the shift along it joins in, less what the read shift dragged along
    return _shear(moved, grid, phase, read, slant * (offsets[read] - shift_mm[1]) + shift_mm[0])


def _centred_mm(voxels: int, step_mm: float) -> NDArray[np.floating]:
    return (np.arange(voxels) - (voxels - 1) / 2) * step_mm


def _shear(image: Image, grid: Grid, axis: int, across: int, shift_mm: NDArray[np.floating]) -> Image:
    """Shift every line along `axis` by an amount that depends on its place along `across`."""
    n = image.shape[axis]
    ramp = np.exp(-2j * np.pi * np.multiply.outer(fft.rfftfreq(n), shift_mm / grid.spacing_mm[axis]))
    if n % 2 == 0:
        ramp[-1] = ramp[-1].real
    if axis > across:
        ramp = ramp.T
    ramp = np.expand_dims(ramp.astype(np.complex64), 3 - axis - across)
    return fft.irfft(fft.rfft(image, axis=axis) * ramp, n, axis=axis)


def _restore_mask(corrupted: NDArray, image: Image) -> Image:
    corrupted = corrupted.astype(np.float32, copy=False)
    if measure_tissue(image).is_masked:
        corrupted[image == 0] = 0
    return corrupted


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
    real = image + sigma * rng.standard_normal(image.shape, dtype=np.float32)
    return _restore_mask(np.hypot(real, sigma * rng.standard_normal(image.shape, dtype=np.float32)), image)


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
    return _restore_mask(np.abs(fft.ifft(fft.fft(image, axis=axis) * kept, axis=axis)), image)


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
    return _restore_mask(np.moveaxis((1 - weight) * slices[lower] + weight * slices[upper], 0, axis), image)


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
    return _restore_mask(np.abs(striped), image)


def _stripes(shape: tuple[int, ...], grid: Grid, rng: np.random.Generator) -> Image:
    """Return a wave of amplitude 1 in any direction within the slices, of a 3-D acquisition tilted against them."""
    direction = rng.standard_normal(3)
    direction[grid.slice_axis] *= 0.3 if grid.is_3d else 0.0
    cycles = direction / np.linalg.norm(direction) / rng.uniform(3, 12)
    place = [cycles[axis] * _centred_mm(shape[axis], grid.spacing_mm[axis]) for axis in range(3)]
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
