"""The acquired images as they were before preprocessing, cut through the same point as the preprocessed ones."""

from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.affines import apply_affine
from numpy.typing import NDArray

from gliofill.errors import GliofillError
from gliofill.images import read_image, spacing_mm
from gliofill.report.pictures import Picture, draw_plane, intensity_limits, outline
from gliofill.report.view import PLANES, turn_plane

# ITK counts to the left and to the back, NIfTI to the right and to the front
_FLIP = np.diag([-1.0, -1.0, 1.0, 1.0])


def read_transform(path: Path) -> NDArray[np.float64]:
    """Read a transform that gliofill wrote; the page needs no ITK for it.

    Returns
    -------
    ndarray, shape (4, 4)
        Points of the template to points of the acquired image, RAS millimetres.

    Raises
    ------
    GliofillError
        If the file is not such a transform.
    """
    try:
        fields = dict(line.split(":", 1) for line in path.read_text(encoding="utf-8").splitlines() if ":" in line)
        numbers = [float(text) for text in fields["Parameters"].split()]
        centre = np.array([float(text) for text in fields["FixedParameters"].split()])
        linear, translation = np.reshape(numbers[:9], (3, 3)), np.array(numbers[9:])
        matrix = np.eye(4)
        matrix[:3, :3], matrix[:3, 3] = linear, translation + centre - linear @ centre
    except (OSError, ValueError, KeyError) as error:
        raise GliofillError(f"{path}: is not a linear ITK transform in text form ({error})") from error
    return _FLIP @ matrix @ _FLIP


@dataclass(frozen=True)
class BrainOnTemplate:
    """The session's brain mask on the template grid, and the point in mm through which the planes go."""

    mask: NDArray[np.bool_]
    affine: NDArray[np.float64]
    point_mm: NDArray[np.float64]


def draw_acquired(path: Path, *, brain: BrainOnTemplate | None, transform: Path | None) -> list[Picture]:
    """Draw an acquired image in three planes of its own voxels, with the outline of the brain mask.

    Parameters
    ----------
    path
        The image in the raw dataset.
    brain
        Where the brain is on the template; None if there is no mask.
    transform
        From the image to the template, in text form; None if there is none. Without it the planes go through the
        middle of the image and have no outline.

    Raises
    ------
    GliofillError
        If the image or the transform cannot be read.
    """
    data, affine = read_image(path)
    image = nib.as_closest_canonical(nib.Nifti1Image(data, affine))
    data, affine = np.asarray(image.dataobj, dtype=np.float32), np.asarray(image.affine)
    matrix = read_transform(transform) if transform is not None and brain is not None else None
    centre = tuple(n // 2 for n in data.shape)
    if matrix is not None and brain is not None:
        centre = _nearest_voxel(apply_affine(np.linalg.inv(affine) @ matrix, brain.point_mm), data.shape)
    limits, mm = intensity_limits(data), spacing_mm(affine)
    pictures = []
    for axis, name in zip((2, 1, 0), PLANES, strict=True):
        outlines = {}
        if matrix is not None and brain is not None:
            mask = _mask_in_plane(brain, matrix, affine, data.shape, axis, centre)
            outlines["brain"] = outline(turn_plane(mask, axis))
        across, up = ((0, 1), (0, 2), (1, 2))[2 - axis]
        pictures.append(
            draw_plane(
                turn_plane(np.moveaxis(data, axis, 0)[centre[axis]], axis),
                name,
                limits=limits,
                pixel_mm=(float(mm[across]), float(mm[up])),
                outlines=outlines,
            )
        )
    return pictures


def _nearest_voxel(point: NDArray[np.float64], shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(np.clip(round(float(x)), 0, n - 1)) for x, n in zip(point, shape, strict=True))


def _mask_in_plane(
    brain: BrainOnTemplate,
    matrix: NDArray[np.float64],
    affine: NDArray[np.float64],
    shape: tuple[int, ...],
    axis: int,
    centre: tuple[int, ...],
) -> NDArray[np.bool_]:
    """Carry the brain mask into one plane of the acquired image, nearest neighbour."""
    ranges = [np.arange(n) if i != axis else np.array([centre[axis]]) for i, n in enumerate(shape)]
    voxels = np.stack(np.meshgrid(*ranges, indexing="ij"), axis=-1).squeeze(axis)
    onto = np.linalg.inv(brain.affine) @ np.linalg.inv(matrix) @ affine
    where = np.rint(apply_affine(onto, voxels)).astype(int)
    inside = ((where >= 0) & (where < brain.mask.shape)).all(axis=-1)
    result = np.zeros(inside.shape, dtype=bool)
    result[inside] = brain.mask[tuple(where[inside].T)]
    return result
