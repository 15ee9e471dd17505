"""Which planes of a session's common grid are shown, and how a plane is turned so that it looks as readers expect."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from gliofill.derivatives import paths
from gliofill.files.nifti import read_image

#: the planes, in the order in which they are drawn
PLANES = ("axial", "coronal", "sagittal")


@dataclass(frozen=True)
class View:
    """The part of the grid that is shown: a box around the brain, and the voxel through which the planes go."""

    box: tuple[slice, slice, slice]
    centre: tuple[int, int, int]
    shows_lesion: bool

    @classmethod
    def of(cls, output_dir: Path, folder: str) -> Self:
        """Choose the planes with the largest section of the lesion, else those through the middle of the brain."""
        brain = read_image(output_dir / paths.brain_mask(folder))[0] > 0
        lesion_file = output_dir / paths.lesion(folder)
        lesion = read_image(lesion_file)[0] > 0 if lesion_file.is_file() else np.zeros(brain.shape, dtype=bool)
        return cls.around(brain, lesion)

    @classmethod
    def around(cls, brain: NDArray[np.bool_], lesion: NDArray[np.bool_]) -> Self:
        """Choose the planes from a brain mask and lesion labels on the same grid, shape (I, J, K)."""
        where = np.nonzero(brain)
        box = tuple(slice(max(int(i.min()) - 4, 0), int(i.max()) + 5) for i in where)
        centre = tuple(round(float(i.mean())) for i in where)
        if lesion.any():
            centre = tuple(int(lesion.sum(axis=tuple({0, 1, 2} - {axis})).argmax()) for axis in range(3))
        return cls((box[0], box[1], box[2]), (centre[0], centre[1], centre[2]), bool(lesion.any()))

    @property
    def heights(self) -> tuple[int, int, int]:
        """Heights of the three planes, so that all can have one scale."""
        return tuple(self.box[axis].stop - self.box[axis].start for axis in (1, 2, 2))

    @property
    def centre_in_box(self) -> tuple[float, float, float]:
        """Where the planes cross, as shares of the edges of the box."""
        i, j, k = ((c - b.start + 0.5) / (b.stop - b.start) for c, b in zip(self.centre, self.box, strict=True))
        return i, j, k

    @property
    def note(self) -> str:
        """What the planes go through, for a caption."""
        return "planes through the lesion" if self.shows_lesion else "planes through the middle of the brain"

    def planes(self, data: NDArray[Any]) -> Iterator[NDArray[Any]]:
        """Yield the axial, coronal and sagittal plane, radiological view."""
        boxed = data[self.box]
        yield from turn_planes(boxed, tuple(c - part.start for c, part in zip(self.centre, self.box, strict=True)))


def turn_planes(data: NDArray[Any], centre: tuple[int, ...]) -> Iterator[NDArray[Any]]:
    """Yield the axial, coronal and sagittal plane through a voxel, radiological view.

    Parameters
    ----------
    data
        Shape (I, J, K), axes towards right, front and top.
    centre
        Voxel (i, j, k).

    Examples
    --------
    >>> data = np.zeros((7, 8, 9))
    >>> [plane.shape for plane in turn_planes(data, (3, 4, 5))]
    [(8, 7), (9, 7), (9, 8)]
    """
    for axis in (2, 1, 0):
        yield turn_plane(np.moveaxis(data, axis, 0)[centre[axis]], axis)


def turn_plane(plane: NDArray[Any], axis: int) -> NDArray[Any]:
    """Turn the plane that is perpendicular to an axis: top or front up, the patient's left on the right."""
    return np.rot90(plane if axis == 0 else plane[::-1])
