import dataclasses
import math

import pytest

from gliofill.evaluation.metrics import METRICS, Better


@pytest.mark.parametrize(
    ("better", "good", "bad"),
    [(Better.HIGHER, 2, 1), (Better.LOWER, 1, 2), (Better.NEAR_0, -0.1, 0.2), (Better.NEAR_1, 0.9, 1.2)],
)
def test_a_better_value_has_the_lower_penalty(better: Better, good: float, bad: float) -> None:
    metric = dataclasses.replace(METRICS["ssim"], better=better)
    assert metric.penalty(good) < metric.penalty(bad)


def test_a_measure_without_direction_has_no_penalty() -> None:
    assert math.isnan(METRICS["half_width"].penalty(0.5))
