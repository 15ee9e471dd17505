"""One interpolation onto another grid."""

import tempfile
from pathlib import Path

import ants
import numpy as np
from numpy.typing import NDArray

from gliofill.files.itk_transform import write_transform


def resample(
    image: ants.ANTsImage,
    grid: ants.ANTsImage,
    matrix: NDArray[np.float64],
    *,
    interpolation: str = "linear",
    outside: float = 0.0,
) -> ants.ANTsImage:
    """Bring an image onto another grid in one interpolation.

    Parameters
    ----------
    image
        Native image.
    grid
        Image whose grid the result has.
    matrix
        Maps RAS points of the grid's space to RAS points of the image's space.
    interpolation
        ``linear``; ``sinc``, windowed and clipped to the image's own range; ``nearest``, for labels only.
    outside
        Value where the image was not measured.
    """
    names = {"linear": "linear", "sinc": "lanczosWindowedSinc", "nearest": "nearestNeighbor"}
    with tempfile.TemporaryDirectory(prefix="gliofill-resample-") as scratch:
        file = Path(scratch) / "transform.txt"
        write_transform(file, matrix)
        result = ants.apply_transforms(
            grid, image, [str(file)], interpolator=names[interpolation], defaultvalue=outside
        )
    if interpolation == "sinc":
        result = result.new_image_like(np.clip(result.numpy(), image.min(), image.max()))
    return result
