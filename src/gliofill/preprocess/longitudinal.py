"""The first session of a patient, which the later ones may be aligned to instead of the template."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from gliofill.cohort.coverage import USABLE
from gliofill.contrasts import Contrast
from gliofill.derivatives import paths
from gliofill.derivatives.records import read_record
from gliofill.derivatives.session_record import SessionRecord
from gliofill.errors import GliofillError
from gliofill.preprocess.plan import SessionPlan, Target

#: for a contrast, those that it may be aligned to, the most alike first
ALIKE: Mapping[Contrast, tuple[Contrast, ...]] = {
    Contrast.T1POST: (Contrast.T1POST, Contrast.T1W, Contrast.T2W, Contrast.FLAIR),
    Contrast.T1W: (Contrast.T1W, Contrast.T1POST, Contrast.T2W, Contrast.FLAIR),
    Contrast.T2W: (Contrast.T2W, Contrast.FLAIR, Contrast.T1POST, Contrast.T1W),
    Contrast.FLAIR: (Contrast.FLAIR, Contrast.T2W, Contrast.T1POST, Contrast.T1W),
}


@dataclass(frozen=True)
class FirstSession:
    """What the first session of a patient has for the later ones.

    Attributes
    ----------
    folder
        ``sub-X/ses-Y``.
    images
        Acquired images on the template's grid that nothing speaks against, or that are only flagged.
    mask
        Its brain mask, same grid.
    """

    folder: str
    images: Mapping[Contrast, Path]
    mask: Path

    def target(self, contrast: Contrast) -> Target:
        """Return the image that a contrast of another session is aligned to: the same one, or the most alike."""
        chosen = next(other for other in ALIKE[contrast] if other in self.images)
        name = paths.preprocessed(self.folder, chosen)
        return Target(self.images[chosen], self.mask, f"bids::{name}", self.folder)


def read_first(output_dir: Path, folder: str) -> FirstSession:
    """Read what a session has for the later ones of its patient.

    Raises
    ------
    GliofillError
        If it was not preprocessed yet, or its record is damaged.
    """
    path = output_dir / paths.session_qc(folder)
    if not path.is_file():
        raise GliofillError(
            f"{folder}: is the first session of its patient and was not preprocessed yet; do that first, or set "
            "preprocess.align_sessions to template"
        )
    record = SessionRecord.from_json(read_record(path), path)
    usable = [contrast for contrast, entry in record.contrasts.items() if entry.status in USABLE]
    images = {contrast: output_dir / paths.preprocessed(folder, contrast) for contrast in usable}
    there = {contrast: path for contrast, path in images.items() if path.is_file()}
    return FirstSession(folder, there, output_dir / paths.brain_mask(folder))


def align_to_first(plan: SessionPlan, first: FirstSession) -> SessionPlan:
    """Return the plan of a later session with its target; without one, and with the problem, if the first has none."""
    if not first.images:
        problem = f"aligned to the template instead of the first session: {first.folder} has no usable image"
        return replace(plan, problems=(*plan.problems, problem))
    return replace(plan, target=first.target(plan.reference))
