import pytest
import torch

from gliofill.simulation.heads.template import signed_distance

pytestmark = pytest.mark.slow


def test_signed_distance_of_a_box_is_that_to_its_faces():
    mask = torch.zeros(9, 9, 9, dtype=torch.bool).numpy()
    mask[3:6, 3:6, 3:6] = True
    distance = signed_distance(mask, 2.0)
    assert distance[4, 4, :].tolist() == [5, 3, 1, -1, -3, -1, 1, 3, 5]
