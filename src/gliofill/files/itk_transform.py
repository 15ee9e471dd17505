"""Linear transforms as ITK text files, the one form in which gliofill writes them.

A matrix maps points of the fixed space to points of the moving space, in RAS millimetres. That is the direction in
which an image is resampled; ANTs names such a file by the image that it moves, *from* moving *to* fixed.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gliofill.errors import GliofillError
from gliofill.files.atomic import write_text

#: ITK counts to the left and to the back, NIfTI to the right and to the front
FLIP = np.diag([-1.0, -1.0, 1.0, 1.0])


def read_transform(path: Path) -> NDArray[np.float64]:
    """Read a linear transform, exactly as it is written; no ITK is needed for it.

    Returns
    -------
    ndarray, shape (4, 4)
        Points of the fixed space to points of the moving space, RAS millimetres.

    Raises
    ------
    GliofillError
        If the file is not such a transform.
    """
    try:
        fields = dict(line.split(":", 1) for line in path.read_text(encoding="utf-8").splitlines() if ":" in line)
        numbers = np.array([float(text) for text in fields["Parameters"].split()])
        centre = np.array([float(text) for text in fields["FixedParameters"].split()])
        linear, translation = numbers[:9].reshape(3, 3), numbers[9:]
        matrix = np.eye(4)
        matrix[:3, :3], matrix[:3, 3] = linear, translation + centre - linear @ centre
    except (OSError, ValueError, KeyError) as error:
        raise GliofillError(f"{path}: is not a linear ITK transform in text form ({error})") from error
    if not np.isfinite(matrix).all():
        raise GliofillError(f"{path}: is not a linear ITK transform in text form (its numbers are not finite)")
    return FLIP @ matrix @ FLIP


def write_transform(path: Path, matrix: NDArray[np.floating]) -> None:
    """Write a 4 x 4 matrix as an ITK text transform, whole or not at all."""
    itk = FLIP @ matrix @ FLIP
    numbers = " ".join(f"{value:.12g}" for value in (*itk[:3, :3].ravel(), *itk[:3, 3]))
    write_text(
        path,
        "#Insight Transform File V1.0\n#Transform 0\nTransform: AffineTransform_double_3_3\n"
        f"Parameters: {numbers}\nFixedParameters: 0 0 0\n",
    )
