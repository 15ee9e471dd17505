"""The grid of an image as a corruption sees it: voxel edges, slices, and the order in which k-space was measured."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gliofill.quality.acquired.tissue import measure_tissue

Image = NDArray[np.float32]
Spacing = tuple[float, ...]


@dataclass(frozen=True)
class Grid:
    """What a corruption needs to know of the grid of an image, and of how it was acquired.

    Attributes
    ----------
    spacing_mm
        Voxel edges.
    slice_axis
        The array axis across the slices.
    phase_axis
        The array axis along which k-space lines follow each other in time; not the slice axis.
    """

    spacing_mm: Spacing
    slice_axis: int
    phase_axis: int

    @property
    def is_3d(self) -> bool:
        """Whether all of k-space was measured at once, and not slice by slice."""
        return self.spacing_mm[self.slice_axis] < 1.5 * float(np.median(self.spacing_mm))

    @property
    def read_axis(self) -> int:
        """The array axis along which a k-space line is read at once."""
        return 3 - self.slice_axis - self.phase_axis


def plan_grid(spacing_mm: Spacing, rng: np.random.Generator) -> Grid:
    """Draw the phase axis of an image; the slice axis is the one with the largest spacing, or is drawn too."""
    sliced = Grid(tuple(spacing_mm), int(np.argmax(spacing_mm)), -1)
    slice_axis = int(rng.integers(3)) if sliced.is_3d else sliced.slice_axis
    return Grid(sliced.spacing_mm, slice_axis, int(rng.choice([axis for axis in range(3) if axis != slice_axis])))


def centred_mm(voxels: int, step_mm: float) -> NDArray[np.floating]:
    """Return the places of voxels along an axis, in millimetres from its middle."""
    return (np.arange(voxels) - (voxels - 1) / 2) * step_mm


def restore_mask(corrupted: NDArray[Any], image: Image) -> Image:
    """Set to 0 what a corrupted image shows where the image was set to exactly 0 around the head."""
    corrupted = corrupted.astype(np.float32, copy=False)
    if measure_tissue(image).is_masked:
        corrupted[image == 0] = 0
    return corrupted
