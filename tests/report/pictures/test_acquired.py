"""The pictures of acquired images: the right planes, and no face."""

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gliofill.files.itk_transform import write_transform
from gliofill.files.nifti import write_image
from gliofill.report.pictures.acquired import FACE_MM, BrainOnTemplate, draw_acquired
from gliofill.report.pictures.pictures import Picture

SHAPE = (44, 60, 52)
AFFINE = np.array([[4.0, 0, 0, -88], [0, 4, 0, -120], [0, 0, 4, -104], [0, 0, 0, 1]])
SHIFT_MM = (8.0, -12.0, 4.0)


def pixels(picture: Picture) -> np.ndarray:
    text = picture.uri.partition(",")[2]
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(text))).convert("L")).astype(int)


def millimetres() -> np.ndarray:
    """Return the places of the voxels on the template, shape (3, I, J, K)."""
    return np.einsum("ab,bijk->aijk", AFFINE[:3, :3], np.indices(SHAPE)) + AFFINE[:3, 3][:, None, None, None]


@pytest.fixture
def head(tmp_path: Path) -> tuple[Path, BrainOnTemplate, Path]:
    """Return an image of a head that is bright everywhere, moved against the template, the brain, and the transform."""
    brain = (millimetres() ** 2 / np.array([50, 70, 45])[:, None, None, None] ** 2).sum(axis=0) <= 1
    native = AFFINE.copy()
    native[:3, 3] += SHIFT_MM
    write_image(tmp_path / "head.nii.gz", np.full(SHAPE, 100) + 100 * brain, native)
    matrix = np.eye(4)
    matrix[:3, 3] = SHIFT_MM
    write_transform(tmp_path / "xfm.txt", matrix)
    return tmp_path / "head.nii.gz", BrainOnTemplate(brain, AFFINE, np.zeros(3)), tmp_path / "xfm.txt"


def test_what_is_in_front_of_the_brain_is_black_and_all_else_is_shown(head) -> None:
    path, brain, transform = head
    axial, coronal, sagittal = (pixels(p) for p in draw_acquired(path, brain=brain, transform=transform))
    y = millimetres()[1]
    for picture, place in ((axial, np.rot90(y[::-1, :, 26])), (sagittal, np.rot90(y[22]))):
        assert (picture[place < -8] > 60).all()
        # the front end of the brain is 70 mm ahead of its middle
        is_face = place > 70 + FACE_MM + 8
        assert is_face.any() and (picture[is_face] < 30).all()
    # a plane through the middle shows no face
    assert (coronal > 60).all()


def test_the_profile_is_not_shown_where_the_brain_is_unknown(head) -> None:
    path, brain, transform = head
    for known in ({"brain": None, "transform": transform}, {"brain": brain, "transform": None}):
        assert [picture.plane for picture in draw_acquired(path, **known)] == ["axial", "coronal"]
