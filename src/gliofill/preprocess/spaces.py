"""The spaces that a session is published in, and where its scratch folder has the images of each."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gliofill.config.settings import PreprocessSettings
from gliofill.contrasts import Contrast
from gliofill.derivatives import paths
from gliofill.preprocess.plan import SessionPlan
from gliofill.preprocess.workflow import resampled, scratch_of


@dataclass(frozen=True)
class OutputSpace:
    """A space.

    Attributes
    ----------
    label
        For the entity ``space`` of BIDS.
    reference
        What the coordinates refer to, for sidecars.
    description
        How images came there.
    find
        Gives the scratch file of a contrast, of the ``mask``, of the ``lesion``, or, as ``brain_`` and a contrast, of
        the distance from the brain that was measured in it.
    sources
        BIDS URIs of what decided on the place of the images there, beside themselves.
    """

    label: str
    reference: str
    description: str
    find: Callable[[Contrast | str], Path]
    sources: tuple[str, ...] = ()


def output_spaces(plan: SessionPlan, settings: PreprocessSettings, scratch: Path, reference: str) -> list[OutputSpace]:
    """Return the spaces of a session, the template first.

    Parameters
    ----------
    plan, settings, scratch
        As for the workflow.
    reference
        BIDS URI of the acquired image of the reference contrast.
    """

    def on_reference(what: Contrast | str) -> Path:
        if what == "mask":
            return scratch_of(scratch, "strip") / "mask.nii"
        if what == f"brain_{plan.reference}":
            return scratch_of(scratch, "strip") / "distance.nii"
        if what == plan.reference:  # it is there already: no interpolation
            return scratch_of(scratch, f"correct_{what}") / "corrected.nii"
        return scratch_of(scratch, f"native_{what}") / "resampled.nii"

    target = plan.target
    place = f"{target.folder}, which lies in {paths.SPACE}," if target else paths.SPACE
    template = OutputSpace(
        paths.SPACE,
        paths.SPATIAL_REFERENCE,
        f"aligned rigidly to {place} through the session's {plan.reference}",
        lambda what: resampled(scratch, what),
        (target.uri,) if target else (),
    )
    native = OutputSpace(
        paths.NATIVE,
        reference,
        f"aligned rigidly to the session's {plan.reference}, on its grid",
        on_reference,
    )
    return [template, *([native] if "native" in settings.output_spaces else [])]
