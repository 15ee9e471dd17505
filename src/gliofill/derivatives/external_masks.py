"""Masks that other programs made, in BIDS derivatives datasets: found by name, in the native space of an image."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from gliofill.bids.names import BidsName, parse_name
from gliofill.contrasts import Contrast
from gliofill.errors import GliofillError

#: entities that say what a mask shows, not of which image it is
_OWN = frozenset({"sub", "ses", "desc", "label", "seg", "ce"})


@dataclass(frozen=True)
class ExternalMask:
    """A mask or label image of a session.

    Attributes
    ----------
    kind
        ``brain`` or ``lesion``.
    """

    path: Path
    name: BidsName
    kind: str

    def may_be_of(self, contrast: Contrast, image: Path) -> bool:
        """Tell whether the name allows a mask to belong to an image; whether the grids agree is another question.

        ``desc-T2wbrain`` names its contrast, ``ce-`` stands for T1post, and what else the name says of the acquisition
        must hold for the image.
        """
        hint = self.name.entities.get("desc", "").removesuffix("brain")
        if hint in {each.suffix for each in Contrast} and hint != contrast.suffix:
            return False
        if ("ce" in self.name.entities or hint == "T1w") and ("ce" in self.name.entities) != bool(contrast.ce_entity):
            return False
        try:
            own = parse_name(image.name).entities
        except ValueError:
            return True
        return all(own.get(key) == label for key, label in self.name.entities.items() if key not in _OWN)


def find_external_masks(datasets: Mapping[str, Path], folder: str, kind: str | None = None) -> list[ExternalMask]:
    """Return the masks in native space that the datasets have for a session, in their order.

    Parameters
    ----------
    datasets
        Folder of each derivatives dataset, by its name.
    folder
        ``sub-X[/ses-Y]``. Where a dataset has no folder for the session, that of the participant counts.
    kind
        Only those that show a ``brain`` or a ``lesion``.
    """
    found = [mask for root in datasets.values() for mask in _in_dataset(root, folder)]
    return [mask for mask in found if kind in (None, mask.kind)]


def _in_dataset(root: Path, folder: str) -> Iterator[ExternalMask]:
    places = (root / folder, root / folder.split("/")[0])
    anat = next((place / "anat" for place in places if (place / "anat").is_dir()), None)
    for path in sorted(anat.iterdir()) if anat else ():
        if mask := _as_mask(path):
            yield mask


def _as_mask(path: Path) -> ExternalMask | None:
    try:
        name = parse_name(path.name)
    except ValueError:
        return None
    if name.extension not in (".nii", ".nii.gz") or name.suffix not in ("mask", "dseg") or "space" in name.entities:
        return None
    if name.suffix == "mask" and name.entities.get("desc", "").endswith("brain"):
        return ExternalMask(path, name, "brain")
    if "lesion" in (name.entities.get("label"), name.entities.get("seg")):
        return ExternalMask(path, name, "lesion")
    return None


def check_datasets(datasets: Mapping[str, Path]) -> None:
    """Refuse names and folders that cannot be meant.

    Raises
    ------
    GliofillError
        If a name is no label, or a folder does not exist or has no mask that could be used.
    """
    for name, root in datasets.items():
        where = f"preprocess.derivatives: {name}={root}"
        if not re.fullmatch(r"[A-Za-z0-9]+", name) or name == "raw":
            raise GliofillError(f"{where}: a name has letters and digits only, and is not 'raw'; choose another")
        if not root.is_dir():
            raise GliofillError(f"{where}: no such folder")
        participants = sorted(path for path in root.glob("sub-*") if path.is_dir())
        if not participants:
            raise GliofillError(f"{where}: has no sub-* folder; give the folder of a BIDS derivatives dataset")
        if not any(_has_mask(participant) for participant in participants):
            raise GliofillError(
                f"{where}: has no mask in native space, as sub-X[_ses-Y]_desc-brain_mask.nii.gz or "
                "sub-X[_ses-Y]_label-lesion_mask.nii.gz without space-"
            )


def _has_mask(participant: Path) -> bool:
    return any(_as_mask(path) for pattern in ("anat/*", "ses-*/anat/*") for path in participant.glob(pattern))


def source_uri(path: Path, bids_dir: Path, datasets: Mapping[str, Path]) -> str:
    """Return the BIDS URI of an input; `datasets` and the raw dataset are links of the derivatives' description.

    Examples
    --------
    >>> source_uri(Path("/masks/sub-01/anat/m.nii.gz"), Path("/bids"), {"hdbet": Path("/masks")})
    'bids:hdbet:sub-01/anat/m.nii.gz'
    """
    for name, root in (*datasets.items(), ("raw", bids_dir)):
        if path.is_relative_to(root):
            return f"bids:{name}:{path.relative_to(root).as_posix()}"
    return path.as_uri()
