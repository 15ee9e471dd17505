import numpy as np

from gliofill.simulation.hull import FACE_TOP_Z_MM, close, outline_mm


def test_closing_fills_what_is_narrower_than_the_ball_and_nothing_else() -> None:
    blocks = np.zeros((60, 20, 20), dtype=bool)
    blocks[5:20, 5:15, 5:15] = blocks[24:34, 5:15, 5:15] = blocks[50:55, 5:15, 5:15] = True
    closed = close(blocks, 4.0, 1.0)
    assert closed[20:24, 10, 10].all()  # a gap of 4 mm
    assert not closed[36:48, 10, 10].any()  # one of 16 mm
    assert (closed[:5] == blocks[:5]).all()


def test_below_the_face_the_outline_continues_and_narrows() -> None:
    z = np.arange(-60, 60, 2, dtype=np.float32)
    distance = np.full((1, 1, len(z)), 100, dtype=np.float32)
    distance[..., z >= FACE_TOP_Z_MM] = 10
    outline = outline_mm(distance, z)[0, 0]
    assert (outline[z >= FACE_TOP_Z_MM] == 10).all()
    # 20 mm further down it lies 4 mm further in
    assert outline[z == FACE_TOP_Z_MM - 20].item() == np.float32(14)
