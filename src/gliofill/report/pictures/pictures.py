"""Planes as small pictures inside a page, and outlines of masks that lie over them."""

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray
from PIL import Image
from skimage.measure import approximate_polygon, find_contours

#: quality of the WebP pictures, 0 to 100: above it, only the bytes grow
QUALITY = 88

#: pixels along an edge beyond which a plane is made smaller; raw images may have 1024
LONGEST_EDGE = 400


@dataclass(frozen=True)
class Picture:
    """One plane of an image.

    Attributes
    ----------
    plane
        ``axial``, ``coronal`` or ``sagittal``.
    uri
        The picture itself, for the ``src`` of an ``img``.
    size
        Pixels of the plane, width and height; outlines count in them.
    aspect
        Width over height in millimetres.
    outlines
        SVG paths, by what they surround.
    """

    plane: str
    uri: str
    size: tuple[int, int]
    aspect: float
    outlines: Mapping[str, str]


def draw_plane(
    plane: NDArray[Any],
    name: str,
    *,
    limits: tuple[float, float],
    pixel_mm: tuple[float, float] = (1.0, 1.0),
    outlines: Mapping[str, str] | None = None,
    colours: str = "",
) -> Picture:
    """Draw one plane.

    Parameters
    ----------
    plane
        Shape (rows, columns), as it is to be seen.
    name
        Of the plane.
    limits
        Intensities that become black and white.
    pixel_mm
        Width and height of a pixel.
    outlines
        SVG paths, from `outline`.
    colours
        Name of a matplotlib colour map; grey if empty.
    """
    height, width = plane.shape
    aspect = width * pixel_mm[0] / (height * pixel_mm[1])
    return Picture(name, _encode(plane, limits, colours), (width, height), aspect, outlines or {})


def intensity_limits(data: NDArray[Any]) -> tuple[float, float]:
    """Return the intensities to show as black and white: 0 or the 0.5th percentile, and the 99.5th.

    Parameters
    ----------
    data
        Image, shape (I, J, K); voxels that are zero do not count.
    """
    # every other voxel along each axis tells the same and costs an eighth
    data = data[::2, ::2, ::2]
    values = data[(data != 0) & np.isfinite(data)]
    if not values.size:
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(values, (0.5, 99.5)))
    return (min(low, 0.0), high) if high > min(low, 0.0) else (0.0, 1.0)


def outline(mask: NDArray[np.bool_]) -> str:
    """Return the SVG path around a mask, in pixels of the plane.

    Examples
    --------
    >>> outline(np.pad(np.ones((2, 2), bool), 1)).startswith("M")
    True
    >>> outline(np.zeros((4, 4), bool))
    ''
    """
    padded = np.pad(mask.astype(np.float32), 1)
    return "".join(_path(contour) for contour in find_contours(padded, 0.5))


def _path(contour: NDArray[np.float64]) -> str:
    # contours run through voxel centres of the padded mask; pixels are drawn from their corners
    points = approximate_polygon(contour, tolerance=0.35)[:-1] - 0.5
    return "M" + "L".join(f"{column:.4g},{row:.4g}" for row, column in points) + "Z"


def picture_uri(path: Path) -> str:
    """Return a PNG file as it is, for the ``src`` of an ``img``."""
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode("ascii")


def _encode(plane: NDArray[Any], limits: tuple[float, float], colours: str) -> str:
    low, high = limits
    shade = np.clip((np.nan_to_num(plane.astype(np.float32)) - low) / (high - low), 0, 1)
    pixels = colormaps[colours](shade, bytes=True)[..., :3] if colours else np.rint(shade * 255).astype(np.uint8)
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    if max(picture.size) > LONGEST_EDGE:
        picture.thumbnail((LONGEST_EDGE, LONGEST_EDGE))
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=QUALITY, method=4)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
