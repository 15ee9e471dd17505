"""A head that moves while k-space is measured: motion made on purpose, in degrees and millimetres."""

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from gliofill.quality.acquired.resolution import effective_resolution_mm
from gliofill.quality.acquired.tissue import measure_tissue, middle
from gliofill.simulation.artefacts.grid import Grid, Image, centred_mm, restore_mask


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
        picked = np.flatnonzero((shot_of == shot) & is_acquired[grid.phase_axis])
        where = [np.arange(n) for n in image.shape]
        where[grid.phase_axis], where[grid.read_axis] = picked, np.flatnonzero(is_acquired[grid.read_axis])
        moved = _moved_lines(image, grid, degrees, (shift_mm[0], shift_mm[1]), picked)
        kspace[np.ix_(*where)] = moved.take(where[grid.read_axis], axis=grid.read_axis)
    return restore_mask(np.abs(fft.ifftn(kspace, axes=axes)), image)


def _acquired(image: Image, grid: Grid) -> dict[int, NDArray[np.bool_]]:
    """Return which points of k-space were measured, by axis: a scanner's interpolation leaves the others empty.

    Motion cannot fill them, and a score must not profit from a simulation that would.
    """
    tissue = measure_tissue(image)
    box = tuple(middle(*tissue.extent(axis)) for axis in range(3))
    resolution = effective_resolution_mm(image[box], grid.spacing_mm)
    return {
        axis: np.abs(fft.fftfreq(image.shape[axis], grid.spacing_mm[axis])) <= 1 / (2 * resolution[axis]) + 1e-9
        for axis in (grid.phase_axis, grid.read_axis)
    }


def _moved_lines(
    image: Image, grid: Grid, degrees: float, shift_mm: tuple[float, float], picked: NDArray[np.intp]
) -> NDArray[np.complexfloating]:
    """Return some phase lines of the k-space of `move_in_plane`; the others are not worked out to the end.

    Parameters
    ----------
    image
        Shape (I, J, K).
    grid
        Axes and spacing.
    degrees, shift_mm
        As in `move_in_plane`.
    picked
        Indices of the lines in the order of `scipy.fft.fftfreq`.
    """
    sheared, last_shift_mm = _before_last_shear(image, grid, degrees, shift_mm)
    phase, n = grid.phase_axis, image.shape[grid.phase_axis]
    # the image is real, so that the lines of negative frequencies are the conjugates of the others
    lines = fft.rfft(sheared, axis=phase).take(np.minimum(picked, n - picked), axis=phase)
    is_negative = np.expand_dims(picked > n // 2, [axis for axis in range(3) if axis != phase])
    np.conjugate(lines, out=lines, where=is_negative)
    ramp = np.exp(-2j * np.pi * np.multiply.outer(fft.fftfreq(n)[picked], last_shift_mm / grid.spacing_mm[phase]))
    ramp[2 * picked == n] = ramp[2 * picked == n].real
    lines *= _spread(ramp, phase, grid.read_axis)
    return fft.fft(lines, axis=grid.read_axis)


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
    sheared, last_shift_mm = _before_last_shear(image, grid, degrees, shift_mm)
    return _shear(sheared, grid, grid.phase_axis, grid.read_axis, last_shift_mm)


def _before_last_shear(
    image: Image, grid: Grid, degrees: float, shift_mm: tuple[float, float]
) -> tuple[Image, NDArray[np.floating]]:
    """Do two of the three shears; return how far the last one moves the lines along the phase axis, in millimetres."""
    angle = np.deg2rad(degrees)
    phase, read = grid.phase_axis, grid.read_axis
    offsets = {axis: centred_mm(image.shape[axis], grid.spacing_mm[axis]) for axis in (phase, read)}
    slant = -np.tan(angle / 2)
    moved = _shear(image, grid, phase, read, slant * offsets[read])
    moved = _shear(moved, grid, read, phase, np.sin(angle) * offsets[phase] + shift_mm[1])
    # the last shear is along the phase axis: the shift along it joins in, less what the read shift dragged along
    return moved, slant * (offsets[read] - shift_mm[1]) + shift_mm[0]


def _shear(image: Image, grid: Grid, axis: int, across: int, shift_mm: NDArray[np.floating]) -> Image:
    """Shift every line along `axis` by an amount that depends on its place along `across`."""
    n = image.shape[axis]
    ramp = np.exp(-2j * np.pi * np.multiply.outer(fft.rfftfreq(n), shift_mm / grid.spacing_mm[axis]))
    if n % 2 == 0:
        ramp[-1] = ramp[-1].real
    return fft.irfft(fft.rfft(image, axis=axis) * _spread(ramp, axis, across), n, axis=axis)


def _spread(ramp: NDArray[np.complexfloating], axis: int, across: int) -> NDArray[np.complex64]:
    """Give a ramp over two axes, in this order, the shape of a volume."""
    ordered = ramp.T if axis > across else ramp
    return np.expand_dims(ordered.astype(np.complex64), 3 - axis - across)
