"""How well a moving image lies on a fixed one, and where a registration may start."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import ants
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from gliofill.preprocess.resampling import resample
from gliofill.quality.alignment import dice, mutual_information

#: scores are computed on voxels of this size
SCORE_SPACING_MM = 3.0
#: an image with more zeros than the rest of this has an empty background; acquired air is noise
MOST_OCCUPIED = 0.7
#: a place is compared with what lies this many millimetres, or this many degrees, away
MOVE = 10.0
#: turns about each axis that are tried, in degrees, when the usual starts have failed
TURNS = (-40.0, -20.0, 0.0, 20.0, 40.0)


@dataclass(frozen=True)
class Scores:
    """How well a moving image lies on the fixed one.

    Attributes
    ----------
    mutual_information
        Inside the brain, in nats; higher is better.
    head_overlap
        Dice of the two foregrounds inside the moving image's field of view.
    brain_in_field
        Share of the brain that the moving image shows.
    peak
        Mutual information over that of the best of twelve moves by `MOVE`: below 1 the place is no optimum.
    """

    mutual_information: float
    head_overlap: float
    brain_in_field: float
    peak: float = np.inf


class Scorer:
    """Scores one moving image against one fixed image for any transform, on coarse voxels."""

    def __init__(self, fixed: ants.ANTsImage, brain: ants.ANTsImage, moving: ants.ANTsImage) -> None:
        self.fixed, self.moving = _coarsen(fixed), _coarsen(moving)
        self.brain = ants.resample_image_to_target(brain, self.fixed, interp_type="nearestNeighbor").numpy() > 0
        self.fixed_head, self.moving_head = _foreground(self.fixed), _foreground(self.moving)
        self.centre = _centre(self.fixed.new_image_like(self.brain.astype(np.float32)))
        self.field = self.moving.new_image_like(np.ones(self.moving.shape, dtype=np.float32))

    def starts(self) -> Iterator[tuple[str, NDArray[np.float64]]]:
        """Yield the initial transforms, the most promising first; the last, a turned one, is costly to find."""
        shift = np.eye(4)
        shift[:3, 3] = _centre(self.moving_head) - _centre(self.fixed_head)
        starts = [("header", np.eye(4)), ("centre of mass", shift)]
        yield from sorted(starts, key=lambda start: -self.information(start[1]))
        turned = [shift @ turn(_centre(self.fixed_head), rotation) for rotation in _rotations()]
        yield "rotation", max(turned, key=self.information)

    def information(self, matrix: NDArray[np.float64]) -> float:
        """Return the mutual information inside the brain."""
        return mutual_information(self.fixed.numpy(), resample(self.moving, self.fixed, matrix).numpy(), self.brain)

    def _around(self, matrix: NDArray[np.float64]) -> float:
        """Return the most mutual information that a move by `MOVE` from a place reaches."""
        moves = []
        for direction in (*np.eye(3), *-np.eye(3)):
            moves.append(turn(self.centre, Rotation.from_rotvec(np.deg2rad(MOVE) * direction)))
            moves.append(np.eye(4))
            moves[-1][:3, 3] = MOVE * direction
        return max(self.information(matrix @ move) for move in moves)

    def __call__(self, matrix: NDArray[np.float64]) -> Scores:
        """Return the scores of a transform."""
        images = (self.moving, self.moving_head, self.field)
        image, head, field = (resample(each, self.fixed, matrix).numpy() for each in images)
        in_field = field > 0.5
        information = mutual_information(self.fixed.numpy(), image, self.brain)
        return Scores(
            information,
            dice((self.fixed_head.numpy() > 0) & in_field, (head > 0.5) & in_field),
            float((self.brain & in_field).sum() / max(self.brain.sum(), 1)),
            information / max(self._around(matrix), 1e-6),
        )


def turn(centre: NDArray[np.float64], rotation: Rotation) -> NDArray[np.float64]:
    """Return the matrix that turns points about a centre."""
    matrix = np.eye(4)
    matrix[:3, :3] = rotation.as_matrix()
    matrix[:3, 3] = centre - matrix[:3, :3] @ centre
    return matrix


def _rotations() -> list[Rotation]:
    """Return tilts of the head about all axes, and the right angles by which a wrong header may turn an image."""
    tilts = [Rotation.from_euler("xyz", angles, degrees=True) for angles in product(TURNS, repeat=3)]
    return tilts + list(Rotation.create_group("O"))


def _foreground(image: ants.ANTsImage) -> ants.ANTsImage:
    """Return the mask of the head: where air is exactly 0, as in stripped images, everything else."""
    occupied = image.numpy() != 0
    if occupied.mean() < MOST_OCCUPIED:
        return image.new_image_like(occupied.astype(np.float32))
    return ants.get_mask(image)


def _centre(mask: ants.ANTsImage) -> NDArray[np.float64]:
    """Return the centre of a mask in RAS millimetres."""
    return np.asarray(ants.get_center_of_mass(mask)) * (-1, -1, 1)


def _coarsen(image: ants.ANTsImage) -> ants.ANTsImage:
    spacing = [max(edge, SCORE_SPACING_MM) for edge in image.spacing]
    return ants.resample_image(image, spacing, use_voxels=False, interp_type=0)
