"""Rigid transforms as matrices, and as ITK text files.

A matrix maps points of the fixed space to points of the moving space, in RAS millimetres. That is the direction in
which an image is resampled; ANTs names such a file by the image that it moves, *from* moving *to* fixed.
"""

from pathlib import Path

import ants
import numpy as np
from numpy.typing import NDArray

from gliofill.errors import GliofillError
from gliofill.files.atomic import write_text

# ITK counts to the left and to the back, NIfTI to the right and to the front
_FLIP = np.diag([-1.0, -1.0, 1.0, 1.0])


def read_matrix(path: str | Path) -> NDArray[np.float64]:
    """Read an ITK linear transform (``.mat`` or ``.txt``) as a 4 x 4 matrix."""
    transform = ants.read_transform(str(path))
    origin = np.asarray(transform.apply_to_point((0.0, 0.0, 0.0)))
    matrix = np.eye(4)
    for axis in range(3):
        # a long lever keeps the digits of the single-precision arithmetic inside ANTsPy
        point = [1000.0 * (i == axis) for i in range(3)]
        matrix[:3, axis] = (np.asarray(transform.apply_to_point(point)) - origin) / 1000.0
    matrix[:3, 3] = origin
    return _FLIP @ matrix @ _FLIP


def write_matrix(path: Path, matrix: NDArray[np.floating]) -> None:
    """Write a 4 x 4 matrix as an ITK text transform, whole or not at all."""
    itk = _FLIP @ matrix @ _FLIP
    numbers = " ".join(f"{value:.12g}" for value in (*itk[:3, :3].ravel(), *itk[:3, 3]))
    write_text(
        path,
        "#Insight Transform File V1.0\n#Transform 0\nTransform: AffineTransform_double_3_3\n"
        f"Parameters: {numbers}\nFixedParameters: 0 0 0\n",
    )


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
