import ants
import numpy as np

from gliofill.preprocess.resampling import resample


def test_resample_moves_a_point_where_the_matrix_says() -> None:
    image = ants.from_numpy(np.zeros((40, 40, 40), dtype=np.float32))
    data = image.numpy()
    data[10, 20, 30] = 1  # at LPS (10, 20, 30) mm, RAS (-10, -20, 30)
    grid = ants.from_numpy(np.zeros((40, 40, 40), dtype=np.float32))
    matrix = np.eye(4)
    matrix[:3, 3] = (-4, 0, 0)  # a grid point at RAS x is taken from RAS x - 4
    moved = resample(image.new_image_like(data), grid, matrix, interpolation="nearest").numpy()
    assert np.argwhere(moved > 0.5).tolist() == [[6, 20, 30]]
