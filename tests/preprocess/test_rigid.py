from pathlib import Path

import numpy as np
import pytest
from tests.support.rigid import rigid

from gliofill.errors import GliofillError
from gliofill.files.itk_transform import write_transform
from gliofill.preprocess.rigid import check_rigid, read_matrix


def test_matrix_survives_the_file(tmp_path: Path) -> None:
    matrix = rigid(12.0, (3.0, -40.0, 25.5))
    write_transform(tmp_path / "xfm.txt", matrix)
    np.testing.assert_allclose(read_matrix(tmp_path / "xfm.txt"), matrix, atol=1e-4)


def test_scaling_transform_is_refused() -> None:
    with pytest.raises(GliofillError, match="not rigid"):
        check_rigid(np.diag([1.1, 1.0, 1.0, 1.0]), "test")


@pytest.mark.parametrize(
    ("matrix", "message"),
    [(np.diag([-1.0, 1.0, 1.0, 1.0]), "not rigid"), (np.full((4, 4), np.nan), "not finite")],
    ids=["mirrored", "not finite"],
)
def test_what_is_no_motion_is_refused_by_name(matrix: np.ndarray, message: str) -> None:
    with pytest.raises(GliofillError, match=f"^T2w: the transform is {message}"):
        check_rigid(matrix, "T2w")


def test_rounding_is_taken_out_of_the_rotation() -> None:
    motion = rigid(12.0, (3.0, -40.0, 25.5))
    rounded = motion.copy()
    rounded[:3, :3] *= 1.0003
    np.testing.assert_allclose(check_rigid(rounded, "T2w"), motion, atol=1e-12)
