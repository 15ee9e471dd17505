"""How well a moving image lies on a fixed one, and where a registration may start."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

import ants
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from gliofill.metrics.overlap import dice
from gliofill.preprocess.resampling import resample
from gliofill.quality.preprocessed.fit import FOLDS, Fit, Matrix, Scale, Volume, shift, turn

#: heads are compared, and starts looked for, on voxels of this size
COARSE_MM = 3.0
#: an image with more zeros than the rest of this has an empty background; acquired air is noise
MOST_OCCUPIED = 0.7
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
        Mutual information over that of the best of the twelve places around it: below 1 the place is no optimum.
    mirrored
        Mutual information over what it is with right and left exchanged: below 1 the image is mirrored. Infinite where
        that was not looked at.
    """

    mutual_information: float
    head_overlap: float
    brain_in_field: float
    peak: float = np.inf
    mirrored: float = np.inf


class Scorer:
    """Scores one moving image against one fixed image for any transform."""

    def __init__(
        self, fixed: ants.ANTsImage, brain: ants.ANTsImage, moving: ants.ANTsImage, scale: Scale = FOLDS
    ) -> None:
        arguments = volume(fixed), brain.numpy() > 0.5, volume(moving)
        self.fit, self.coarse = Fit(*arguments, scale), Fit(*arguments, Scale(scale.move, 0.0, COARSE_MM))
        self.fixed, self.moving = _coarsen(fixed), _coarsen(moving)
        self.brain = ants.resample_image_to_target(brain, self.fixed, interp_type="nearestNeighbor").numpy() > 0
        self.fixed_head, self.moving_head = _foreground(self.fixed), _foreground(self.moving)
        self.field = self.moving.new_image_like(np.ones(self.moving.shape, dtype=np.float32))

    def starts(self) -> Iterator[tuple[str, Matrix]]:
        """Yield the initial transforms, the most promising first; the last is a turned one."""
        centre = _centre(self.fixed_head)
        centred = shift(_centre(self.moving_head) - centre)
        starts = [("header", np.eye(4)), ("centre of mass", centred)]
        yield from sorted(starts, key=lambda start: -self.coarse.information(start[1]))
        turned = [centred @ turn(centre, rotation) for rotation in _rotations()]
        yield "rotation", max(turned, key=self.coarse.information)

    def __call__(self, matrix: Matrix) -> Scores:
        """Return the scores of a transform."""
        head, field = (resample(each, self.fixed, matrix).numpy() for each in (self.moving_head, self.field))
        in_field = field > 0.5
        return Scores(
            self.fit.information(matrix),
            dice((self.fixed_head.numpy() > 0) & in_field, (head > 0.5) & in_field),
            float((self.brain & in_field).sum() / max(self.brain.sum(), 1)),
            self.fit.peak(matrix),
        )

    def with_mirrored(self, scores: Scores, matrix: Matrix) -> Scores:
        """Return scores of a transform to which is added whether the image fits better when it is mirrored."""
        return replace(scores, mirrored=self.coarse.mirrored(matrix))


def volume(image: ants.ANTsImage) -> Volume:
    """Return an image of ANTs as an array and its affine to RAS millimetres."""
    affine = np.eye(4)
    affine[:3, :3] = np.asarray(image.direction) * image.spacing
    affine[:3, 3] = image.origin
    return Volume(image.numpy(), np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine)


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
    spacing = [max(edge, COARSE_MM) for edge in image.spacing]
    return ants.resample_image(image, spacing, use_voxels=False, interp_type=0)
