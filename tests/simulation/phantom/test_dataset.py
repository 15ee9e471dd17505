"""The generated cohort: geometry against known motion, gaps, tissue contrast and reproducibility."""

import hashlib
import json
import subprocess
import sysconfig
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from gliofill.contrasts import Contrast
from gliofill.errors import GliofillError
from gliofill.files.nifti import read_image, spacing_mm
from gliofill.simulation.phantom.dataset import KINDS, generate_cohort

pytestmark = pytest.mark.slow

COARSE = 4.0
SEED = 11
IMAGES = {c: "_".join(part for part in (c.ce_entity, c.suffix) if part) for c in Contrast}


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cohort") / "raw"
    generate_cohort(folder, sessions=len(KINDS), seed=SEED, coarse=COARSE, log=lambda message: None)
    return folder


def truth(cohort: Path, name: str) -> Path:
    subject = name.split("_")[0]
    return cohort / "derivatives" / "truth" / subject / "anat" / name


def centroid(path: Path) -> np.ndarray:
    mask, affine = read_image(path)
    return (affine @ [*np.argwhere(mask > 0).mean(axis=0), 1])[:3]


def hashes(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_each_kind_of_session_has_the_files_it_says(cohort: Path):
    lacks = [set(), {"FLAIR"}, {"T1w"}, set(), {"T2w", "FLAIR"}]
    for index, missing in enumerate(lacks):
        subject = f"sub-{index + 1:02d}"
        found = {path.name for path in (cohort / subject / "anat").glob("*.nii.gz")}
        assert found == {f"{subject}_{name}.nii.gz" for name in IMAGES.values() if name not in missing}
        for contrast in Contrast:
            entities = (subject, contrast.ce_entity, "space-individual_desc-truth", contrast.suffix)
            assert truth(cohort, "_".join(e for e in entities if e) + ".nii.gz").exists()


def test_the_damaged_flair_cannot_be_read(cohort: Path):
    with pytest.raises(GliofillError, match="cannot be read as NIfTI"):
        read_image(cohort / "sub-04/anat/sub-04_FLAIR.nii.gz")


def test_raw_images_are_int16_of_a_scanner_like_range(cohort: Path):
    for subject in ("sub-01", "sub-02"):
        for path in (cohort / subject / "anat").glob("*.nii.gz"):
            assert nib.load(path).get_data_dtype() == np.int16
            data, _ = read_image(path)
            assert data.min() >= 0
            assert 400 < np.percentile(data, 99.5) < 10_000


def test_written_transforms_take_brain_and_lesion_to_the_images(cohort: Path):
    for subject in ("sub-01", "sub-03"):
        written = json.loads(truth(cohort, f"{subject}_desc-truth_transforms.json").read_text())["Transforms"]
        assert set(written) == {str(contrast) for contrast in Contrast}
        brain = centroid(truth(cohort, f"{subject}_space-individual_desc-brain_mask.nii.gz"))
        for contrast, matrix in written.items():
            found = centroid(truth(cohort, f"{subject}_space-{contrast}_desc-brain_mask.nii.gz"))
            # voxels of up to 20 mm here; the tight bound is that of the test at finer resolution
            assert np.linalg.norm((np.array(matrix) @ [*brain, 1])[:3] - found) < 1.0
        lesion = centroid(truth(cohort, f"{subject}_space-individual_label-lesion_dseg.nii.gz"))
        found = centroid(cohort / f"derivatives/lesions/{subject}/anat/{subject}_label-lesion_dseg.nii.gz")
        assert np.linalg.norm((np.array(written["T1post"]) @ [*lesion, 1])[:3] - found) < 1.0


def test_lesions_lie_in_the_brain_on_the_grid_of_the_post_gadolinium_image(cohort: Path):
    for index in range(len(KINDS)):
        subject = f"sub-{index + 1:02d}"
        labels, affine = read_image(cohort / f"derivatives/lesions/{subject}/anat/{subject}_label-lesion_dseg.nii.gz")
        image, grid = read_image(cohort / f"{subject}/anat/{subject}_ce-gadolinium_T1w.nii.gz")
        brain, _ = read_image(truth(cohort, f"{subject}_space-T1post_desc-brain_mask.nii.gz"))
        assert labels.shape == image.shape
        np.testing.assert_allclose(affine, grid)
        assert set(np.unique(labels)) <= {0, 1, 2, 3}
        assert np.mean(brain[labels > 0]) > 0.95
        assert 3 < (labels > 0).sum() * spacing_mm(affine).prod() / 1000 < 250
        assert 1100 < brain.sum() * spacing_mm(affine).prod() / 1000 < 2200


def test_contrasts_show_what_radiologists_expect(cohort: Path):
    def shown(subject: str, contrast: Contrast) -> np.ndarray:
        entities = (subject, contrast.ce_entity, "space-individual_desc-truth", contrast.suffix)
        return read_image(truth(cohort, "_".join(e for e in entities if e) + ".nii.gz"))[0]

    enhancing = 0
    for index in range(len(KINDS)):
        subject = f"sub-{index + 1:02d}"
        labels, _ = read_image(truth(cohort, f"{subject}_space-individual_label-lesion_dseg.nii.gz"))
        brain = read_image(truth(cohort, f"{subject}_space-individual_desc-brain_mask.nii.gz"))[0] > 0
        t1, post, t2, flair = (shown(subject, c) for c in (Contrast.T1W, Contrast.T1POST, Contrast.T2W, Contrast.FLAIR))
        healthy = brain & (labels == 0)
        # CSF is dark on T1w and FLAIR and bright on T2w, white matter the reverse of it
        csf = healthy & (t1 < 250)
        white = healthy & (t1 > 580)
        assert np.median(flair[csf]) < np.median(flair[white]) < np.median(flair[labels == 2])
        assert np.median(t2[white]) < np.median(t2[labels == 2]) < np.median(t2[csf])
        assert np.median(t1[labels == 2]) < np.median(t1[white])
        if (labels == 3).any():
            enhancing += 1
            assert np.median(post[labels == 3]) > 1.3 * np.median(post[white])
            assert np.median(t1[labels == 3]) < np.median(t1[white])
    assert enhancing >= 1


def test_the_same_seed_gives_the_same_bytes_however_many_sessions(cohort: Path, tmp_path: Path):
    generate_cohort(tmp_path / "again", sessions=1, seed=SEED, coarse=COARSE, log=lambda message: None)
    again, first = hashes(tmp_path / "again"), hashes(cohort)
    again.pop("participants.tsv"), first.pop("participants.tsv")
    assert len(again) > 20
    assert again == {name: digest for name, digest in first.items() if name in again}
    assert {name for name in first if "sub-01" in name} <= set(again)


def test_sessions_differ_from_one_another(cohort: Path):
    masks = [truth(cohort, f"sub-0{i}_space-individual_desc-brain_mask.nii.gz").read_bytes() for i in (1, 2, 3)]
    assert len(set(masks)) == 3


def test_a_folder_in_use_is_left_alone(cohort: Path):
    with pytest.raises(GliofillError, match="not an empty folder"):
        generate_cohort(cohort, sessions=1, seed=0)
    with pytest.raises(GliofillError, match="at least one"):
        generate_cohort(cohort / "new", sessions=0, seed=0)


@pytest.mark.parametrize("part", [".", "derivatives/truth", "derivatives/lesions"])
def test_the_bids_validator_has_nothing_to_remark(cohort: Path, part: str):
    validator = Path(sysconfig.get_path("scripts")) / "bids-validator-deno"
    done = subprocess.run(
        [validator, cohort / part, "--format", "json"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    issues = json.loads(done.stdout)["issues"]["issues"]
    assert [(issue["code"], issue.get("subCode"), issue.get("location")) for issue in issues] == []
