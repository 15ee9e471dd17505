"""The spaces that a session is published in, and where its scratch folder has the images of each."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gliofill.config.settings import PreprocessSettings
from gliofill.contrasts import Contrast
from gliofill.derivatives import paths
from gliofill.preprocess.plan import SessionPlan
from gliofill.preprocess.scratch import Scratch


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
        Gives the scratch file of a contrast, or of what else `Scratch.on_template` names.
    sources
        BIDS URIs of what decided on the place of the images there, beside themselves.
    """

    label: str
    reference: str
    description: str
    find: Callable[[Contrast | str], Path]
    sources: tuple[str, ...] = ()


def output_spaces(
    plan: SessionPlan, settings: PreprocessSettings, scratch: Scratch, reference: str
) -> list[OutputSpace]:
    """Return the spaces of a session, the template first.

    Parameters
    ----------
    plan, settings
        As for the workflow.
    scratch
        Where it ran.
    reference
        BIDS URI of the acquired image of the reference contrast.
    """
    target = plan.target
    place = f"{target.folder}, which lies in {paths.SPACE}," if target else paths.SPACE
    template = OutputSpace(
        paths.SPACE,
        paths.SPATIAL_REFERENCE,
        f"aligned rigidly to {place} through the session's {plan.reference}",
        scratch.on_template,
        (target.uri,) if target else (),
    )
    native = OutputSpace(
        paths.NATIVE,
        reference,
        f"aligned rigidly to the session's {plan.reference}, on its grid",
        scratch.on_reference,
    )
    return [template, *([native] if "native" in settings.output_spaces else [])]
