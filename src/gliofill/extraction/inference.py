"""The network at work: an image on any grid to the distance from its brain's surface, and to a mask."""

import itertools
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from gliofill.errors import GliofillError
from gliofill.extraction.largest_piece import largest_piece, tidy
from gliofill.extraction.network import REACH_MM, BrainNetwork
from gliofill.files.nifti import spacing_mm
from gliofill.simulation.heads.head import SPACING_MM
from gliofill.simulation.heads.random import normalise
from gliofill.simulation.heads.stream import SHAPE

#: a mask goes this far beyond the tissue, as those of other tools do, millimetres
BORDER_MM = 1.0
#: fewer voxels than this of a first look are no brain, millilitres
_LEAST_ML = 100.0


@dataclass(frozen=True)
class Grid:
    """Voxels of 2 mm along right, anterior and superior.

    Attributes
    ----------
    shape
        Numbers of voxels, even.
    origin_mm
        Shape (3,), RAS millimetres of the first voxel.
    """

    shape: tuple[int, int, int]
    origin_mm: NDArray[np.float64]

    @property
    def affine(self) -> NDArray[np.float64]:
        """Voxel indices to RAS millimetres, shape (4, 4)."""
        affine = np.diag([SPACING_MM] * 3 + [1.0])
        affine[:3, 3] = self.origin_mm
        return affine


def brain_distance(
    network: BrainNetwork, data: NDArray[np.float32], affine: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Estimate how far each voxel of an image is from the surface of the brain.

    The network looks twice: at the whole image for where the brain is, then at a field of the size that it was
    trained on, centred on what it found, and at its mirror image; the mean of these two counts.

    Parameters
    ----------
    network
        In evaluation mode.
    data
        Shape (I, J, K), an image of a head with or without its skull.
    affine
        Shape (4, 4), voxel indices to RAS millimetres.

    Returns
    -------
    ndarray, shape (I, J, K), float32
        Millimetres, negative inside, within ±`REACH_MM`; linear between the voxels of 2 mm.

    Raises
    ------
    GliofillError
        If nothing in the image looks like a brain.
    """
    if not np.isfinite(data).all() or data.max() <= data.min():
        raise GliofillError("brain extraction: the image is constant or has values that are not numbers")
    grid = _whole_grid(data.shape, affine)
    first = _estimate(network, data, affine, grid)
    grid = _centred_grid(first, grid)
    distance = _estimate(network, data, affine, grid, with_mirror=True)
    return _onto_image(distance, grid, data.shape, affine)


def brain_mask(
    network: BrainNetwork, data: NDArray[np.float32], affine: NDArray[np.float64], *, border_mm: float = BORDER_MM
) -> NDArray[np.bool_]:
    """Find the brain in an image: where the distance is below a border, in one piece and without holes.

    See `brain_distance`.
    """
    return tidy(brain_distance(network, data, affine) < border_mm)


def _whole_grid(shape: tuple[int, ...], affine: NDArray[np.float64]) -> Grid:
    """Return the grid that covers an image."""
    corners = np.array(list(itertools.product(*[(0, n - 1) for n in shape], [1]))) @ affine.T
    low, high = corners[:, :3].min(axis=0), corners[:, :3].max(axis=0)
    i, j, k = (int(2 * np.ceil((high[a] - low[a]) / (2 * SPACING_MM)) + 2) for a in range(3))
    middle = (low + high) / 2
    return Grid((i, j, k), middle - SPACING_MM * (np.array([i, j, k]) - 1) / 2)


def _centred_grid(distance: Tensor, grid: Grid) -> Grid:
    """Return the grid around the brain of a first look."""
    mask = largest_piece(distance.numpy() < 0)
    volume_ml = mask.sum() * SPACING_MM**3 / 1000
    if volume_ml < _LEAST_ML:
        raise GliofillError(f"brain extraction: only {volume_ml:.0f} mL of the image look like a brain; is it a head?")
    box = ndimage.find_objects(mask.astype(np.uint8))[0]
    middle = grid.origin_mm + SPACING_MM * np.array([(s.start + s.stop - 1) / 2 for s in box])
    return Grid(SHAPE, middle - SPACING_MM * (np.array(SHAPE) - 1) / 2)


def _estimate(
    network: BrainNetwork,
    data: NDArray[np.float32],
    affine: NDArray[np.float64],
    grid: Grid,
    *,
    with_mirror: bool = False,
) -> Tensor:
    """Return the distance on a grid, shape of the grid, clipped to ±`REACH_MM`."""
    image = normalise(torch.from_numpy(_onto_grid(data, affine, grid)))[None, None]
    device = next(network.parameters()).device
    with torch.inference_mode():
        estimates = [network(image.to(device))]
        if with_mirror:  # right and left, the first axis of the grid
            estimates.append(network(image.flip(2).to(device)).flip(2))
    bounded = [estimate[0, 0].float().cpu().clamp(-REACH_MM, REACH_MM) for estimate in estimates]
    return torch.stack(bounded).mean(dim=0)


def _onto_grid(data: NDArray[np.float32], affine: NDArray[np.float64], grid: Grid) -> NDArray[np.float32]:
    """Interpolate an image linearly; voxels finer than the grid are averaged first. Outside the image it is 0."""
    # a box of about 2 mm, as in the generated images whose slices have a thickness
    size = [max(1, round(SPACING_MM / step)) for step in spacing_mm(affine)]
    smooth = ndimage.uniform_filter(data, size) if max(size) > 1 else data
    to_voxels = np.linalg.inv(affine) @ grid.affine
    image: NDArray[np.float32] = ndimage.affine_transform(
        smooth, to_voxels[:3, :3], to_voxels[:3, 3], output_shape=grid.shape, order=1, output=np.float32
    )
    return image


def _onto_image(
    distance: Tensor, grid: Grid, shape: tuple[int, ...], affine: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Interpolate the distance linearly at the voxels of an image; beyond the grid it is `REACH_MM`."""
    to_grid = np.linalg.inv(grid.affine) @ affine
    result: NDArray[np.float32] = ndimage.affine_transform(
        distance.numpy(), to_grid[:3, :3], to_grid[:3, 3], output_shape=shape, order=1, cval=REACH_MM, output=np.float32
    )
    return result
