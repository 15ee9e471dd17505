"""Where the head is in a raw image and how bright it is, estimated from a few voxels in milliseconds."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

# about this many voxels along each axis tell where the head is
_COARSE_VOXELS = 64
# air is darker than this share of the mean of what is brighter than the mean: noise is, grey matter never
_AIR_SHARE = 0.25
# a background of exact zeros on more than this share of the voxels was put there
_MASKED_SHARE = 0.25
# only slices with more head than this share of the fullest one count as head: the rest is specks of noise or skin
_FEW = 0.05
# the box inside the head leaves out this share at either end of each axis
_MARGIN = 0.2
# of what is longer than the first number from top to bottom the brain lies between the other two, below the vertex
_HEAD_AND_NECK_MM = 160.0
_BRAIN_BELOW_VERTEX_MM = (14.0, 110.0)


@dataclass(frozen=True)
class Tissue:
    """A coarse view of an image.

    Attributes
    ----------
    head
        ndarray, shape (A, B, C), bool: every `stride`-th voxel, where it is brighter than air.
    stride
        Voxels between the samples along each axis.
    threshold
        Intensity that parts air from the head.
    level
        Median intensity of the head.
    is_masked
        Whether the background was set to exactly 0, by stripping or by the scanner.
    """

    head: NDArray[np.bool_]
    stride: tuple[int, int, int]
    threshold: float
    level: float
    is_masked: bool

    def extent(self, axis: int) -> tuple[int, int]:
        """Return the first voxel of the head along an axis, and the one after the last; (0, 0) if there is no head."""
        area = self.head.sum(axis=tuple(i for i in range(3) if i != axis))
        filled = np.flatnonzero(area > _FEW * area.max(initial=0))
        if not len(filled):
            return 0, 0
        return int(filled[0]) * self.stride[axis], (int(filled[-1]) + 1) * self.stride[axis]

    def inside(self, affine: ArrayLike) -> tuple[slice, slice, slice]:
        """Return a box inside the head, mostly brain: no air, little scalp, no neck.

        Parameters
        ----------
        affine
            Shape (4, 4), of the image.
        """
        matrix = np.asarray(affine, dtype=np.float64)[:3, :3]
        edges = np.linalg.norm(matrix, axis=0)
        upright = int(np.argmax(np.abs(matrix[2]) / edges))
        box = [middle(*self.extent(axis)) for axis in range(3)]
        first, last = self.extent(upright)
        if (last - first) * edges[upright] > _HEAD_AND_NECK_MM:
            ends = [int(depth / edges[upright]) for depth in _BRAIN_BELOW_VERTEX_MM]
            is_upward = matrix[2, upright] > 0
            box[upright] = (
                slice(last - ends[1], last - ends[0]) if is_upward else slice(first + ends[0], first + ends[1])
            )
        return box[0], box[1], box[2]


def middle(first: int, last: int) -> slice:
    """Return the middle part of a range, at least one voxel."""
    margin = int(_MARGIN * (last - first))
    return slice(first + margin, max(last - margin, first + 1))


def measure_tissue(image: NDArray[Any]) -> Tissue:
    """Part head from air.

    Parameters
    ----------
    image
        Shape (I, J, K), any real type; negative values (from interpolation) count as air.
    """
    stride = tuple(max(1, n // _COARSE_VOXELS) for n in image.shape)
    coarse = np.asarray(image[tuple(slice(None, None, step) for step in stride)], dtype=np.float32)
    bright = coarse[coarse > max(float(coarse.mean()), 0.0)]
    threshold = _AIR_SHARE * float(bright.mean()) if bright.size else 0.0
    head = coarse > threshold
    level = float(np.median(coarse[head])) if head.any() else 0.0
    is_masked = bool((coarse == 0).mean() > _MASKED_SHARE)
    return Tissue(head, stride, threshold, level, is_masked)
