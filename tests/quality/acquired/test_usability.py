"""What the first and last bytes of a file tell."""

import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from gliofill.quality.acquired.usability import header_problem, measure


@pytest.fixture
def image() -> nib.Nifti1Image:
    return nib.Nifti1Image(np.random.default_rng(0).integers(0, 999, (60, 60, 60), dtype=np.int16), np.eye(4))


@pytest.mark.parametrize("name", ["whole.nii", "whole.nii.gz"])
def test_a_whole_image_has_no_problem(tmp_path: Path, image: nib.Nifti1Image, name: str) -> None:
    nib.save(image, tmp_path / name)
    assert header_problem(tmp_path / name) == ""


@pytest.mark.parametrize("name", ["cut.nii", "cut.nii.gz"])
@pytest.mark.parametrize("share", [0.3, 0.5, 0.7, 0.99])
def test_an_image_that_was_cut_short_is_told(tmp_path: Path, image: nib.Nifti1Image, name: str, share: float) -> None:
    nib.save(image, tmp_path / name)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: int(share * len(content))])
    assert header_problem(tmp_path / name) == "ends too early"
    assert measure(tmp_path / name).error


def test_a_file_of_several_gzip_members_is_not_called_short(tmp_path: Path, image: nib.Nifti1Image) -> None:
    content = image.to_bytes()
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(content[:1000]) + gzip.compress(content[1000:]))
    assert header_problem(tmp_path / "a.nii.gz") == "" and measure(tmp_path / "a.nii.gz").error == ""


@pytest.mark.parametrize("content", [b"", b"not an image", b"\x1f\x8b\x08broken"])
def test_what_is_no_image_is_told_in_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.nii.gz").write_bytes(content)
    problem = header_problem(tmp_path / "a.nii.gz")
    assert problem and "\n" not in problem
