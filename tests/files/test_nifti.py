from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from gliofill.errors import GliofillError
from gliofill.files.nifti import canonical_grid, is_same_grid, read_image, spacing_mm, write_image

#: three different edges, turned 30 degrees about the foot-head axis
COS, SIN = np.cos(np.pi / 6), np.sin(np.pi / 6)
OBLIQUE = np.array([[2 * COS, -3 * SIN, 0, 10], [2 * SIN, 3 * COS, 0, -20], [0, 0, 5, 30], [0, 0, 0, 1.0]])
VOXELS = np.arange(7 * 8 * 9, dtype=np.float32).reshape(7, 8, 9)


def test_voxels_and_affine_survive_the_file(tmp_path: Path) -> None:
    write_image(tmp_path / "a" / "image.nii.gz", VOXELS, OBLIQUE)
    data, affine = read_image(tmp_path / "a" / "image.nii.gz")
    np.testing.assert_array_equal(data, VOXELS)
    np.testing.assert_allclose(affine, OBLIQUE, atol=1e-5)


def test_the_same_voxels_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one.nii.gz", "another.nii.gz"):
        write_image(tmp_path / name, VOXELS, OBLIQUE, dtype="uint16", description="made")
    assert (tmp_path / "one.nii.gz").read_bytes() == (tmp_path / "another.nii.gz").read_bytes()
    assert nib.load(tmp_path / "one.nii.gz").get_data_dtype() == np.uint16


def test_trailing_dimensions_of_one_are_dropped_and_others_refused(tmp_path: Path) -> None:
    for shape in ((7, 8, 9, 1, 1), (7, 8, 9, 2)):
        nib.save(nib.Nifti1Image(np.zeros(shape, dtype=np.float32), np.eye(4)), tmp_path / f"{len(shape)}.nii")
    assert read_image(tmp_path / "5.nii")[0].shape == (7, 8, 9)
    with pytest.raises(GliofillError, match=r"4\.nii: is 4-D with shape \(7, 8, 9, 2\); a 3-D image is needed"):
        read_image(tmp_path / "4.nii")


def test_what_is_no_image_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "text.nii.gz").write_text("not an image")
    with pytest.raises(GliofillError, match=r"text\.nii\.gz: cannot be read as NIfTI"):
        read_image(tmp_path / "text.nii.gz")


def test_edges_are_those_of_the_voxels() -> None:
    np.testing.assert_allclose(spacing_mm(OBLIQUE), [2, 3, 5])


def test_grids_are_the_same_if_their_corners_are() -> None:
    moved = OBLIQUE.copy()
    moved[0, 3] += 0.02
    assert is_same_grid((7, 8, 9), OBLIQUE, (7, 8, 9), OBLIQUE)
    assert not is_same_grid((7, 8, 9), OBLIQUE, (7, 8, 9), moved)
    assert is_same_grid((7, 8, 9), OBLIQUE, (7, 8, 9), moved, tolerance_mm=0.05)
    assert not is_same_grid((7, 8, 9), OBLIQUE, (7, 9, 8), OBLIQUE)


def test_an_image_that_is_only_reoriented_has_the_same_canonical_grid() -> None:
    image = nib.Nifti1Image(VOXELS, OBLIQUE)
    here, there = nib.orientations.io_orientation(OBLIQUE), nib.orientations.axcodes2ornt(("S", "L", "P"))
    turned = image.as_reoriented(nib.orientations.ornt_transform(here, there))
    assert turned.shape == (9, 7, 8)
    grids = [canonical_grid(each.shape, each.affine) for each in (image, turned)]
    assert is_same_grid(*grids[0], *grids[1])
