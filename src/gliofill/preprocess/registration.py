"""Rigid registration inside the brain, scored, and tried again from another start if the score is bad."""

import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import ants
import numpy as np
from numpy.typing import NDArray

from gliofill.derivatives import session_record
from gliofill.errors import GliofillError
from gliofill.files.itk_transform import write_transform
from gliofill.preprocess.brain import grow
from gliofill.preprocess.registration_scores import Scorer, Scores
from gliofill.preprocess.rigid import check_rigid, read_matrix
from gliofill.quality.preprocessed.fit import FOLDS, LEAST_MIRRORED, LEAST_PEAK, SHAPE, Scale


@dataclass(frozen=True)
class Limits:
    """Scores below which a registration is tried again, then flagged.

    Attributes
    ----------
    head_overlap, brain_in_field, peak, mirrored
        See `gliofill.preprocess.registration_scores.Scores`.
    scale
        What places are compared with for the peak.
    kept_information
        Share of the start's mutual information that the result must keep: of images that lie on each other already, the
        best motion is none, and the score of a shift by a tenth of a voxel is up to 4 % lower by interpolation alone.
    """

    head_overlap: float
    brain_in_field: float
    peak: float
    mirrored: float
    scale: Scale
    kept_information: float = 0.95


#: between contrasts of a session; measured: docs/preprocessing.md
CONTRAST_LIMITS = Limits(head_overlap=0.75, brain_in_field=0.85, peak=LEAST_PEAK, mirrored=LEAST_MIRRORED, scale=FOLDS)
#: to the template, whose brain is symmetric and that of nobody: shrunken ones overlap less, the peak is 1.07 to 1.4
TEMPLATE_LIMITS = Limits(head_overlap=0.65, brain_in_field=0.85, peak=1.02, mirrored=0.0, scale=SHAPE)


@dataclass(frozen=True)
class Attempt:
    """One optimisation: where it started, and what came out.

    Attributes
    ----------
    start
        Name of the start.
    before, after
        Scores of the start and of the result.
    matrix
        The result, shape (4, 4).
    limits
        What the result is measured by.
    """

    start: str
    before: Scores
    after: Scores
    matrix: NDArray[np.float64]
    limits: Limits = CONTRAST_LIMITS

    @property
    def is_misplaced(self) -> bool:
        """Whether another start may lead elsewhere; a slight loss of information is no reason to look for one."""
        scores, limits = self.after, self.limits
        is_outside = scores.brain_in_field < limits.brain_in_field or scores.head_overlap < limits.head_overlap
        return is_outside or scores.peak < limits.peak

    @property
    def problem(self) -> str:
        """Why the result is not to be trusted; empty if nothing speaks against it."""
        scores, limits = self.after, self.limits
        if scores.brain_in_field < limits.brain_in_field:
            return f"only {scores.brain_in_field:.0%} of the brain lies in the field of view"
        if scores.head_overlap < limits.head_overlap:
            return f"the heads overlap by {scores.head_overlap:.2f} only (Dice; {limits.head_overlap} is needed)"
        if scores.mutual_information < limits.kept_information * self.before.mutual_information:
            return "mutual information fell during registration"
        if scores.peak < limits.peak:
            move = f"{limits.scale.move:g} mm"
            return f"moved by {move} it fits nearly as well ({scores.peak:.2f} times; {limits.peak} is needed)"
        if scores.mirrored < limits.mirrored:
            ratio = f"{scores.mirrored:.2f} times; {limits.mirrored} is needed"
            return f"it fits better with right and left exchanged ({ratio})"
        return ""

    @property
    def record(self) -> session_record.Attempt:
        """What the record of the session keeps of it, rounded."""
        before, after = (
            {name: round(value, 4) for name, value in asdict(scores).items() if np.isfinite(value)}
            for scores in (self.before, self.after)
        )
        return session_record.Attempt(self.start, before, after, self.problem)


@dataclass(frozen=True)
class Registration:
    """The best of the attempts; `matrix` maps RAS points of the fixed image to RAS points of the moving one."""

    attempts: tuple[Attempt, ...]

    @property
    def best(self) -> Attempt:
        """An attempt without problem, else the one with the most mutual information."""
        return max(
            self.attempts,
            key=lambda a: (not a.problem, not a.is_misplaced, a.after.mutual_information),
        )

    @property
    def best_index(self) -> int:
        """Position of the best attempt."""
        return next(i for i, attempt in enumerate(self.attempts) if attempt is self.best)

    @property
    def matrix(self) -> NDArray[np.float64]:
        """The transform, shape (4, 4)."""
        return self.best.matrix

    @property
    def record(self) -> session_record.Registration:
        """What the record of the session keeps of it."""
        attempts = tuple(attempt.record for attempt in self.attempts)
        return session_record.Registration(problem=self.best.problem, best=self.best_index, attempts=attempts)


def register(
    fixed: ants.ANTsImage,
    brain: ants.ANTsImage,
    moving: ants.ANTsImage,
    *,
    fine: bool = True,
    limits: Limits = CONTRAST_LIMITS,
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
    limits
        What a result is measured by before another start is tried.

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
    scorer = Scorer(fixed, brain, moving, limits.scale)
    attempts: list[Attempt] = []
    for name, start in scorer.starts():
        matrix = _optimise(cropped, cropped_region, moving, start=start, fine=fine)
        after = scorer(matrix)
        if limits.mirrored:
            after = scorer.with_mirrored(after, matrix)
        attempts.append(Attempt(name, scorer(start), after, matrix, limits))
        if not attempts[-1].problem:
            break
        # the last start is looked for only when all before it led astray: finding it takes seconds
        if len(attempts) == 2 and not all(attempt.is_misplaced for attempt in attempts):
            break
    return Registration(tuple(attempts))


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
        write_transform(initial, start)
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
