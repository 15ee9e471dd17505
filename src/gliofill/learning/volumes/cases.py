"""Training volumes: which sessions are complete, and their images scaled and cropped."""

import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gliofill.cohort.reviewed_session import unusable_images
from gliofill.contrasts import Task
from gliofill.derivatives import paths
from gliofill.errors import GliofillError
from gliofill.files.nifti import is_same_grid, read_image
from gliofill.learning.volumes.framing import CROP_MINIMUM, Crop, Scale


@dataclass(frozen=True)
class Case:
    """The files of one session that has both the source and the target of a task.

    Attributes
    ----------
    folder
        Path of the session below the output folder, for instance ``sub-01/ses-pre``.
    participant
        BIDS label without ``sub-``.
    source, target, brain
        Preprocessed images and brain mask, on one grid.
    lesion
        Lesion labels on the same grid, or None.
    """

    folder: str
    participant: str
    source: Path
    target: Path
    brain: Path
    lesion: Path | None = None


@dataclass(frozen=True)
class Volume:
    """One session, scaled and cropped.

    Attributes
    ----------
    case
        Where it comes from.
    source, target
        Shape (K, H, W), float16 in [0, 1]; 0 outside the brain.
    brain, lesion
        Shape (K, H, W), bool; without a lesion file no voxel is lesion.
    source_scale, target_scale
        What 0 and 1 stand for.
    crop
        Place of the slices in the grid of the files.
    """

    case: Case
    source: NDArray[np.float16]
    target: NDArray[np.float16]
    brain: NDArray[np.bool_]
    lesion: NDArray[np.bool_]
    source_scale: Scale
    target_scale: Scale
    crop: Crop

    @property
    def fingerprint(self) -> str:
        """Checksum of the voxels, to tell whether a training run continues on the same data."""
        checksum = 0
        for array in (self.source, self.target, self.brain, self.lesion):
            checksum = zlib.crc32(array.tobytes(), checksum)
        return f"{checksum:08x}"

    def usable_slices(self, smallest_brain_fraction: float) -> NDArray[np.intp]:
        """Return the indices of the slices in which the brain covers at least that share of the crop."""
        return np.flatnonzero(self.brain.mean(axis=(1, 2)) >= smallest_brain_fraction)


def find_cases(root: Path, task: Task, *, participants: Collection[str] | None = None) -> list[Case]:
    """Find the sessions that can train a task: preprocessed source and target, and a brain mask.

    Imputed images are never taken, nor acquired ones that were found unusable.

    Parameters
    ----------
    root
        Output folder of the preprocessing.
    task
        Source and target.
    participants
        Labels to choose from, with or without ``sub-``; all if None.

    Returns
    -------
    list of Case
        Sorted by folder.

    Raises
    ------
    GliofillError
        If there is no such session.
    """
    chosen = None if participants is None else {label.removeprefix("sub-") for label in participants}
    cases, unusable = [], unusable_images(root)
    for folder in _session_folders(root):
        if not unusable.isdisjoint((folder, str(contrast)) for contrast in (task.source, task.target)):
            continue
        participant = folder.split("/")[0].removeprefix("sub-")
        lesion = root / paths.lesion(folder)
        case = Case(
            folder,
            participant,
            source=root / paths.preprocessed(folder, task.source),
            target=root / paths.preprocessed(folder, task.target),
            brain=root / paths.brain_mask(folder),
            lesion=lesion if lesion.is_file() else None,
        )
        complete = all(path.is_file() for path in (case.source, case.target, case.brain))
        if complete and (chosen is None or participant in chosen):
            cases.append(case)
    if not cases:
        among = "" if chosen is None else f" of the {len(chosen)} chosen participants"
        raise GliofillError(
            f"{root}: no session{among} has a preprocessed {task.source}, a preprocessed {task.target} and "
            "a brain mask; run the preprocessing first"
        )
    return cases


def find_split_cases(
    roots: Sequence[Path], task: Task, *, participants: Collection[str] = (), validation: Collection[str] = ()
) -> tuple[list[Case], list[Case]]:
    """Find the sessions to train on and the held-out ones, in one or more output folders.

    Parameters
    ----------
    roots
        Output folders of the preprocessing.
    task
        Source and target.
    participants
        Labels to train on; all but the held-out ones if empty.
    validation
        Labels that are held out.

    Raises
    ------
    GliofillError
        If a participant is on both sides, a named one has no such session, or none is left to train on.
    """
    named, held_out = ({label.removeprefix("sub-") for label in labels} for labels in (participants, validation))
    if named & held_out:
        raise GliofillError(f"participants {', '.join(sorted(named & held_out))} are both to train on and held out")
    cases = [case for root in roots for case in find_cases(root, task)]
    found = {case.participant for case in cases}
    for label in sorted((named | held_out) - found):
        raise GliofillError(
            f"{', '.join(map(str, roots))}: participant {label} has no session with a preprocessed {task.source}, "
            f"a preprocessed {task.target} and a brain mask"
        )
    training = [case for case in cases if case.participant in (named or found - held_out)]
    if not training:
        raise GliofillError(f"{', '.join(map(str, roots))}: every participant is held out, none is left to train on")
    return training, [case for case in cases if case.participant in held_out]


def find_fold_cases(
    roots: Sequence[Path], task: Task, training: Collection[str], held_out: Collection[str]
) -> tuple[list[Case], list[Case]]:
    """Find the sessions of two sets of a split, in one or more output folders.

    Participants of the split that lack a session for this task are passed over: they may have one for the other task.

    Raises
    ------
    GliofillError
        If a set has no session at all.
    """
    cases = [case for root in roots for case in find_cases(root, task)]
    found = tuple([case for case in cases if case.participant in labels] for labels in (training, held_out))
    for name, group, labels in zip(("to train on", "to validate on"), found, (training, held_out), strict=True):
        if not group:
            raise GliofillError(
                f"{', '.join(map(str, roots))}: none of the {len(labels)} participants {name} has a session with a "
                f"preprocessed {task.source} and {task.target}; split the patients again"
            )
    return found[0], found[1]


def find_complete_participants(roots: Sequence[Path], tasks: Iterable[Task]) -> set[str]:
    """Return the labels of the participants that have a session for one of the tasks.

    Raises
    ------
    GliofillError
        If a task has none.
    """
    return {case.participant for task in tasks for root in roots for case in find_cases(root, task)}


def _session_folders(root: Path) -> Iterator[str]:
    for participant in sorted(root.glob("sub-*")):
        for anat in sorted([*participant.glob("anat"), *participant.glob("ses-*/anat")]):
            yield anat.parent.relative_to(root).as_posix()


def load_case(case: Case, *, crop_minimum: tuple[int, int] = CROP_MINIMUM) -> Volume:
    """Read, scale and crop one session.

    Raises
    ------
    GliofillError
        If a file cannot be read, the grids differ, or the intensities are NaN, infinite or constant in the brain.
    """
    brain_data, affine = read_image(case.brain)
    brain = brain_data > 0
    data = {"source": _on_grid(case.source, brain, affine), "target": _on_grid(case.target, brain, affine)}
    lesion = _on_grid(case.lesion, brain, affine) > 0 if case.lesion else np.zeros_like(brain)
    try:
        crop = Crop.around(brain, crop_minimum)
    except GliofillError as error:
        raise GliofillError(f"{case.brain}: {error}") from error
    scales = {
        role: _scale(path, data[role], brain) for role, path in (("source", case.source), ("target", case.target))
    }
    units = {role: crop.cut(np.where(brain, scales[role].to_unit(data[role]), 0).astype(np.float16)) for role in scales}
    return Volume(
        case,
        units["source"],
        units["target"],
        crop.cut(brain),
        crop.cut(lesion),
        scales["source"],
        scales["target"],
        crop,
    )


def _on_grid(path: Path, brain: NDArray[np.bool_], affine: NDArray[np.float64]) -> NDArray[np.float32]:
    data, own_affine = read_image(path)
    if not is_same_grid(data.shape, own_affine, brain.shape, affine):
        raise GliofillError(f"{path}: is not on the grid of the session's brain mask; preprocess the session again")
    return data


def _scale(path: Path, data: NDArray[np.float32], brain: NDArray[np.bool_]) -> Scale:
    try:
        return Scale.of(data, brain)
    except GliofillError as error:
        raise GliofillError(f"{path}: {error}") from error


def common_crop(cases: Iterable[Case]) -> tuple[int, int]:
    """Return the smallest in-plane crop, (i, j) voxels, that holds the brain of every case."""
    height, width = CROP_MINIMUM
    for case in cases:
        brain, _ = read_image(case.brain)
        try:
            shape = Crop.around(brain > 0, CROP_MINIMUM).shape
        except GliofillError as error:
            raise GliofillError(f"{case.brain}: {error}") from error
        height, width = max(height, shape[0]), max(width, shape[1])
    return height, width
