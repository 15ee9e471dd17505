import pytest
import torch

from gliofill.simulation.heads.random import Draw, ellipsoid, normalise, within

pytestmark = pytest.mark.slow


def test_soft_edges_are_half_at_the_radius_and_keep_volumes():
    assert within(torch.tensor([3.0, 4.0, 5.0]), 4.0, 2.0).tolist() == [1.0, 0.5, 0.0]
    points = 2 * torch.stack(torch.meshgrid(*[torch.arange(-15.0, 16.0)] * 3, indexing="ij"))
    ball = ellipsoid(points, (1, -2, 3), (16, 16, 16), 2.0)
    assert float(ball.sum()) * 8 == pytest.approx(4 / 3 * 3.14159 * 16**3, rel=0.02)


def test_percentiles_become_0_and_1():
    image = torch.arange(8000.0).reshape(20, 20, 20)
    scaled = normalise(5 * image + 100)
    assert float(scaled[0, 0, 0]) == 0
    assert float(scaled.flatten()[80]) == pytest.approx(0, abs=0.001)
    assert float(scaled.flatten()[7919]) == pytest.approx(1, abs=0.001)


def test_fields_have_about_unit_deviation_and_their_width():
    draw = Draw(1)
    narrow, wide = draw.field((80, 80, 80), 4), draw.field((80, 80, 80), 16)
    assert 0.3 < float(narrow.std()) < 0.6 and 0.6 < float(wide.std()) < 1.2
    steps = [float(each.diff(dim=0).abs().mean() / each.std()) for each in (narrow, wide)]
    assert steps[0] > 2 * steps[1]
