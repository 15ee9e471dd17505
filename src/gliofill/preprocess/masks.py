"""The brain masks of one session, read from its scratch folder: that of the reference, or the vote of all contrasts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gliofill.config.settings import PROGRAMS, PreprocessSettings
from gliofill.contrasts import Contrast
from gliofill.derivatives import paths
from gliofill.derivatives.session_record import BrainMask, Registration
from gliofill.files.atomic import sha256
from gliofill.files.nifti import read_image
from gliofill.preprocess.consensus import agreement, vote
from gliofill.preprocess.plan import SessionPlan
from gliofill.preprocess.scratch import MASK, Scratch, distance_in
from gliofill.preprocess.spaces import OutputSpace
from gliofill.preprocess.workflow import votes

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class SessionMasks:
    """Brain masks.

    Attributes
    ----------
    by_space
        A mask per label of an output space.
    agreement
        Dice of each contrast's own mask with that of the others, 0 where no brain was found; empty where only the
        reference was looked at.
    voters
        Contrasts whose median the mask is; empty likewise.
    """

    by_space: Mapping[str, Mask]
    agreement: Mapping[Contrast, float]
    voters: tuple[Contrast, ...]


def read_masks(
    plan: SessionPlan, settings: PreprocessSettings, scratch: Scratch, spaces: Sequence[OutputSpace]
) -> SessionMasks:
    """Read the masks of a session, and let its contrasts vote where the brain was measured in all of them.

    A contrast whose registration has a problem has no vote, for its brain may lie elsewhere; how far it agrees with
    the others is reported all the same.
    """
    if not votes(plan, settings):
        return SessionMasks({space.label: read_image(space.find(MASK))[0] > 0.5 for space in spaces}, {}, ())
    masks, agreements = {}, {}
    voters = tuple(contrast for contrast in plan.images if _is_placed(contrast, plan, scratch))
    for space in spaces:
        files = {contrast: space.find(distance_in(contrast)) for contrast in plan.images}
        distances = {contrast: read_image(file)[0] for contrast, file in files.items() if file.is_file()}
        voters = tuple(contrast for contrast in voters if contrast in distances)
        if voters:
            masks[space.label] = vote({contrast: distances[contrast] for contrast in voters}, settings.brain_border_mm)
        else:  # the mask of the reference is there, what it was made of is not
            masks[space.label] = read_image(space.find(MASK))[0] > 0.5
        if space.label == paths.SPACE:
            # where no brain was found, or its place is not known, none agrees
            agreements = dict.fromkeys((contrast for contrast in plan.images if contrast not in distances), 0.0)
            agreements |= agreement(distances, settings.brain_border_mm)
    return SessionMasks(masks, agreements, voters)


def describe(found: SessionMasks, plan: SessionPlan, settings: PreprocessSettings) -> BrainMask:
    """Return what the record of the session says about the mask, but for its files and what it was made from."""
    method = "provided" if plan.brain_mask else settings.brain_mask
    made = BrainMask(method=method, volume_ml=round(float(found.by_space[paths.SPACE].sum()) / 1000, 1))
    if method == "template":
        made = replace(made, head_template=str(settings.head_template or "built-in"))
    if method == "network":
        # here, for it loads torch, which the scheduling of the nodes must not
        from gliofill.extraction.model import EMBEDDED, model_id

        made = replace(made, model=model_id(settings.brain_model or EMBEDDED))
    if method in PROGRAMS:
        made = _with_program(made, settings)
    if votes(plan, settings):
        made = replace(made, border_mm=settings.brain_border_mm, voters=found.voters, agreement=found.agreement)
    return made


def _with_program(made: BrainMask, settings: PreprocessSettings) -> BrainMask:
    from gliofill.preprocess.external_programs import find_program

    weights = settings.weights
    file = weights / "fold_all" / "checkpoint_final.pth" if weights.is_dir() else weights
    program = Path(find_program(settings)).name
    return replace(made, program=program, weights=weights.name, weights_sha256=sha256(file))


def _is_placed(contrast: Contrast, plan: SessionPlan, scratch: Scratch) -> bool:
    scores = scratch.registration_scores(contrast)
    return contrast is plan.reference or (scores.is_file() and not Registration.read(scores).problem)
