"""From a volume on file to what a network sees, and back: the intensity scale and the box around the brain."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from gliofill.errors import GliofillError

#: intensities at these percentiles inside the brain become 0 and 1
PERCENTILES = (0.5, 99.5)

#: smallest crop in voxels of the 1 mm template grid, left-right by back-front: nearly every brain fits
CROP_MINIMUM = (160, 192)

#: a larger crop grows in these steps; the networks need a multiple of 4
CROP_STEP = 16


@dataclass(frozen=True)
class Scale:
    """Linear map between the intensities of one volume and the unit interval.

    Attributes
    ----------
    low, high
        Intensities that become 0 and 1.
    """

    low: float
    high: float

    @classmethod
    def of(cls, data: NDArray[np.floating], brain: NDArray[np.bool_]) -> Self:
        """Return the scale of a volume: its 0.5 and 99.5 percentiles inside the brain.

        Raises
        ------
        GliofillError
            If there is no brain voxel, or the intensities inside the brain are not finite or all alike.
        """
        inside = data[brain]
        if inside.size == 0:
            raise GliofillError("the brain mask is empty")
        if not np.isfinite(inside).all():
            raise GliofillError("the image has NaN or infinite values inside the brain")
        low, high = (float(value) for value in np.percentile(inside, PERCENTILES))
        if not high > low:
            raise GliofillError(f"the image is constant inside the brain ({PERCENTILES} percentiles are {low}, {high})")
        return cls(low, high)

    def to_unit(self, data: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return intensities as float32 in [0, 1], clipped."""
        return np.clip((data - self.low) / (self.high - self.low), 0, 1).astype(np.float32)

    def from_unit(self, unit: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return unit values as intensities, float32; undoes `to_unit` where that did not clip.

        Examples
        --------
        >>> Scale(100.0, 300.0).from_unit(np.array([0.0, 0.5, 1.0])).tolist()
        [100.0, 200.0, 300.0]
        """
        return (self.low + unit * (self.high - self.low)).astype(np.float32)


@dataclass(frozen=True)
class Crop:
    """Box around the brain that holds all of it, used alike in training and inference.

    Attributes
    ----------
    start
        First voxel of the box in the grid, (i, j, k); negative where the box reaches outside the grid.
    shape
        Size of the box in voxels.
    grid
        Shape of the whole grid.
    """

    start: tuple[int, int, int]
    shape: tuple[int, int, int]
    grid: tuple[int, int, int]

    @classmethod
    def around(cls, brain: NDArray[np.bool_], minimum: tuple[int, int] = CROP_MINIMUM) -> Self:
        """Return the box of a brain: at least `minimum` in plane, from the lowest to the highest slice with brain.

        Raises
        ------
        GliofillError
            If the brain mask is empty.
        """
        if not brain.any():
            raise GliofillError("the brain mask is empty")
        starts, sizes = [], []
        for axis, least in zip(range(3), (*minimum, 0), strict=True):
            first, stop = _extent(brain, axis)
            # instance statistics depend on the crop, hence sizes from a coarse ladder; slices are never padded
            size = stop - first if axis == 2 else max(least, -(-(stop - first) // CROP_STEP) * CROP_STEP)
            start = (first + stop - size) // 2
            room = brain.shape[axis] - size
            starts.append(min(max(start, 0), room) if room >= 0 else room // 2)
            sizes.append(size)
        return cls(_triple(starts), _triple(sizes), _triple(brain.shape))

    def cut(self, data: NDArray[Any]) -> NDArray[Any]:
        """Return the box as axial slices, shape (K, H, W) for data of shape (I, J, K); zeros outside the grid."""
        inside, box = self._overlap()
        cropped = np.zeros(self.shape, dtype=data.dtype)
        cropped[box] = data[inside]
        return np.ascontiguousarray(np.moveaxis(cropped, 2, 0))

    def place(self, slices: NDArray[Any]) -> NDArray[Any]:
        """Return slices of shape (K, H, W) at their place in the grid, shape (I, J, K); zeros outside the box."""
        inside, box = self._overlap()
        data = np.zeros(self.grid, dtype=slices.dtype)
        data[inside] = np.moveaxis(slices, 0, 2)[box]
        return data

    def _overlap(self) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
        ends = [
            (max(start, 0), min(start + size, n), start)
            for start, size, n in zip(self.start, self.shape, self.grid, strict=True)
        ]
        return (
            tuple(slice(first, stop) for first, stop, _ in ends),
            tuple(slice(first - start, stop - start) for first, stop, start in ends),
        )


def _extent(brain: NDArray[np.bool_], axis: int) -> tuple[int, int]:
    occupied = np.flatnonzero(brain.any(axis=tuple(other for other in range(3) if other != axis)))
    return int(occupied[0]), int(occupied[-1]) + 1


def _triple(values: Iterable[int]) -> tuple[int, int, int]:
    first, second, third = (int(value) for value in values)
    return first, second, third
