from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.rigid import rigid

from gliofill.errors import GliofillError
from gliofill.files.itk_transform import read_transform, write_transform

#: 90 degrees about the foot-head axis with a shift, as ITK writes them: to the left and to the back
QUARTER_TURN = """#Insight Transform File V1.0
#Transform 0
Transform: MatrixOffsetTransformBase_double_3_3
Parameters: 0 -1 0 1 0 0 0 0 1 {shift}
FixedParameters: {centre}
"""


def test_a_matrix_survives_the_file(tmp_path: Path) -> None:
    matrix = rigid(12.0, (3.0, -40.0, 25.5))
    write_transform(tmp_path / "xfm.txt", matrix)
    np.testing.assert_allclose(read_transform(tmp_path / "xfm.txt"), matrix, atol=1e-9)


@pytest.mark.parametrize(
    ("shift", "centre", "moved"),
    [
        # the point (10, 0, 0) in RAS is (-10, 0, 0) to ITK, which turns it to (0, -10, 0): (0, 10, 0) in RAS
        ("0 0 0", "0 0 0", (0, 10, 0)),
        ("1 2 3", "0 0 0", (-1, 8, 3)),
        # about the centre (0, 20, 0): (-10, -20, 0) from there is turned to (20, -10, 0)
        ("0 0 0", "0 20 0", (-20, -10, 0)),
    ],
    ids=["turned", "shifted", "about a centre"],
)
def test_points_go_where_itk_takes_them(
    tmp_path: Path, shift: str, centre: str, moved: tuple[float, float, float]
) -> None:
    path = tmp_path / "xfm.txt"
    path.write_text(QUARTER_TURN.format(shift=shift, centre=centre))
    np.testing.assert_allclose(read_transform(path) @ (10, 0, 0, 1), (*moved, 1), atol=1e-12)


#: with a number too few, too many, or none
DAMAGED = [QUARTER_TURN.format(shift=shift, centre="0 0 0").encode() for shift in ("", "0 0", "0 0 0 0", "nan 0 0")]


@given(st.binary() | st.sampled_from(DAMAGED))
def test_anything_else_is_refused_in_one_line(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("xfm") / "xfm.txt"
    path.write_bytes(content)
    with pytest.raises(GliofillError, match=r"xfm\.txt: is not a linear ITK transform in text form"):
        read_transform(path)
