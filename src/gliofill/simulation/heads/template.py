"""What generated heads are deformed from: tissue maps of the MNI brain, and distances from brain, hull and outline."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from gliofill.simulation.hull import BRIDGE_MM, close, outline_mm
from gliofill.template import grey_matter_map, template_affine, template_brain, white_matter_map

#: a brain mask is the tissue with the sulci narrower than twice this; the CSF over the gyri is left out
SULCUS_MM = 5.0
#: below this height of the template the brain stem is spinal cord
CORD_TOP_Z_MM = -66.0

_SPACING_MM = 2.0
# around the template's grid of 197 x 233 x 189 mm, so that skull, scalp and neck fit: along right, anterior, superior
_PAD_MM = ((20, 21), (20, 21), (64, 21))


@dataclass(frozen=True)
class Template:
    """Maps of the template on a 2 mm grid.

    Attributes
    ----------
    maps
        Shape (1, 5, I, J, K): fractions of white and grey matter; signed distances, in millimetres and negative inside,
        from the brain mask, from the hull of the brain without folds, and from the outline that bounds the skin.
    origin_mm
        RAS millimetres of the first voxel.
    """

    maps: Tensor
    origin_mm: tuple[float, float, float]

    def sample(self, points: Tensor) -> Tensor:
        """Interpolate the maps.

        Parameters
        ----------
        points
            Shape (3, I, J, K), RAS millimetres of the template.

        Returns
        -------
        Tensor, shape (5, I, J, K)
        """
        shape = self.maps.shape[2:]
        grid = torch.stack(
            [2 * (points[i] - self.origin_mm[i]) / (_SPACING_MM * (shape[i] - 1)) - 1 for i in (2, 1, 0)], dim=-1
        )
        return functional.grid_sample(self.maps, grid[None], padding_mode="border", align_corners=True)[0]


@cache
def load_template() -> Template:
    """Make the maps from what nilearn ships."""
    white, grey, brain, affine = white_matter_map(), grey_matter_map(), template_brain(), template_affine()
    z = affine[2, 3] + np.arange(brain.shape[2])
    cut = int(np.argmax(z >= CORD_TOP_Z_MM))
    target = (white + grey > 0.5) & brain
    target[..., :cut] = False
    # the template ends in a taper; the spinal cord goes on
    white, grey, brain = (
        np.concatenate([np.repeat(each[..., cut : cut + 1], cut, axis=2), each[..., cut:]], axis=2)
        for each in (white, grey, brain)
    )
    closed = _without_holes(close(np.pad(target, 8), SULCUS_MM, 1.0)[8:-8, 8:-8, 8:-8])
    closed[..., :cut] = False
    # the distance at the lower end must not feel the end of the grid
    depth = signed_distance(np.pad(closed, [(0, 0), (0, 0), (8, 0)]), 1.0)[..., 8:]
    # outside the grid the distance grows as at its border
    fields = [_halve(_pad(each, mode="edge")) for each in (white, grey)]
    # the brain's distance is needed near the brain only, where the grid has room
    fields.append(_halve(_pad(ndimage.gaussian_filter(depth, 0.7), mode="edge")))
    half = _halve(_pad(brain.astype(np.float32), mode="edge")) > 0.5
    hull = ndimage.gaussian_filter(signed_distance(close(half, BRIDGE_MM, _SPACING_MM), _SPACING_MM), 1.0)
    # centre of the first 2 mm voxel
    origin = [affine[i, 3] - _PAD_MM[i][0] + 0.5 for i in range(3)]
    heights = origin[2] + _SPACING_MM * np.arange(hull.shape[2], dtype=np.float32)
    outline = outline_mm(hull, heights)
    maps = torch.from_numpy(np.stack([*fields, hull, outline])[None].astype(np.float32))
    return Template(maps, (origin[0], origin[1], origin[2]))


def _without_holes(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Fill what is enclosed in a slice of any plane: cisterns that are open to one side only."""
    filled = mask.copy()
    for axis in range(3):
        moved, result = np.moveaxis(mask, axis, 0), np.moveaxis(filled, axis, 0)
        for slice_, target in zip(moved, result, strict=True):
            target |= ndimage.binary_fill_holes(slice_)
    return filled


def signed_distance(mask: NDArray[np.bool_], spacing_mm: float) -> NDArray[np.float32]:
    """Return the distance of each voxel's centre from the surface of a mask, in millimetres; negative inside."""
    outside = ndimage.distance_transform_edt(~mask, sampling=spacing_mm)
    inside = ndimage.distance_transform_edt(mask, sampling=spacing_mm)
    # the surface lies half a voxel from the centres beside it
    return np.where(mask, spacing_mm / 2 - inside, outside - spacing_mm / 2).astype(np.float32)


def _pad(volume: NDArray[np.float32], mode: str) -> NDArray[np.float32]:
    return np.pad(volume, _PAD_MM, mode=mode)  # type: ignore[call-overload]


def _halve(volume: NDArray[np.float32]) -> NDArray[np.float32]:
    i, j, k = (n // 2 for n in volume.shape)
    even = volume[: 2 * i, : 2 * j, : 2 * k]
    return even.reshape(i, 2, j, 2, k, 2).mean(axis=(1, 3, 5), dtype=np.float32)
