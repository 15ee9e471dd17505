"""Verdicts on a preprocessed session: is it aligned, is its mask a brain, is each contrast what its name says."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gliofill.contrasts import Contrast
from gliofill.derivatives.paths import SPACE
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
    manifest: Mapping[str, Any], images: Mapping[Contrast, NDArray[np.float32]], mask: NDArray[np.bool_]
) -> dict[str, Any]:
    """Return a session's manifest with verdicts: each contrast becomes unusable, flagged, or stays ok or failed.

    Parameters
    ----------
    manifest
        With ``Reference``, ``BrainMask``, ``TemplateAlignment`` and ``Contrasts``.
    images
        The contrasts on the template's grid, with what is outside the mask; those that failed are absent.
    mask
        Brain mask, same grid.
    """
    white, grey, template = white_matter_map(), grey_matter_map(), template_brain()
    alignment = _judge_alignment(manifest["TemplateAlignment"])
    reference = images.get(Contrast(manifest["Reference"]))
    scores = None if reference is None else score_mask(mask, template, reference)
    shared = [alignment, *([] if scores is None else [judge_mask(scores)])]
    own = {
        name: judge_registration(entry["registration"], "it", LEAST) if "registration" in entry else (None, "")
        for name, entry in manifest["Contrasts"].items()
    }
    identities: dict[Contrast, Identity] = {}
    confirmed: dict[str, str] = {}
    if not any(verdict for verdict, _ in shared):
        confirmed = _confirm(manifest, own, images, mask)
        own |= dict.fromkeys(confirmed, (None, ""))
        placed = {contrast: image for contrast, image in images.items() if own[str(contrast)][0] is None}
        identities = identify(
            {contrast: np.where(mask, np.maximum(image, 0), 0) for contrast, image in placed.items()},
            mask,
            TissueMaps.from_probabilities(white, grey, template),
        )
    agreement = manifest["BrainMask"].get("agreement", {})
    strips = {name: (None, judge_agreement(agreement.get(name))) for name in manifest["Contrasts"]}
    contrasts = {
        name: _judged(
            entry | ({"confirmed_by": confirmed[name]} if name in confirmed else {}),
            [*shared, own[name], strips[name]],
            identities.get(Contrast(name)),
        )
        for name, entry in manifest["Contrasts"].items()
    }
    brain = {**manifest["BrainMask"], **({} if scores is None else {"scores": scores.as_mapping()})}
    return {**manifest, "BrainMask": brain, "Contrasts": contrasts}


Judgement = tuple[Verdict | None, str]


def _judge_alignment(alignment: Mapping[str, Any]) -> Judgement:
    """Judge how a session lies on the template, or on the first one of its patient."""
    if alignment["target"] == SPACE:
        return judge_registration(alignment, "the session on the template", LEAST_TEMPLATE)
    return judge_registration(alignment, f"the session on {alignment['target'].removeprefix('bids::')}", LEAST)


def _confirm(
    manifest: Mapping[str, Any],
    own: Mapping[str, Judgement],
    images: Mapping[Contrast, NDArray[np.float32]],
    mask: NDArray[np.bool_],
) -> dict[str, str]:
    """Find doubted registrations that another contrast confirms: some pairs of contrasts share little information."""
    trusted = [c for c in images if own[str(c)] == (None, "") and str(c) != manifest["Reference"]]
    confirmed = {}
    for contrast, image in images.items():
        entry = manifest["Contrasts"][str(contrast)]
        if own[str(contrast)] == (None, "") or not _is_about_the_fit(entry["registration"]):
            continue
        moving = Volume(image, np.eye(4))
        fits = (partner for partner in trusted if fits_there(Fit(Volume(images[partner], np.eye(4)), mask, moving)))
        if (partner := next(fits, None)) is not None:
            confirmed[str(contrast)] = str(partner)
    return confirmed


def _is_about_the_fit(registration: Mapping[str, Any]) -> bool:
    """Whether nothing but the fit of the images speaks against a registration."""
    scores = registration["attempts"][registration["best"]]["after"]
    return all(scores[name] >= LEAST[name] for name in ("brain_in_field", "head_overlap"))


def judge_registration(
    registration: Mapping[str, Any], what: str, least: Mapping[str, float] = LEAST
) -> tuple[Verdict | None, str]:
    """Judge the best attempt of a registration.

    Parameters
    ----------
    registration
        As in the manifest: ``problem``, ``attempts`` and the position of the ``best``.
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
    attempts = registration["attempts"]
    scores = attempts[registration["best"]]["after"]
    for name, limit in least.items():
        if scores.get(name, np.inf) < limit:
            numbers = f"{name.replace('_', ' ')} {scores[name]:.2f}, at least {limit:g} is needed"
            starts = "1 start" if len(attempts) == 1 else f"{len(attempts)} starts"
            sentence = f"could not be registered from {starts}: {what} {WORDS[name]} ({numbers})"
            return Verdict("registration-failed", sentence, scores[name], limit), ""
    problem = registration["problem"]
    return None, f"registration: {problem}" if problem else ""


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
    entry: Mapping[str, Any], judgements: list[tuple[Verdict | None, str]], identity: Identity | None
) -> dict[str, Any]:
    if entry["status"] == "failed":
        return dict(entry)
    if identity is not None:
        judgements = [*judgements, (identity.verdict, identity.warning)]
    verdicts = [verdict for verdict, _ in judgements if verdict]
    warnings = [warning for _, warning in judgements if warning]
    result = {**entry, "verdicts": [verdict.as_mapping() for verdict in verdicts]}
    if identity is not None:
        result["identity"] = {"look": str(identity.look)} | {k: round(v, 3) for k, v in identity.measures.items()}
    if verdicts:
        return result | {"status": "unusable", "reason": "; ".join(verdict.sentence for verdict in verdicts)}
    return result | ({"status": "flagged", "reason": "; ".join(warnings)} if warnings else {})
