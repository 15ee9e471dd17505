"""The acquired images as they were before preprocessing, cut through the same point as the preprocessed ones.

Pages leave a site, and a face can be recognised: what lies in front of the brain is not shown.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.affines import apply_affine
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from gliofill.files.itk_transform import read_transform
from gliofill.files.nifti import read_image, spacing_mm
from gliofill.report.pictures.pictures import Picture, draw_plane, intensity_limits, outline
from gliofill.report.pictures.planes import PLANES, turn_plane

#: in front of the middle of the brain, what is further from it than this is black: face, eyes and forehead
FACE_MM = 10.0


@dataclass(frozen=True)
class BrainOnTemplate:
    """The session's brain mask on the template grid, and the point in mm through which the planes go."""

    mask: NDArray[np.bool_]
    affine: NDArray[np.float64]
    point_mm: NDArray[np.float64]

    @cached_property
    def middle_mm(self) -> NDArray[np.float64]:
        """The middle of the box around the brain."""
        sides = [np.flatnonzero(self.mask.any(axis=others)) for others in ((1, 2), (0, 2), (0, 1))]
        middle = [(side[0] + side[-1]) / 2 if side.size else 0.0 for side in sides]
        return np.asarray(apply_affine(self.affine, middle))


def draw_acquired(path: Path, *, brain: BrainOnTemplate | None, transform: Path | None) -> list[Picture]:
    """Draw an acquired image in three planes of its own voxels, without the face, with the outline of the brain mask.

    Parameters
    ----------
    path
        The image in the raw dataset.
    brain
        Where the brain is on the template; None if there is no mask.
    transform
        From the image to the template, in text form; None if there is none. Without it the planes go through the
        middle of the image, have no outline, and there is no sagittal one, which would show the profile.

    Raises
    ------
    GliofillError
        If the image or the transform cannot be read.
    """
    data, affine = read_image(path)
    image = nib.as_closest_canonical(nib.Nifti1Image(data, affine))
    data, affine = np.asarray(image.dataobj, dtype=np.float32), np.asarray(image.affine)
    limits, mm = intensity_limits(data), spacing_mm(affine)
    axes = dict(zip(PLANES, (2, 1, 0), strict=True))
    if brain is None or transform is None:
        middle = tuple(n // 2 for n in data.shape)
        planes = {name: np.take(data, middle[axis], axis) for name, axis in axes.items() if name != "sagittal"}
        return [_draw(plane, name, axes[name], mm, limits) for name, plane in planes.items()]
    matrix = read_transform(transform)
    centre = _nearest_voxel(apply_affine(np.linalg.inv(affine) @ matrix, brain.point_mm), data.shape)
    pictures = []
    for name, axis in axes.items():
        mask, is_front = _brain_in_plane(brain, np.linalg.inv(matrix) @ affine, data.shape, axis, centre)
        plane = np.take(data, centre[axis], axis)
        plane[is_front & ~_is_near(mask, np.delete(mm, axis))] = limits[0]
        outlines = {"brain": outline(turn_plane(mask, axis))}
        pictures.append(_draw(plane, name, axis, mm, limits, outlines))
    return pictures


def _draw(
    plane: NDArray[Any],
    name: str,
    axis: int,
    mm: NDArray[np.float64],
    limits: tuple[float, float],
    outlines: Mapping[str, str] | None = None,
) -> Picture:
    """Draw the plane that is perpendicular to an axis."""
    across, up = np.delete(mm, axis)
    return draw_plane(
        turn_plane(plane, axis), name, limits=limits, pixel_mm=(float(across), float(up)), outlines=outlines
    )


def _is_near(mask: NDArray[np.bool_], pixel_mm: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return what belongs to a mask or is at most `FACE_MM` away from it, within a plane."""
    if not mask.any():
        return mask
    return np.asarray(distance_transform_edt(~mask, sampling=pixel_mm) <= FACE_MM)


def _nearest_voxel(point: NDArray[np.float64], shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(np.clip(round(float(x)), 0, n - 1)) for x, n in zip(point, shape, strict=True))


def _brain_in_plane(
    brain: BrainOnTemplate,
    to_template: NDArray[np.float64],
    shape: tuple[int, ...],
    axis: int,
    centre: tuple[int, ...],
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Carry the brain mask into one plane of the acquired image, nearest neighbour, and tell what is in front.

    Returns
    -------
    mask, is_front : ndarray of bool
        Of the plane's pixels: inside the brain, and before its middle, on the template.
    """
    ranges = [np.arange(n) if i != axis else np.array([centre[axis]]) for i, n in enumerate(shape)]
    voxels = np.stack(np.meshgrid(*ranges, indexing="ij"), axis=-1).squeeze(axis)
    points = apply_affine(to_template, voxels)
    where = np.rint(apply_affine(np.linalg.inv(brain.affine), points)).astype(int)
    inside = ((where >= 0) & (where < brain.mask.shape)).all(axis=-1)
    mask = np.zeros(inside.shape, dtype=bool)
    mask[inside] = brain.mask[tuple(where[inside].T)]
    return mask, points[..., 1] > brain.middle_mm[1]
