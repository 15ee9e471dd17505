"""Whether synthetic images say so in name, sidecar and header, acquired ones do not, and sidecars tell where from."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import nibabel as nib

from gliofill.errors import GliofillError
from gliofill.files.atomic import read_json

#: what a name says of an image, and the fields that its sidecar must have
KINDS: Mapping[str, tuple[str, ...]] = {
    "desc-imputed": ("Synthetic", "Sources", "SpatialReference", "SkullStripped", "ImputationReason"),
    "desc-uncertainty": ("Synthetic", "Sources", "SpatialReference", "Calibration", "ModelID"),
    "desc-preproc": ("Synthetic", "Sources", "SpatialReference", "SkullStripped"),
    "desc-brain": ("Sources", "SpatialReference", "Type"),
    "seg-lesion": ("Sources", "SpatialReference"),
}
SYNTHETIC = ("desc-imputed", "desc-uncertainty")
#: the model behind a synthetic image
METHOD = ("Name", "ModelID", "WeightsSHA256", "Version", "Seed")


def kind_of(image: str) -> str | None:
    """Return the kind of an image by its name; None if it is none of ours.

    Examples
    --------
    >>> kind_of("sub-01/anat/sub-01_space-MNI152NLin2009aSym_desc-imputed_FLAIR.nii.gz")
    'desc-imputed'
    """
    name = Path(image).name
    return next((kind for kind in KINDS if f"_{kind}_" in name), None) if name.endswith(".nii.gz") else None


def problems(image: Path, sidecar: Path, kind: str) -> Iterator[tuple[Path, str]]:
    """Yield file and problem of an image whose marks or provenance are not complete."""
    try:
        fields = read_json(sidecar)
    except GliofillError as error:
        yield sidecar, str(error).removeprefix(f"{sidecar}: ")
    else:
        yield from ((sidecar, problem) for problem in _sidecar_problems(fields, kind))
    if problem := _header_problem(image, kind):
        yield image, problem


def _sidecar_problems(fields: Mapping[str, object], kind: str) -> Iterator[str]:
    missing = [name for name in KINDS[kind] if fields.get(name) in (None, "", [])]
    if kind == "desc-imputed":
        method = fields.get("SynthesisMethod")
        known = method if isinstance(method, dict) else {}
        missing += [f"SynthesisMethod.{name}" for name in METHOD if known.get(name) in (None, "")]
    if missing:
        yield f"does not name {', '.join(missing)}"
    if kind in SYNTHETIC and fields.get("Synthetic") is not True:
        yield "does not say that the image is synthetic (Synthetic: true)"
    if kind == "desc-preproc" and fields.get("Synthetic") not in (False, None):
        yield "says that an acquired image is synthetic"


def _header_problem(image: Path, kind: str) -> str:
    try:
        header = nib.Nifti1Image.from_filename(image).header
    except Exception as error:  # nibabel and zlib raise a dozen types on damaged files
        return f"cannot be read as NIfTI ({' '.join(str(error).split())})"
    is_marked = b"synthetic" in bytes(header["descrip"].item())
    if kind in SYNTHETIC and not is_marked:
        return "does not say in its NIfTI header (descrip) that it is synthetic"
    if kind not in SYNTHETIC and is_marked:
        return "says in its NIfTI header (descrip) that it is synthetic, but its name does not"
    return ""
