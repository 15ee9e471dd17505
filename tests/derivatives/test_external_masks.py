"""Masks from derivatives of other programs: which belongs to which image, and what comes of a wrong name or folder."""

from pathlib import Path

import ants
import nibabel as nib
import numpy as np
import pytest

from gliofill.cli.app_options import make_config, read_app_options
from gliofill.cohort.coverage import Row
from gliofill.config.parsing import parse_config
from gliofill.config.settings import PreprocessSettings
from gliofill.contrasts import Contrast
from gliofill.derivatives.external_masks import check_datasets, find_external_masks
from gliofill.errors import GliofillError
from gliofill.files.nifti import canonical_grid, write_image
from gliofill.preprocess.plan import plan_session
from gliofill.preprocess.steps import take_mask

#: left, back, up: another order and direction of axes than right, front, up
AFFINE = np.array([[0, -5.0, 0, 60], [-5, 0, 0, 50], [0, 0, 6, -70], [0, 0, 0, 1]])
SHAPE = (21, 25, 23)
NAMES = {Contrast.T1POST: "ce-gadolinium_T1w", Contrast.T1W: "T1w", Contrast.T2W: "T2w"}


def ball(shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    places = np.indices(shape) - np.array([shape[axis] // 2 - 1 for axis in range(3)])[:, None, None, None]
    return (np.linalg.norm(places, axis=0) < 9).astype(np.uint8)


def cohort(folder: Path, *masks: str, affine: np.ndarray = AFFINE) -> tuple[list[Row], PreprocessSettings]:
    """Write three contrasts of one session on one grid, and masks of the given names beside them."""
    rows = []
    for contrast, ending in NAMES.items():
        file = f"sub-01/ses-a/anat/sub-01_ses-a_{ending}.nii.gz"
        write_image(folder / "bids" / file, ball() * 100, AFFINE)
        rows.append(Row("sub-01", "ses-a", str(contrast), "ok", "use", reason="acquired", file=file))
    for mask in masks:
        write_image(folder / "masks/sub-01/ses-a/anat" / mask, ball(), affine, dtype="uint8")
    return rows, PreprocessSettings(derivatives={"mine": folder / "masks"})


@pytest.mark.parametrize(
    ("mask", "contrast"),
    [
        ("sub-01_ses-a_desc-brain_mask.nii.gz", Contrast.T1POST),
        ("sub-01_ses-a_desc-T1wbrain_mask.nii.gz", Contrast.T1W),
        ("sub-01_ses-a_ce-gd_desc-T1wbrain_mask.nii.gz", Contrast.T1POST),
        ("sub-01_ses-a_desc-T2wbrain_mask.nii.gz", Contrast.T2W),
        ("sub-01_ses-a_acq-other_desc-brain_mask.nii.gz", None),
        ("sub-01_ses-a_space-MNI152NLin2009cAsym_desc-brain_mask.nii.gz", None),
        ("sub-01_ses-a_label-GM_mask.nii.gz", None),
    ],
)
def test_a_brain_mask_belongs_to_the_contrast_that_its_name_allows(
    tmp_path: Path, mask: str, contrast: Contrast | None
) -> None:
    rows, settings = cohort(tmp_path, mask)
    plan = plan_session(tmp_path / "bids", rows, settings)
    assert (plan.brain_mask and plan.brain_mask.contrast) == contrast
    assert plan.reference == (contrast or Contrast.T1POST)


def test_a_mask_on_another_grid_is_told_and_not_used(tmp_path: Path) -> None:
    rows, settings = cohort(tmp_path, "sub-01_ses-a_desc-brain_mask.nii.gz", affine=np.diag([5.0, 5, 6, 1]))
    plan = plan_session(tmp_path / "bids", rows, settings)
    assert plan.brain_mask is None and "on the grid of no usable contrast" in plan.problems[0]


def test_lesion_labels_are_found_too_and_before_those_of_the_pattern(tmp_path: Path) -> None:
    rows, settings = cohort(tmp_path, "sub-01_ses-a_label-lesion_mask.nii.gz")
    plan = plan_session(tmp_path / "bids", rows, settings)
    assert plan.lesion is not None and plan.lesion.path.is_relative_to(tmp_path / "masks") and plan.brain_mask is None


@pytest.mark.slow
def test_a_mask_that_was_only_reoriented_is_taken_voxel_by_voxel(tmp_path: Path) -> None:
    rows, settings = cohort(tmp_path)
    turned = nib.as_closest_canonical(nib.Nifti1Image(ball(), AFFINE))
    shape, affine = canonical_grid(SHAPE, AFFINE)
    assert shape == turned.shape and not np.allclose(turned.affine, AFFINE)
    np.testing.assert_allclose(affine, turned.affine)
    name = "sub-01_ses-a_desc-brain_mask.nii.gz"
    write_image(tmp_path / "masks/sub-01/ses-a/anat" / name, turned.get_fdata(), turned.affine, dtype="uint8")
    plan = plan_session(tmp_path / "bids", rows, settings)
    assert plan.brain_mask is not None
    take_mask(plan.brain_mask.path, plan.images[plan.reference], tmp_path / "taken.nii")
    taken = ants.image_read(str(tmp_path / "taken.nii"))
    np.testing.assert_array_equal(taken.numpy(), ball())
    assert ants.image_physical_space_consistency(taken, ants.image_read(str(plan.images[plan.reference])))


def test_a_mask_that_is_no_brain_is_refused(tmp_path: Path) -> None:
    write_image(tmp_path / "image.nii.gz", ball(), AFFINE)
    write_image(tmp_path / "mask.nii.gz", np.indices(SHAPE)[0] == 10, AFFINE, dtype="uint8")
    with pytest.raises(GliofillError, match=r"mask.nii.gz: its volume is 86 mL"):
        take_mask(tmp_path / "mask.nii.gz", tmp_path / "image.nii.gz", tmp_path / "out.nii")


def test_masks_of_a_participant_serve_a_dataset_without_session_folders(tmp_path: Path) -> None:
    write_image(tmp_path / "sub-01/anat/sub-01_desc-brain_mask.nii.gz", ball(), AFFINE)
    assert len(find_external_masks({"mine": tmp_path}, "sub-01/ses-a", "brain")) == 1
    assert not find_external_masks({"mine": tmp_path}, "sub-02/ses-a")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("masks", "'masks' is not NAME=PATH"),
        ("raw=masks", "is not 'raw'"),
        ("a-b=masks", "letters and digits only"),
        ("mine=nowhere", "nowhere: no such folder"),
        ("mine=bids", "bids: has no mask in native space"),
        ("mine=masks/sub-01", "has no sub-* folder"),
    ],
)
def test_a_wrong_name_or_folder_gets_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str, message: str
) -> None:
    cohort(tmp_path, "sub-01_ses-a_desc-brain_mask.nii.gz")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(GliofillError, match=r"^[^\n]+$") as caught:
        config = make_config(read_app_options(["bids", "out", "participant", "--derivatives", words]))
        check_datasets(parse_config(config).preprocess.derivatives)
    assert message in str(caught.value)


def test_masks_of_real_images_are_found_per_contrast(real_data: Path) -> None:
    names = {"T1post": "ce-gadolinium_T1w", "T1w": "T1w", "T2w": "T2w", "FLAIR": "FLAIR"}
    datasets = {"hdbet": real_data / "raw/derivatives/brainmasks"}
    check_datasets(datasets)
    for contrast, ending in names.items():
        file = f"sub-FG6692/anat/sub-FG6692_{ending}.nii.gz"
        row = Row("sub-FG6692", "n/a", contrast, "ok", "use", reason="acquired", file=file)
        plan = plan_session(real_data / "raw", [row], PreprocessSettings(derivatives=datasets))
        assert plan.brain_mask is not None and plan.reference == contrast
        hint = ending.removeprefix("ce-gadolinium_") + "brain_mask"
        assert hint in plan.brain_mask.path.name and ("ce-" in ending) == ("ce-" in plan.brain_mask.path.name)
