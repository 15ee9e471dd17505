"""Names of a session's steps, and of the files that each leaves in the scratch folder.

The steps write them, `workflow` connects them, and publishing reads them: all ask here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gliofill.contrasts import Contrast

#: the workflow, and so the folder of its steps
WORKFLOW = "session"
#: the folder of what nipype says of failed steps
CRASHES = "crashes"

#: what is resampled beside the contrasts
MASK, LESION = "mask", "lesion"

#: files of a step, in its own folder
CORRECTED = "corrected.nii"
MASK_FILE, DISTANCE_FILE = "mask.nii", "distance.nii"
REGISTERED, ALIGNED = "registered.txt", "aligned.txt"
RESAMPLED = "resampled.nii"

#: the step that brings the reference onto the template, or onto an earlier session
ALIGN = "align"


def scores_of(transform: str) -> str:
    """Return the file of scores beside a transform of `REGISTERED` or `ALIGNED`."""
    return transform.removesuffix(".txt") + ".json"


def transform_of(resampled: str) -> str:
    """Return the file with the transform that a resampled image came through."""
    return resampled.removesuffix(".nii") + ".txt"


def distance_in(contrast: Contrast) -> str:
    """Name the distance from the brain that was measured in a contrast, as something to be resampled."""
    return f"brain_{contrast}"


@dataclass(frozen=True)
class Steps:
    """Names of the steps of one session.

    Attributes
    ----------
    reference
        The contrast that the others are registered to.

    Examples
    --------
    >>> steps = Steps(Contrast.T1POST)
    >>> steps.strip(Contrast.T1POST), steps.strip(Contrast.FLAIR), steps.to_native(LESION)
    ('strip', 'strip_FLAIR', 'native_lesion')
    """

    reference: Contrast

    def correct(self, contrast: Contrast) -> str:
        """Bias correction."""
        return f"correct_{contrast}"

    def strip(self, contrast: Contrast | None = None) -> str:
        """Brain extraction, of the reference by default."""
        return "strip" if contrast in (None, self.reference) else f"strip_{contrast}"

    def register(self, contrast: Contrast) -> str:
        """Registration to the reference."""
        return f"register_{contrast}"

    def to_template(self, what: Contrast | str) -> str:
        """Resampling onto the grid of the template."""
        return f"resample_{what}"

    def to_native(self, what: Contrast | str) -> str:
        """Resampling onto the grid of the reference."""
        return f"native_{what}"

    def needed_for(self, contrast: Contrast) -> Iterator[str]:
        """Yield every step that an image of this contrast waits for, its own ones first."""
        yield from (self.correct(contrast), self.register(contrast), self.to_template(contrast))
        yield self.to_native(contrast)
        yield from (self.correct(self.reference), self.strip(), ALIGN, self.to_template(MASK))


@dataclass(frozen=True)
class Scratch:
    """The scratch folder of one session, after its workflow has run; a file is not there if its step failed.

    Attributes
    ----------
    folder
        Where the workflow ran.
    reference
        The contrast that the others are registered to.
    """

    folder: Path
    reference: Contrast

    @property
    def steps(self) -> Steps:
        """Names of the steps."""
        return Steps(self.reference)

    @property
    def alignment_scores(self) -> Path:
        """Scores of the alignment of the reference to the template, JSON."""
        return self._of(ALIGN, scores_of(ALIGNED))

    def registration_scores(self, contrast: Contrast) -> Path:
        """Return the scores of a registration to the reference, JSON."""
        return self._of(self.steps.register(contrast), scores_of(REGISTERED))

    def transform(self, contrast: Contrast) -> Path:
        """Return the composed transform from the template to a contrast, ITK text."""
        return self._of(self.steps.to_template(contrast), transform_of(RESAMPLED))

    def on_template(self, what: Contrast | str) -> Path:
        """Return what was resampled onto the template's grid: a contrast, `MASK`, `LESION`, or `distance_in` one."""
        return self._of(self.steps.to_template(what), RESAMPLED)

    def on_reference(self, what: Contrast | str) -> Path:
        """Return the same on the grid of the reference, whose own images are there without interpolation."""
        if what == MASK:
            return self._of(self.steps.strip(), MASK_FILE)
        if what == distance_in(self.reference):
            return self._of(self.steps.strip(), DISTANCE_FILE)
        if what == self.reference:
            return self._of(self.steps.correct(self.reference), CORRECTED)
        return self._of(self.steps.to_native(what), RESAMPLED)

    def _of(self, step: str, file: str) -> Path:
        return self.folder / WORKFLOW / step / file
