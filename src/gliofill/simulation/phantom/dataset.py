"""The generated cohort: raw BIDS images of invented patients whose anatomy, motion and lesions are known.

Below ``derivatives/truth`` stands what no scanner tells: every contrast free of noise and bias, also those that the
session lacks, on the 1 mm grid of the patient's anatomy; brain masks; and the rigid motion of each image.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from gliofill import __version__
from gliofill.contrasts import Contrast
from gliofill.errors import GliofillError
from gliofill.files.atomic import write_json, write_text
from gliofill.files.nifti import spacing_mm, write_image
from gliofill.run.processes import side_by_side
from gliofill.simulation.phantom.patient import TRUTH_SCALE, GeneratedScan, Patient, make_patient, scan_patient
from gliofill.simulation.tumour import LESION_LABELS

#: BIDS label of the space of a patient's anatomy
ANATOMY = "individual"

_TRUTH, _LESIONS = "derivatives/truth", "derivatives/lesions"
# how much of a damaged file is left
_TRUNCATED_SHARE = 0.4
_AUTHORS = ["The gliofill developers", "McConnell Brain Imaging Centre (template brain)"]
_SOURCES = ["https://nilearn.github.io"]
_LICENSE = "Grown from the ICBM 2009a template, Copyright (C) 1993-2004 Louis Collins, McConnell Brain Imaging Centre"
# recommended fields that describe hardware and places
_NOT_APPLICABLE = (
    *("DeviceSerialNumber", "StationName", "SequenceName", "InstitutionName", "InstitutionAddress"),
    *("InstitutionalDepartmentName", "ReceiveCoilName", "ReceiveCoilActiveElements", "MatrixCoilMode"),
    "CoilCombinationMethod",
)
_TRANSFORMS_NOTE = (
    "For each contrast a 4x4 matrix M, rigid. A point p = (x, y, z, 1) in RAS millimetres of the anatomy "
    f"(space-{ANATOMY}) lies at M p in RAS millimetres of the image, the world coordinates of its NIfTI header. "
    "Contrasts that the session lacks have one too: the motion of the scan that was left out."
)


@dataclass(frozen=True)
class SessionKind:
    """Which of the four contrasts a session lacks, and which are there but damaged."""

    name: str
    missing: frozenset[Contrast] = field(default_factory=frozenset)
    truncated: frozenset[Contrast] = field(default_factory=frozenset)


#: the kinds of session, in the order in which the cohort cycles through them
KINDS: tuple[SessionKind, ...] = (
    SessionKind("complete"),
    SessionKind("without FLAIR", missing=frozenset({Contrast.FLAIR})),
    SessionKind("without pre-gadolinium T1w", missing=frozenset({Contrast.T1W})),
    SessionKind("FLAIR file truncated", truncated=frozenset({Contrast.FLAIR})),
    SessionKind("without T2w and FLAIR", missing=frozenset({Contrast.T2W, Contrast.FLAIR})),
)


def generate_cohort(
    folder: Path,
    *,
    sessions: int,
    seed: int,
    coarse: float = 1.0,
    processes: int = 1,
    kinds: Sequence[SessionKind] = KINDS,
    log: Callable[[str], None] = print,
) -> None:
    """Write a raw BIDS dataset of generated patients, its lesion masks, and the truth about it.

    Parameters
    ----------
    folder
        A new or empty folder.
    sessions
        How many, one per participant; their kinds cycle through `kinds`.
    seed
        The same seed gives the same bytes; the first sessions do not depend on how many follow.
    coarse
        Factor on all voxel sizes, to make small images for tests.
    processes
        Sessions generated at a time, each in about 1.5 GB.
    kinds
        Which gaps the sessions have; ``KINDS[:1]`` for none.
    log
        Is called for each session.

    Raises
    ------
    GliofillError
        If `folder` holds something already or `sessions` is below 1.
    """
    if sessions < 1:
        raise GliofillError(f"{sessions} sessions: a cohort needs at least one; ask for 1 or more")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise GliofillError(f"{folder}: is not an empty folder; give the name of a new one")
    _write_descriptions(folder, seed)
    rows = ["participant_id\tage\tsex\tenhancing\tkind"]
    generate = partial(_generate, folder, kinds=kinds, seed=seed, coarse=coarse)
    for index, row in enumerate(side_by_side(generate, range(sessions), processes)):
        rows.append(row)
        log(f"sub-{index + 1:02d}: {kinds[index % len(kinds)].name}")
    write_text(folder / "participants.tsv", "\n".join(rows) + "\n")


def _generate(folder: Path, index: int, *, kinds: Sequence[SessionKind], seed: int, coarse: float) -> str:
    """Write one participant and return its row of participants.tsv."""
    subject, kind = f"sub-{index + 1:02d}", kinds[index % len(kinds)]
    rng = np.random.default_rng([seed, index])
    age, sex = rng.integers(25, 80), rng.choice(["F", "M"])
    patient = make_patient(rng, coarse=coarse)
    _write_session(folder, subject, kind, patient=patient, rng=rng)
    return f"{subject}\t{age}\t{sex}\t{'yes' if patient.tumour.enhancing else 'no'}\t{kind.name}"


def _write_session(
    folder: Path, subject: str, kind: SessionKind, *, patient: Patient, rng: np.random.Generator
) -> None:
    motions = {}
    for contrast, scan in scan_patient(patient, rng):
        motions[str(contrast)] = scan.acquisition.motion.tolist()
        if contrast not in kind.missing:
            _write_raw(folder, subject, contrast, scan=scan, truncate=contrast in kind.truncated)
        _write_truth(folder, subject, contrast, scan=scan, patient=patient)
    anat = folder / _TRUTH / subject / "anat"
    reference = {"SpatialReference": f"{subject}_space-{ANATOMY}_desc-brain_mask.nii.gz"}
    _write_mask(anat / f"{subject}_space-{ANATOMY}_desc-brain_mask", patient.brain, patient.affine, reference)
    labels = anat / f"{subject}_space-{ANATOMY}_label-lesion_dseg"
    _write_labels(labels, patient.lesion, patient.affine, reference)
    content = {"Description": _TRANSFORMS_NOTE, "TruthScale": TRUTH_SCALE, "Transforms": motions}
    write_json(anat / f"{subject}_desc-truth_transforms.json", content)


def _write_raw(folder: Path, subject: str, contrast: Contrast, *, scan: GeneratedScan, truncate: bool) -> None:
    name = "_".join(part for part in (subject, contrast.ce_entity, contrast.suffix) if part)
    path = folder / subject / "anat" / f"{name}.nii.gz"
    write_image(path, scan.data, scan.acquisition.affine, dtype="int16", description="generated, no real person")
    if truncate:
        whole = path.read_bytes()
        path.write_bytes(whole[: int(_TRUNCATED_SHARE * len(whole))])
    thickness = float(spacing_mm(scan.acquisition.affine)[2])
    write_json(path.with_name(f"{name}.json"), _sidecar(contrast, thickness, slices=scan.data.shape[2]))
    if contrast is Contrast.T1POST:
        labels = folder / _LESIONS / subject / "anat" / f"{subject}_label-lesion_dseg"
        _write_labels(
            labels, scan.lesion, scan.acquisition.affine, {"SpatialReference": f"bids::{subject}/anat/{name}.nii.gz"}
        )


def _sidecar(contrast: Contrast, thickness_mm: float, *, slices: int) -> dict[str, Any]:
    """Return every field that BIDS recommends, so that the validator has nothing to remark."""
    gradient_echo = contrast in (Contrast.T1W, Contrast.T1POST)
    echo, repetition, inversion, flip = {
        Contrast.T1W: (0.003, 2.0, 0.9, 9),
        Contrast.T1POST: (0.003, 2.0, 0.9, 9),
        Contrast.T2W: (0.09, 5.0, None, 120),
        Contrast.FLAIR: (0.12, 9.0, 2.5, 150),
    }[contrast]
    fields: dict[str, Any] = {
        "Modality": "MR",
        "Manufacturer": "Generated",
        "ManufacturersModelName": "gliofill phantom",
        "MagneticFieldStrength": 3,
        "BodyPartExamined": "BRAIN",
        "SkullStripped": False,
        "EchoTime": echo,
        "RepetitionTime": repetition,
        "FlipAngle": flip,
        "SliceThickness": round(thickness_mm, 3),
        "MRAcquisitionType": "3D" if gradient_echo else "2D",
        "ScanningSequence": "GR" if gradient_echo else "SE",
        "SequenceVariant": "SP" if gradient_echo else "SK",
        "PulseSequenceType": "gradient echo" if gradient_echo else "turbo spin echo",
        "PulseSequenceDetails": "simulated: tissue fractions times typical intensities",
        "NonlinearGradientCorrection": True,
        "DwellTime": 1e-05,
        "SoftwareVersions": __version__,
    }
    fields |= dict.fromkeys(_NOT_APPLICABLE, "none, generated")
    if not gradient_echo:
        fields["SliceTiming"] = [round(repetition * k / slices, 4) for k in range(slices)]
    if inversion is not None:
        fields["InversionTime"] = inversion
    if contrast is Contrast.T1POST:
        fields["ContrastBolusIngredient"] = "GADOLINIUM"
    return fields


def _write_truth(folder: Path, subject: str, contrast: Contrast, *, scan: GeneratedScan, patient: Patient) -> None:
    anat = folder / _TRUTH / subject / "anat"
    entities = (subject, contrast.ce_entity, f"space-{ANATOMY}", "desc-truth", contrast.suffix)
    name = "_".join(entity for entity in entities if entity)
    write_image(anat / f"{name}.nii.gz", scan.truth, patient.affine, dtype="int16", description="generated, no noise")
    reference = f"{subject}_space-{ANATOMY}_desc-brain_mask.nii.gz"
    text = f"{contrast} without noise and bias, {TRUTH_SCALE} times the scale of typical intensities"
    write_json(anat / f"{name}.json", {"Description": text, "SkullStripped": False, "SpatialReference": reference})
    # the space is that of the raw image of this contrast, before and after gadolinium apart
    mask = anat / f"{subject}_space-{contrast}_desc-brain_mask"
    space = {"SpatialReference": f"the raw {contrast} image of {subject}"}
    _write_mask(mask, scan.brain, scan.acquisition.affine, space)


def _write_mask(stem: Path, mask: Any, affine: Any, fields: Mapping[str, Any]) -> None:
    write_image(stem.with_name(f"{stem.name}.nii.gz"), mask, affine, dtype="uint8")
    write_json(
        stem.with_name(f"{stem.name}.json"), {"Description": "Brain", "Type": "Brain", "Sources": _SOURCES, **fields}
    )


def _write_labels(stem: Path, labels: Any, affine: Any, fields: Mapping[str, Any]) -> None:
    write_image(stem.with_name(f"{stem.name}.nii.gz"), labels, affine, dtype="uint8")
    write_json(stem.with_name(f"{stem.name}.json"), {"Description": "Parts of the lesion", "Manual": False, **fields})


def _write_descriptions(folder: Path, seed: int) -> None:
    generated = [{"Name": "gliofill", "Version": __version__, "Description": f"gliofill demo, seed {seed}"}]
    common = {"BIDSVersion": "1.10.0", "License": _LICENSE, "Authors": _AUTHORS}
    raw = {"Name": "Generated glioma cohort", "DatasetType": "raw", **common, "GeneratedBy": generated}
    raw |= {"HEDVersion": "8.3.0", "SourceDatasets": [{"URL": url} for url in _SOURCES]}
    write_json(folder / "dataset_description.json", raw)
    write_text(folder / "README.md", _README)
    write_json(folder / "participants.json", _PARTICIPANTS)
    for where, title in ((_TRUTH, "Truth about the generated cohort"), (_LESIONS, "Lesions of the generated cohort")):
        fields = {"Name": title, "DatasetType": "derivative", **common, "GeneratedBy": generated}
        write_json(folder / where / "dataset_description.json", {**fields, "SourceDatasets": [{"URL": "../.."}]})
        write_text(folder / where / "README.md", f"# {title}\n\nPart of a larger whole:\n\n{_README}")
        rows = "".join(f"{value}\t{name}\n" for name, value in LESION_LABELS.items())
        write_text(folder / where / "label-lesion_dseg.tsv", f"index\tname\n{rows}")
        # BIDS knows no file for motions, and no label entity of label images
        write_text(folder / where / ".bidsignore", "*_transforms.json\n*label-lesion_dseg.*\n")


_PARTICIPANTS = {
    "age": {"Description": "Invented age", "Units": "year"},
    "sex": {"Description": "Invented sex", "Levels": {"F": "female", "M": "male"}},
    "enhancing": {
        "Description": "Whether the tumour takes up gadolinium",
        "Levels": {"yes": "it does", "no": "it does not"},
    },
    "kind": {"Description": "What the session lacks", "Levels": {kind.name: kind.name for kind in KINDS}},
}

_README = f"""# Generated glioma cohort

No person was scanned. `gliofill demo` grew these heads around the ICBM 2009a template brain that nilearn ships:
individual anatomy, tumours, four contrasts, each with its own grid, rigid motion, bias field and noise. Some sessions
lack a contrast, some hold a damaged file; the column `kind` of `participants.tsv` says which.

- `derivatives/lesions`: lesion labels on the grid of the post-gadolinium T1w image (1 necrosis, 2 oedema, 3 enhancing;
  a tumour that does not enhance is all label 2).
- `derivatives/truth`: on the grid of the anatomy (`space-{ANATOMY}`), each contrast without noise and bias, also the
  missing ones, the brain and the lesion; on the grid of each raw image, the brain. `*_desc-truth_transforms.json`:
  {_TRANSFORMS_NOTE}
"""
