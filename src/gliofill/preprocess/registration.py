"""Rigid registration inside the brain, scored, and tried again from another start if the score is bad."""

import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import ants
import numpy as np
from numpy.typing import NDArray

from gliofill.errors import GliofillError
from gliofill.preprocess.brain import grow
from gliofill.preprocess.rigid import check_rigid, read_matrix, write_matrix
from gliofill.quality.alignment import dice, mutual_information

#: scores are computed on voxels of this size
SCORE_SPACING_MM = 3.0
#: a registration below these is tried again, then flagged
LEAST_HEAD_OVERLAP = 0.75
LEAST_BRAIN_IN_FIELD = 0.85
#: share of the start's mutual information that the result must keep: of images that lie on each other already, the best
#: motion is none, and the score of a shift by a tenth of a voxel is up to 4 % lower by interpolation alone
LEAST_KEPT_INFORMATION = 0.95
#: an image with more zeros than the rest of this has an empty background; acquired air is noise
MOST_OCCUPIED = 0.7


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
    """

    mutual_information: float
    head_overlap: float
    brain_in_field: float


@dataclass(frozen=True)
class Attempt:
    """One optimisation: where it started, and what came out."""

    start: str
    before: Scores
    after: Scores
    matrix: NDArray[np.float64]

    @property
    def problem(self) -> str:
        """Why the result is not to be trusted; empty if nothing speaks against it."""
        if self.after.brain_in_field < LEAST_BRAIN_IN_FIELD:
            return f"only {self.after.brain_in_field:.0%} of the brain lies in the field of view"
        if self.after.head_overlap < LEAST_HEAD_OVERLAP:
            return f"the heads overlap by {self.after.head_overlap:.2f} only (Dice; {LEAST_HEAD_OVERLAP} is needed)"
        if self.after.mutual_information < LEAST_KEPT_INFORMATION * self.before.mutual_information:
            return "mutual information fell during registration"
        return ""

    def as_mapping(self) -> dict[str, Any]:
        """Return plain rounded values for JSON."""
        rounded = [
            {key: round(value, 4) for key, value in asdict(scores).items()} for scores in (self.before, self.after)
        ]
        return {"start": self.start, "before": rounded[0], "after": rounded[1], "problem": self.problem}


@dataclass(frozen=True)
class Registration:
    """The best of the attempts; `matrix` maps RAS points of the fixed image to RAS points of the moving one."""

    attempts: tuple[Attempt, ...]

    @property
    def best(self) -> Attempt:
        """An attempt without problem, else the one with the most mutual information."""
        return max(self.attempts, key=lambda attempt: (not attempt.problem, attempt.after.mutual_information))

    @property
    def matrix(self) -> NDArray[np.float64]:
        """The transform, shape (4, 4)."""
        return self.best.matrix


def register(
    fixed: ants.ANTsImage, brain: ants.ANTsImage, moving: ants.ANTsImage, *, fine: bool = True
) -> Registration:
    """Find the rigid motion between two images of one head by Mattes mutual information inside the brain.

    The fixed image is cropped to the brain: the neck and the jaw move against it, and most of the time would go into
    air.

    Parameters
    ----------
    fixed
        Image that stays.
    brain
        Its brain mask, same grid.
    moving
        Image to be brought onto it, with or without scalp.
    fine
        Also optimise at full resolution; without it about 0.3 mm are lost and a third of the time is needed.

    Raises
    ------
    GliofillError
        If the brain mask is empty or no attempt gives a rigid transform.

    References
    ----------
    Mattes et al., PET-CT image registration in the chest using free-form deformations, IEEE Trans Med Imaging 2003.
    """
    if not brain.numpy().any():
        raise GliofillError("registration: the brain mask of the reference is empty")
    region = grow(brain, 4.0)
    cropped, cropped_region = ants.crop_image(fixed, region), ants.crop_image(region, region)
    scorer = _Scorer(fixed, brain, moving)
    attempts: list[Attempt] = []
    for name, start in scorer.starts():
        matrix = _optimise(cropped, cropped_region, moving, start=start, fine=fine)
        attempts.append(Attempt(name, scorer(start), scorer(matrix), matrix))
        if not attempts[-1].problem:
            break
    return Registration(tuple(attempts))


def _coarsen(image: ants.ANTsImage) -> ants.ANTsImage:
    spacing = [max(edge, SCORE_SPACING_MM) for edge in image.spacing]
    return ants.resample_image(image, spacing, use_voxels=False, interp_type=0)


def _optimise(
    fixed: ants.ANTsImage, mask: ants.ANTsImage, moving: ants.ANTsImage, *, start: NDArray[np.float64], fine: bool
) -> NDArray[np.float64]:
    levels: dict[str, Sequence[int]] = {
        "aff_iterations": (200, 100),
        "aff_shrink_factors": (4, 2),
        "aff_smoothing_sigmas": (2, 1),
    }
    if fine:
        levels = {"aff_iterations": (200, 100, 20), "aff_shrink_factors": (4, 2, 1), "aff_smoothing_sigmas": (2, 1, 0)}
    with tempfile.TemporaryDirectory(prefix="gliofill-register-") as scratch:
        initial = Path(scratch) / "start.txt"
        write_matrix(initial, start)
        result = ants.registration(
            fixed,
            moving,
            "Rigid",
            initial_transform=[str(initial)],
            outprefix=f"{scratch}/out-",
            mask=mask,
            mask_all_stages=True,
            aff_random_sampling_rate=0.1,
            **levels,
        )
        matrix = np.eye(4)
        for file in reversed(result["fwdtransforms"]):
            matrix = read_matrix(file) @ matrix
    return check_rigid(matrix, "registration")


class _Scorer:
    """Scores one moving image against one fixed image for any transform, on coarse voxels."""

    def __init__(self, fixed: ants.ANTsImage, brain: ants.ANTsImage, moving: ants.ANTsImage) -> None:
        self.fixed, self.moving = _coarsen(fixed), _coarsen(moving)
        self.brain = ants.resample_image_to_target(brain, self.fixed, interp_type="nearestNeighbor").numpy() > 0
        self.fixed_head, self.moving_head = _foreground(self.fixed), _foreground(self.moving)
        self.field = self.moving.new_image_like(np.ones(self.moving.shape, dtype=np.float32))

    def starts(self) -> list[tuple[str, NDArray[np.float64]]]:
        """Return the initial transforms, the most promising first."""
        shift = np.eye(4)
        shift[:3, 3] = _centre(self.moving_head) - _centre(self.fixed_head)
        starts = [("header", np.eye(4)), ("centre of mass", shift)]
        return sorted(starts, key=lambda start: -self(start[1]).mutual_information)

    def __call__(self, matrix: NDArray[np.float64]) -> Scores:
        images = (self.moving, self.moving_head, self.field)
        image, head, field = (resample(each, self.fixed, matrix).numpy() for each in images)
        in_field = field > 0.5
        return Scores(
            mutual_information(self.fixed.numpy(), image, self.brain),
            dice((self.fixed_head.numpy() > 0) & in_field, (head > 0.5) & in_field),
            float((self.brain & in_field).sum() / max(self.brain.sum(), 1)),
        )


def _foreground(image: ants.ANTsImage) -> ants.ANTsImage:
    """Return the mask of the head: where air is exactly 0, as in stripped images, everything else."""
    occupied = image.numpy() != 0
    if occupied.mean() < MOST_OCCUPIED:
        return image.new_image_like(occupied.astype(np.float32))
    return ants.get_mask(image)


def _centre(mask: ants.ANTsImage) -> NDArray[np.float64]:
    """Return the centre of a mask in RAS millimetres."""
    return np.asarray(ants.get_center_of_mass(mask)) * (-1, -1, 1)


def resample(
    image: ants.ANTsImage, grid: ants.ANTsImage, matrix: NDArray[np.float64], *, interpolation: str = "linear"
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
    """
    names = {"linear": "linear", "sinc": "lanczosWindowedSinc", "nearest": "nearestNeighbor"}
    with tempfile.TemporaryDirectory(prefix="gliofill-resample-") as scratch:
        file = Path(scratch) / "transform.txt"
        write_matrix(file, matrix)
        result = ants.apply_transforms(grid, image, [str(file)], interpolator=names[interpolation])
    if interpolation == "sinc":
        result = result.new_image_like(np.clip(result.numpy(), image.min(), image.max()))
    return result
