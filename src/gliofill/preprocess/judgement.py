"""Verdicts on a preprocessed session: is it aligned, is its mask a brain, is each contrast what its name says."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gliofill.contrasts import Contrast
from gliofill.head import tissue_probabilities
from gliofill.quality.identity import Identity, identify
from gliofill.quality.identity_measures import TissueMaps
from gliofill.quality.mask import judge_mask, score_mask
from gliofill.quality.verdict import Verdict

#: scores below which a registration has clearly failed; milder problems only raise a flag. Measured: docs/quality.md
LEAST = {"peak": 1.0, "brain_in_field": 0.6, "head_overlap": 0.5}
#: the same for the alignment with the template, whose peak is lower also when it is right
LEAST_TEMPLATE = {"peak": 0.97, "brain_in_field": 0.6, "head_overlap": 0.5}
WORDS = {
    "peak": "fits worse than when it is moved by a centimetre",
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
    white, grey, template = tissue_probabilities()
    alignment = judge_registration(manifest["TemplateAlignment"], "the session on the template", LEAST_TEMPLATE)
    reference = images.get(Contrast(manifest["Reference"]))
    scores = None if reference is None else score_mask(mask, template, reference)
    shared = [alignment, *([] if scores is None else [judge_mask(scores)])]
    own = {
        name: judge_registration(entry["registration"], "it", LEAST) if "registration" in entry else (None, "")
        for name, entry in manifest["Contrasts"].items()
    }
    identities: dict[Contrast, Identity] = {}
    if not any(verdict for verdict, _ in shared):
        placed = {contrast: image for contrast, image in images.items() if own[str(contrast)][0] is None}
        identities = identify(
            {contrast: np.where(mask, np.maximum(image, 0), 0) for contrast, image in placed.items()},
            mask,
            TissueMaps.from_probabilities(white, grey, template),
        )
    contrasts = {
        name: _judged(entry, [*shared, own[name]], identities.get(Contrast(name)))
        for name, entry in manifest["Contrasts"].items()
    }
    brain = {**manifest["BrainMask"], **({} if scores is None else {"scores": scores.as_mapping()})}
    return {**manifest, "BrainMask": brain, "Contrasts": contrasts}


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
        if scores[name] < limit:
            numbers = f"{name.replace('_', ' ')} {scores[name]:.2f}, at least {limit:g} is needed"
            starts = "1 start" if len(attempts) == 1 else f"{len(attempts)} starts"
            sentence = f"could not be registered from {starts}: {what} {WORDS[name]} ({numbers})"
            return Verdict("registration-failed", sentence, scores[name], limit), ""
    problem = registration["problem"]
    return None, f"registration: {problem}" if problem else ""


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
