"""What a run lets out: no name of a person, no connection, no change of the dataset; real commands, one session."""

import gzip
import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import nibabel as nib
import pytest
from tests.conftest import ROOT, run_gliofill
from tests.support.small_cohort import make_cohort

from gliofill.derivatives import paths

#: what identifies a person, a device or a day in a sidecar; the values appear nowhere else
IDENTIFYING = {
    "PatientName": "Doe^Jane^Quux",
    "PatientID": "HOSP-4711-X",
    "PatientBirthDate": "19610203",
    "PatientAddress": "17 Quux Lane",
    "ReferringPhysicianName": "Grey^Meredith",
    "OperatorsName": "Operator^Olga",
    "AccessionNumber": "ACC0815",
    "StudyInstanceUID": "1.2.840.99999.4711",
    "DeviceSerialNumber": "SN-99887-Q",
    "StationName": "MR-ROOM-7Q",
    "InstitutionName": "St. Elsewhere Quux Hospital",
    "InstitutionAddress": "Quux City 12345",
    "InstitutionalDepartmentName": "Quuxology",
    "AcquisitionDateTime": "2019-03-04T05:06:07.123",
}

#: a name of folders that a shell would run, were it not quoted
HOSTILE = 'it\'s $(touch pwned) `touch pwned`; touch pwned & "x" | #'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a dataset full of names, and what one run made of it, without a network."""
    folder = tmp_path_factory.mktemp("isolated") / HOSTILE
    folder.mkdir()
    config = make_cohort(folder, sessions=1)
    image = folder / "bids" / "sub-01" / "anat" / "sub-01_T2w.nii.gz"
    image.with_name("sub-01_T2w.json").write_text(json.dumps(IDENTIFYING | {"EchoTime": 0.09}))
    _write_into_header(image)
    (folder / "before.json").write_text(json.dumps(checksums(folder / "bids")))
    words = ["snakemake", "--snakefile", str(ROOT / "Snakefile"), "--cores", "2", "--configfile", str(config)]
    run = subprocess.run(
        [*without_network(), *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=600,
        cwd=folder,
        check=False,
    )
    assert run.returncode == 0, run.stdout.decode()[-3000:]
    return folder


def without_network() -> list[str]:
    """Return what runs a command in a network namespace that has no device; nothing where that is not allowed."""
    words = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--net"]
    if not shutil.which("unshare") or subprocess.run([*words, "true"], capture_output=True, check=False).returncode:
        return []
    return words


def _write_into_header(path: Path) -> None:
    """Write a name into every free field of a NIfTI header, and into an extension."""
    image = nib.load(path)
    header = image.header.copy()
    header["descrip"], header["aux_file"], header["db_name"] = "Doe^Jane^Quux", "Doe^Jane^Quux", "Doe^Jane^Quux"
    header["intent_name"] = "Doe^Jane^Quux"
    header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"Doe^Jane^Quux"))
    data = image.get_fdata()
    nib.save(nib.Nifti1Image(data, image.affine, header), path)


def checksums(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file below a folder."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_nothing_that_identifies_a_person_is_in_any_output(folder: Path) -> None:
    secrets = {name: value.encode() for name, value in IDENTIFYING.items()}
    assert b"Doe^Jane^Quux" in gzip.decompress((folder / "bids/sub-01/anat/sub-01_T2w.nii.gz").read_bytes())
    found = []
    for path in (path for path in (folder / "out").rglob("*") if path.is_file()):
        content = path.read_bytes()
        content = gzip.decompress(content) if path.suffix == ".gz" else content
        found += [
            f"{path.name}: {name}" for name, value in secrets.items() if value in content or name.encode() in content
        ]
    assert not found


def test_every_image_of_the_output_is_zero_outside_the_brain(folder: Path) -> None:
    images = [path for path in (folder / "out" / "sub-01" / "anat").glob("*.nii.gz") if "mask" not in path.name]
    mask = nib.load(folder / "out" / paths.brain_mask("sub-01")).get_fdata() > 0
    assert len(images) >= 2 and not mask.all()
    for path in images:
        assert not nib.load(path).get_fdata()[~mask].any(), path.name


def test_a_run_without_a_network_makes_everything(folder: Path) -> None:
    if not without_network():
        pytest.skip("no network namespace can be made here (needs unshare, and root or user namespaces)")
    made = {path.name for path in (folder / "out").rglob("*") if path.is_file()}
    assert {"index.html", "sub-01.html", "desc-contrasts_coverage.tsv"} <= made
    assert any("desc-imputed" in name and name.endswith(".nii.gz") for name in made)


def test_the_dataset_is_as_it_was(folder: Path) -> None:
    assert checksums(folder / "bids") == json.loads((folder / "before.json").read_text())


@pytest.mark.parametrize(
    "words",
    [
        ("scan", "bids"),
        ("coverage", "bids", "out-coverage"),
        ("report", "out", "sub-01", "--bids-dir", "bids"),
        ("bids", "out", "participant", "--report-only"),
    ],
    ids=["scan", "coverage", "report", "report only"],
)
def test_no_command_that_looks_at_the_dataset_changes_it(folder: Path, words: tuple[str, ...]) -> None:
    ended = run_gliofill(*words, cwd=folder)
    assert ended.returncode in (0, 1), ended.stderr
    assert checksums(folder / "bids") == json.loads((folder / "before.json").read_text())


def test_nothing_in_the_names_of_folders_is_run(folder: Path) -> None:
    assert not [path for path in folder.parent.rglob("*pwned") if path != folder]
    assert not (ROOT / "pwned").exists()
