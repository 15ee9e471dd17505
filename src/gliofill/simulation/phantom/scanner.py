"""A simulated scanner: where the head lies, which voxels are measured, and what bias, noise and gain do to them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation

from gliofill.contrasts import Contrast
from gliofill.simulation.head import Head
from gliofill.simulation.noise import add_rician_noise, smooth_noise
from gliofill.simulation.phantom.warp import HEAD_CENTRE_MM, Warp, stretch

# field of view along right, anterior and superior
_EXTENT_MM = (204.0, 246.0, 196.0)
_AXES = {"R": (0, 1), "L": (0, -1), "A": (1, 1), "P": (1, -1), "S": (2, 1), "I": (2, -1)}


@dataclass(frozen=True)
class Protocol:
    """Choices from which the grid of an image is drawn.

    Attributes
    ----------
    in_plane_mm, slice_mm
        Ranges of the pixel size and of the slice thickness.
    orientations
        Directions in which the voxel indices grow, as in ``LPS``; the last one is across the slices.
    tilt_degrees
        Slices are tilted about the left-right axis by at most this.
    """

    in_plane_mm: tuple[float, float]
    slice_mm: tuple[float, float]
    orientations: tuple[str, ...]
    tilt_degrees: float


PROTOCOLS: Mapping[Contrast, Protocol] = {
    Contrast.T1POST: Protocol((1.0, 1.0), (1.0, 1.0), ("LPS", "RAS", "PSR"), 4.0),
    Contrast.T1W: Protocol((1.0, 1.0), (1.0, 1.5), ("PSR", "LAS", "RAS"), 4.0),
    Contrast.T2W: Protocol((0.8, 1.0), (3.0, 3.0), ("LPS", "LAS"), 12.0),
    Contrast.FLAIR: Protocol((0.9, 0.95), (5.0, 5.0), ("LAS", "LPS"), 12.0),
}


@dataclass(frozen=True)
class Acquisition:
    """The geometry of one image.

    Attributes
    ----------
    shape, affine
        The voxel grid; voxel indices to RAS millimetres of the image.
    motion
        ndarray, shape (4, 4): RAS millimetres of the anatomy to RAS millimetres of the image; rigid.
    subslices
        Samples that are averaged over the thickness of a slice, the third voxel axis.
    """

    shape: tuple[int, int, int]
    affine: NDArray[np.float64]
    motion: NDArray[np.float64]
    subslices: int


def plan_acquisition(contrast: Contrast, rng: np.random.Generator, *, coarse: float = 1.0) -> Acquisition:
    """Draw the position of the head and a grid that covers it.

    Parameters
    ----------
    contrast
        Decides on resolution and orientation.
    rng
        Source of all choices.
    coarse
        Factor on all voxel sizes, to make small images for tests.
    """
    motion = _rigid(rng.uniform(-6, 6, 3), rng.uniform(-8, 8, 3) / np.sqrt(3))
    protocol = PROTOCOLS[contrast]
    in_plane = round(float(rng.uniform(*protocol.in_plane_mm)), 2)
    thickness = round(float(rng.uniform(*protocol.slice_mm)), 2)
    spacing = coarse * np.array([in_plane, in_plane, thickness])
    orientation = protocol.orientations[rng.integers(len(protocol.orientations))]
    world = [_AXES[letter][0] for letter in orientation]
    directions = np.zeros((3, 3))
    directions[world, range(3)] = [_AXES[letter][1] for letter in orientation]
    tilt = Rotation.from_euler("x", rng.uniform(-1, 1) * protocol.tilt_degrees, degrees=True).as_matrix()
    i, j, k = (int(np.ceil(_EXTENT_MM[axis] / step)) for axis, step in zip(world, spacing, strict=True))
    affine = np.eye(4)
    affine[:3, :3] = tilt @ directions * spacing
    # the technician centres the field of view on the head, more or less
    middle = (motion @ [*HEAD_CENTRE_MM, 1])[:3] + rng.uniform(-2, 2, 3)
    affine[:3, 3] = middle - affine[:3, :3] @ ((np.array([i, j, k]) - 1) / 2)
    # 1.5 mm apart at most
    return Acquisition((i, j, k), affine, motion, int(np.ceil(thickness / 1.5)))


def _rigid(degrees: NDArray[np.float64], shift_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a rotation about the centre of the head followed by a shift, shape (4, 4)."""
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()
    centre = np.array(HEAD_CENTRE_MM)
    matrix[:3, 3] = centre - matrix[:3, :3] @ centre + shift_mm
    return matrix


def fine_coordinates(acquisition: Acquisition, warp: Warp, head: Head) -> NDArray[np.float32]:
    """Return the head's voxel indices of every sample, shape (3, I, J, K * subslices)."""
    parts = acquisition.subslices
    finer = np.diag([1, 1, 1 / parts, 1])
    # the samples lie symmetrically about the middle of the slice
    finer[2, 3] = (1 / parts - 1) / 2
    i, j, k = acquisition.shape
    return warp.coordinates((i, j, k * parts), np.linalg.inv(acquisition.motion) @ acquisition.affine @ finer, head)


def sample(
    volume: NDArray[np.float32], coordinates: NDArray[np.float32], *, subslices: int = 1, mode: str = "constant"
) -> NDArray[np.float32]:
    """Interpolate a volume of the head once, and average over the thickness of the slices.

    Parameters
    ----------
    volume
        Shape of the head.
    coordinates
        Shape (3, I, J, K * subslices), voxel indices of the head.
    subslices
        Samples per slice.
    mode
        What lies beyond the volume: ``constant`` is 0, ``nearest`` continues the neck downward.

    Returns
    -------
    ndarray, shape (I, J, K), float32
    """
    i, j, fine = coordinates.shape[1:]
    image = np.zeros((i, j, fine // subslices), dtype=np.float32)
    for box in _occupied(volume, coordinates, subslices, mode):
        part = np.ascontiguousarray(coordinates[(slice(None), *box)])
        samples = ndimage.map_coordinates(volume, part, order=1, mode=mode, output=np.float32)
        slices = slice(box[2].start // subslices, box[2].stop // subslices)
        image[box[0], box[1], slices] = samples.reshape(*samples.shape[:2], -1, subslices).mean(axis=-1)
    return image


def _occupied(
    volume: NDArray[np.float32], coordinates: NDArray[np.float32], subslices: int, mode: str
) -> list[tuple[slice, slice, slice]]:
    """Return the box of samples, if any, outside which the volume is 0: half of an image is air, most is no lesion."""
    filled = [np.flatnonzero(volume.any(axis=others)) for others in ((1, 2), (0, 2), (0, 1))]
    if not all(len(indices) for indices in filled):
        return []
    every = 4
    rough = coordinates[:, ::every, ::every, ::every]
    near = np.ones(rough.shape[1:], dtype=bool)
    for axis, (coordinate, indices) in enumerate(zip(rough, filled, strict=True)):
        # how far the first corner of a cell can lie from a sample within the cell
        margin = 1 + sum(np.abs(np.diff(coordinate, axis=i)).max(initial=0) for i in range(3))
        near &= coordinate < indices[-1] + margin
        if mode == "constant" or indices[0] > 0 or axis < 2:
            near &= coordinate > indices[0] - margin
    found = [np.flatnonzero(near.any(axis=others)) for others in ((1, 2), (0, 2), (0, 1))]
    if not all(len(indices) for indices in found):
        return []
    starts = [every * int(indices[0]) for indices in found]
    stops = [min(every * (int(indices[-1]) + 1), n) for indices, n in zip(found, coordinates.shape[1:], strict=True)]
    starts[2] -= starts[2] % subslices
    stops[2] += -stops[2] % subslices
    first, second, third = (slice(start, stop) for start, stop in zip(starts, stops, strict=True))
    return [(first, second, third)]


def scan(image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.int16]:
    """Return what the scanner stores: gain, smooth bias field and Rician noise.

    Parameters
    ----------
    image
        Shape (I, J, K), about 0 to 1.
    rng
        Source of gain, bias and noise.
    """
    gain = np.float32(rng.uniform(900, 3000))
    steps = [-(-n // 3) for n in image.shape]
    bias = 0.14 * stretch(smooth_noise((5, 5, 5), rng, width=1.0), steps, image.shape)
    noise = np.float32(rng.uniform(0.012, 0.022))
    magnitude = add_rician_noise(image * np.exp(bias), noise, rng)
    return np.clip(np.rint(gain * magnitude), 0, 32767).astype(np.int16)
