"""Rigid transforms as matrices, as ANTs reads them; see `gliofill.files.itk_transform` for their direction."""

from pathlib import Path

import ants
import numpy as np
from numpy.typing import NDArray

from gliofill.errors import GliofillError
from gliofill.files.itk_transform import FLIP


def read_matrix(path: str | Path) -> NDArray[np.float64]:
    """Read what ANTs wrote (``.mat``) or will read (``.txt``) as a 4 x 4 matrix, in its single precision."""
    transform = ants.read_transform(str(path))
    origin = np.asarray(transform.apply_to_point((0.0, 0.0, 0.0)))
    matrix = np.eye(4)
    for axis in range(3):
        # a long lever keeps the digits of the single-precision arithmetic inside ANTsPy
        point = [1000.0 * (i == axis) for i in range(3)]
        matrix[:3, axis] = (np.asarray(transform.apply_to_point(point)) - origin) / 1000.0
    matrix[:3, 3] = origin
    return FLIP @ matrix @ FLIP


def check_rigid(matrix: NDArray[np.float64], what: str) -> NDArray[np.float64]:
    """Return the matrix, its rotation made exactly orthonormal.

    Raises
    ------
    GliofillError
        If it scales, shears, mirrors or is not finite.
    """
    if not np.isfinite(matrix).all():
        raise GliofillError(f"{what}: the transform is not finite")
    left, stretch, right = np.linalg.svd(matrix[:3, :3])
    rotation = left @ right
    if np.abs(stretch - 1).max() > 1e-3 or np.linalg.det(rotation) < 0:
        raise GliofillError(f"{what}: the transform is not rigid (stretch {np.round(stretch, 4).tolist()})")
    result = matrix.copy()
    result[:3, :3] = rotation
    return result
