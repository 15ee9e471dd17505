import numpy as np
import pytest

from gliofill.errors import GliofillError
from gliofill.learning.models.calibration import Calibration


def sessions(count: int, gain: float = 1.0) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return errors that follow their spread exactly, in `count` sessions that differ in scale."""
    generator = np.random.default_rng(0)
    spreads = [generator.uniform(0.01, 0.1, 5000) for _ in range(count)]
    errors = [
        np.abs(gain * (1 + 0.05 * number) * spread * generator.standard_normal(5000))
        for number, spread in enumerate(spreads)
    ]
    return errors, spreads


def achieved(calibration: Calibration, error: np.ndarray, spread: np.ndarray) -> float:
    """Return the share of voxels whose absolute error is within the interval."""
    return float(np.mean(error <= calibration.half_width(spread)))


def test_the_stated_share_is_covered_in_a_session_that_was_not_seen() -> None:
    errors, spreads = sessions(20)
    calibration = Calibration.fit(errors[:-1], spreads[:-1])
    assert 0.88 <= achieved(calibration, errors[-1], spreads[-1]) <= 0.95


def test_errors_twice_as_large_widen_the_interval_twice() -> None:
    once, twice = (Calibration.fit(*sessions(5, gain)) for gain in (1.0, 2.0))
    spread = np.zeros(1)
    assert twice.half_width(spread)[0] > 1.5 * once.half_width(spread)[0]


def test_few_sessions_take_the_widest() -> None:
    errors, spreads = sessions(3)
    calibration = Calibration.fit(errors, spreads)
    assert all(achieved(calibration, e, s) >= 0.899 for e, s in zip(errors, spreads, strict=True))
    assert calibration.cases == 3


def test_without_sessions_there_is_nothing_to_calibrate_on() -> None:
    with pytest.raises(GliofillError, match="without held-out sessions"):
        Calibration.fit([], [])
