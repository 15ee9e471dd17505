"""Verdicts on a preprocessed session: is it aligned, is its mask a brain, is each contrast what its name says."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gliofill.contrasts import Contrast
from gliofill.derivatives.session_record import PreprocessedContrast, Registration, SessionRecord
from gliofill.quality.preprocessed.brain_mask import judge_mask, score_mask
from gliofill.quality.preprocessed.fit import Fit, Volume, fits_there
from gliofill.quality.preprocessed.identity import Identity, identify
from gliofill.quality.preprocessed.identity_measures import TissueMaps
from gliofill.quality.verdict import Verdict
from gliofill.template import grey_matter_map, template_brain, white_matter_map

#: scores below which a registration has clearly failed; milder problems only raise a flag. Measured: docs/quality.md
LEAST = {"peak": 1.0, "mirrored": 0.8, "brain_in_field": 0.6, "head_overlap": 0.5}
#: the same for the alignment with the template, whose peak is lower also when it is right
LEAST_TEMPLATE = {"peak": 0.97, "brain_in_field": 0.6, "head_overlap": 0.5}
#: least Dice of the brain found in one contrast with that of the others; measured: docs/preprocessing.md
USUAL_AGREEMENT = 0.9
WORDS = {
    "peak": "fits no better than when it is moved",
    "mirrored": "fits better with right and left exchanged",
    "brain_in_field": "shows too little of the brain",
    "head_overlap": "covers too little of the head",
}


def judge_session(
    record: SessionRecord, images: Mapping[Contrast, NDArray[np.float32]], mask: NDArray[np.bool_]
) -> SessionRecord:
    """Return a session's record with verdicts: each contrast becomes unusable, flagged, or stays ok or failed.

    Parameters
    ----------
    record
        Of a session that has a brain mask and was aligned.
    images
        The contrasts on the template's grid, with what is outside the mask; those that failed are absent.
    mask
        Brain mask, same grid.
    """
    white, grey, template = white_matter_map(), grey_matter_map(), template_brain()
    assert record.brain_mask and record.template_alignment and record.reference
    alignment = _judge_alignment(record)
    reference = images.get(record.reference)
    scores = None if reference is None else score_mask(mask, template, reference)
    shared = [alignment, *([] if scores is None else [judge_mask(scores)])]
    own = {
        contrast: judge_registration(entry.registration, "it") if entry.registration else (None, "")
        for contrast, entry in record.contrasts.items()
    }
    identities: dict[Contrast, Identity] = {}
    confirmed: dict[Contrast, Contrast] = {}
    if not any(verdict for verdict, _ in shared):
        confirmed = _confirm(record, own, images, mask)
        own |= dict.fromkeys(confirmed, (None, ""))
        placed = {contrast: image for contrast, image in images.items() if own[contrast][0] is None}
        identities = identify(
            {contrast: np.where(mask, np.maximum(image, 0), 0) for contrast, image in placed.items()},
            mask,
            TissueMaps.from_probabilities(white, grey, template),
        )
    agreement = record.brain_mask.agreement
    contrasts = {
        contrast: _judged(
            replace(entry, confirmed_by=confirmed.get(contrast)),
            [*shared, own[contrast], (None, judge_agreement(agreement.get(contrast)))],
            identities.get(contrast),
        )
        for contrast, entry in record.contrasts.items()
    }
    brain = record.brain_mask if scores is None else replace(record.brain_mask, scores=scores.as_mapping())
    return replace(record, brain_mask=brain, contrasts=contrasts)


Judgement = tuple[Verdict | None, str]


def _judge_alignment(record: SessionRecord) -> Judgement:
    """Judge how a session lies on the template, or on the first one of its patient."""
    assert record.template_alignment is not None
    if record.is_aligned_to_first:
        target = record.template_alignment.target.removeprefix("bids::")
        return judge_registration(record.template_alignment, f"the session on {target}")
    return judge_registration(record.template_alignment, "the session on the template", LEAST_TEMPLATE)


def _confirm(
    record: SessionRecord,
    own: Mapping[Contrast, Judgement],
    images: Mapping[Contrast, NDArray[np.float32]],
    mask: NDArray[np.bool_],
) -> dict[Contrast, Contrast]:
    """Find doubted registrations that another contrast confirms: some pairs of contrasts share little information."""
    trusted = [contrast for contrast in images if own[contrast] == (None, "") and contrast is not record.reference]
    confirmed = {}
    for contrast, image in images.items():
        registration = record.contrasts[contrast].registration
        if registration is None or own[contrast] == (None, "") or not _is_about_the_fit(registration):
            continue
        moving = Volume(image, np.eye(4))
        fits = (partner for partner in trusted if fits_there(Fit(Volume(images[partner], np.eye(4)), mask, moving)))
        if (partner := next(fits, None)) is not None:
            confirmed[contrast] = partner
    return confirmed


def _is_about_the_fit(registration: Registration) -> bool:
    """Whether nothing but the fit of the images speaks against a registration."""
    scores = registration.best_attempt.after
    return all(scores[name] >= LEAST[name] for name in ("brain_in_field", "head_overlap"))


def judge_registration(
    registration: Registration, what: str, least: Mapping[str, float] = LEAST
) -> tuple[Verdict | None, str]:
    """Judge the best attempt of a registration.

    Parameters
    ----------
    registration
        As recorded.
    what
        What was aligned, for the sentence.
    least
        Scores below which it failed.

    Returns
    -------
    verdict
        None unless the registration clearly failed.
    warning
        What is odd about it otherwise; empty if nothing is.
    """
    scores = registration.best_attempt.after
    for name, limit in least.items():
        if scores.get(name, np.inf) < limit:
            numbers = f"{name.replace('_', ' ')} {scores[name]:.2f}, at least {limit:g} is needed"
            count = len(registration.attempts)
            starts = "1 start" if count == 1 else f"{count} starts"
            sentence = f"could not be registered from {starts}: {what} {WORDS[name]} ({numbers})"
            return Verdict("registration-failed", sentence, scores[name], limit), ""
    return None, f"registration: {registration.problem}" if registration.problem else ""


def judge_agreement(dice: float | None) -> str:
    """Return a warning if the brain that was found in a contrast is not that of the others; else nothing.

    Examples
    --------
    >>> judge_agreement(0.62)
    'the brain found in it overlaps that of the other contrasts by 0.62 (Dice); at least 0.9 is usual'
    """
    if dice is None or dice >= USUAL_AGREEMENT:
        return ""
    return (
        f"the brain found in it overlaps that of the other contrasts by {dice:.2f} (Dice); "
        f"at least {USUAL_AGREEMENT:g} is usual"
    )


def _judged(
    entry: PreprocessedContrast, judgements: list[Judgement], identity: Identity | None
) -> PreprocessedContrast:
    if entry.status == "failed":
        return entry
    if identity is not None:
        judgements = [*judgements, (identity.verdict, identity.warning)]
    verdicts = tuple(verdict for verdict, _ in judgements if verdict)
    warnings = [warning for _, warning in judgements if warning]
    entry = replace(entry, verdicts=verdicts)
    if identity is not None:
        numbers = {name: round(value, 3) for name, value in identity.measures.items()}
        entry = replace(entry, identity={"look": str(identity.look), **numbers})
    if verdicts:
        return replace(entry, status="unusable", reason="; ".join(verdict.sentence for verdict in verdicts))
    return replace(entry, status="flagged", reason="; ".join(warnings)) if warnings else entry
