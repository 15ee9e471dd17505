"""What an image file in an ``anat`` folder is: one of the four contrasts, or something else and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gliofill.bids.dataset import Scan, Unrecognised
from gliofill.bids.filters import ContrastFilter
from gliofill.bids.gadolinium import Gadolinium, judge_gadolinium
from gliofill.bids.names import BidsName, parse_name
from gliofill.bids.sidecars import SidecarFolder, inherit
from gliofill.contrasts import Contrast

IMAGE_EXTENSIONS = (".nii", ".nii.gz")
#: formats of images that BIDS does not take
FOREIGN_EXTENSIONS = (".img", ".mgz", ".mgh", ".nrrd", ".mha", ".mhd", ".mnc", ".mif", ".dcm", ".nii.bz2", ".nii.xz")

_MISSPELT = {
    **dict.fromkeys(("t1", "t1w", "mprage"), "T1w"),
    **dict.fromkeys(("t2", "t2w"), "T2w"),
    **dict.fromkeys(("flair", "t2flair"), "FLAIR"),
    **dict.fromkeys(("t1c", "t1ce", "t1gd", "t1post", "t1km", "t1wce"), "T1w with a ce-gadolinium label"),
}
_KNOWN_SUFFIXES = {
    "T2starw": "T2*-weighted",
    "T2star": "T2*-weighted",
    "inplaneT1": "T1w of the slices of a functional scan",
    "inplaneT2": "T2w of the slices of a functional scan",
    "PDw": "proton density",
    "PD": "proton density",
    "PDT2": "proton density and T2 in one file",
    "MP2RAGE": "an inversion image of MP2RAGE",
    "UNIT1": "the uniform image of MP2RAGE; a filter with suffix UNIT1 makes it serve as T1w",
    "angio": "an angiogram",
    **dict.fromkeys(("T1map", "T2map", "T2starmap", "R1map", "R2map", "R2starmap", "PDmap"), "a quantitative map"),
    **dict.fromkeys(("defacemask", "mask", "dseg", "probseg"), "a mask"),
}
_PARTS_WITHOUT_CONTRAST = frozenset({"phase", "real", "imag"})


@dataclass(frozen=True)
class AnatFolder:
    """One ``anat`` folder, and all that is needed to tell what its images are.

    Attributes
    ----------
    path
        Absolute path.
    place
        The entities that its folders promise: ``sub``, and ``ses`` if there is one.
    sidecars
        JSON files that may apply, from the root of the dataset downward.
    filters
        For each contrast.
    """

    path: str
    place: Mapping[str, str]
    sidecars: Sequence[SidecarFolder]
    filters: Mapping[Contrast, ContrastFilter]


def looks_like_image(filename: str) -> bool:
    """Tell from its extension whether a file is an image, also one in a format or spelling that is not BIDS."""
    return filename.endswith(IMAGE_EXTENSIONS) or filename.lower().endswith(IMAGE_EXTENSIONS + FOREIGN_EXTENSIONS)


def recognise(folder: AnatFolder, filename: str) -> Scan | Unrecognised:
    """Tell what an image is, from its name and its sidecars; the image itself is not opened."""
    path = Path(f"{folder.path}/{filename}")
    if not filename.endswith(IMAGE_EXTENSIONS):
        return Unrecognised(path, "not a .nii or .nii.gz file: convert or rename it")
    try:
        name = parse_name(filename)
    except ValueError as error:
        return Unrecognised(path, f"not a BIDS name: {error}")
    reason = _misplacement(name, folder.place) or _no_contrast(name, folder.filters)
    if reason:
        return Unrecognised(path, reason)
    inherited = inherit(name, folder.sidecars)
    if inherited.metadata.get("Synthetic") is True:
        return Unrecognised(path, "synthetic by its sidecar: only acquired images are used")
    gadolinium = judge_gadolinium(name.entities, inherited.metadata)
    contrast, reason = _choose_contrast(name, gadolinium, folder.filters)
    if contrast is None:
        return Unrecognised(path, reason)
    warnings = inherited.warnings + _gadolinium_warnings(contrast, gadolinium)
    return Scan(path, contrast, name.entities, inherited.metadata, inherited.sidecars, warnings)


def _misplacement(name: BidsName, place: Mapping[str, str]) -> str:
    """Say where a name contradicts its folders, empty if it does not."""
    for key in ("sub", "ses"):
        named, expected = name.entities.get(key), place.get(key)
        if named != expected:
            says = f"says {key}-{named}" if named is not None else f"has no {key}-"
            lies = f"lies in {key}-{expected}" if expected is not None else f"lies in no {key}- folder"
            return f"the name {says} but the file {lies}"
    return ""


def _no_contrast(name: BidsName, filters: Mapping[Contrast, ContrastFilter]) -> str:
    """Say why a name can be none of the four contrasts, empty if it can be one."""
    part = name.entities.get("part")
    if part in _PARTS_WITHOUT_CONTRAST:
        return f"part-{part}: not a magnitude image"
    if not any(name.suffix in chosen.suffixes for chosen in filters.values()):
        return _describe_suffix(name.suffix)
    for key in ("mod", "label"):
        if key in name.entities:
            return f"{key}-{name.entities[key]}: derived from an image, not an image of a contrast"
    return ""


def _describe_suffix(suffix: str) -> str:
    if suffix in _KNOWN_SUFFIXES:
        return f"suffix {suffix}: {_KNOWN_SUFFIXES[suffix]}"
    if suffix in {contrast.suffix for contrast in Contrast}:
        return f"suffix {suffix}: left out by the filter"
    meant = _MISSPELT.get(suffix.lower())
    return f"suffix {suffix}: BIDS writes {meant}; rename it" if meant else f"suffix {suffix}: none of T1w, T2w, FLAIR"


def _choose_contrast(
    name: BidsName, gadolinium: Gadolinium, filters: Mapping[Contrast, ContrastFilter]
) -> tuple[Contrast | None, str]:
    """Return the contrast that a file serves as, or None and the reason why it serves as none."""
    wrong_t1 = Contrast.T1W if gadolinium.is_post else Contrast.T1POST
    taking = [chosen for chosen in filters.values() if name.suffix in chosen.suffixes]
    taking = [chosen for chosen in taking if chosen.contrast is not wrong_t1]
    if not taking:
        when = f"post-gadolinium by {gadolinium.evidence}" if gadolinium.is_post else "not post-gadolinium"
        return None, f"suffix {name.suffix}: {when}, so the filter for {wrong_t1} does not take it"
    # where two contrasts would take a file, the one whose filter names the suffix means it
    taking.sort(key=lambda chosen: not chosen.has_suffix)
    mismatches = {chosen.contrast: chosen.mismatch(name) for chosen in taking}
    for contrast, key in mismatches.items():
        if not key:
            return contrast, ""
    why = ", ".join(f"{contrast} ({key})" for contrast, key in mismatches.items())
    return None, f"left out by the filter for {why}"


def _gadolinium_warnings(contrast: Contrast, gadolinium: Gadolinium) -> tuple[str, ...]:
    if not gadolinium.is_post or contrast is Contrast.T1POST:
        return gadolinium.warnings
    return (*gadolinium.warnings, f"{contrast} after gadolinium ({gadolinium.evidence})")
