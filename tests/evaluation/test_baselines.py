from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gliofill.errors import GliofillError
from gliofill.evaluation.baselines import BASELINES, VOXELS_PER_VOLUME, Baselines, HistogramMapping
from gliofill.learning.volumes.cases import Volume

units = arrays(np.float64, st.integers(1, 50), elements=st.floats(0, 1))


def test_histogram_mapping_gives_every_source_the_target_of_its_rank() -> None:
    source = np.linspace(0, 1, 257)
    target = source**2
    mapping = HistogramMapping.fit(source, np.random.default_rng(0).permutation(target))
    np.testing.assert_allclose(mapping(source), target, atol=1e-12)


@settings(deadline=None)
@given(units, units)
def test_histogram_mapping_never_falls_and_stays_in_the_range_of_the_targets(source, target) -> None:
    mapped = HistogramMapping.fit(source, target)(np.linspace(0, 1, 33))
    assert (np.diff(mapped) >= -1e-12).all()
    assert target.min() - 1e-12 <= mapped.min() and mapped.max() <= target.max() + 1e-12


def test_sources_of_one_intensity_become_the_mean_of_what_they_are_matched_with() -> None:
    mapping = HistogramMapping.fit(np.array([0.0, 0.0, 0.0]), np.array([0.2, 0.4, 0.6]))
    assert mapping(np.zeros(1)) == pytest.approx(0.4)


def test_a_falling_target_is_found_by_the_line_and_not_by_the_histogram(make_volume: Callable[..., Volume]) -> None:
    baselines = Baselines.fit(make_volume(seed) for seed in range(3))
    assert (baselines.linear.slope, baselines.linear.intercept) == pytest.approx((-1, 1), abs=1e-3)
    other = make_volume(9)
    predicted = baselines.predict(other.source)
    assert tuple(predicted) == BASELINES
    inside = {method: image[other.brain] for method, image in predicted.items()}
    target = other.target[other.brain].astype(float)
    np.testing.assert_allclose(inside["linear"], target, atol=2e-3)
    assert (inside["zeros"] == 0).all()
    assert np.array_equal(inside["input"], other.source[other.brain])
    assert np.corrcoef(inside["histogram"], target)[0, 1] < -0.99


def test_floors_are_fitted_inside_the_brain_on_a_sample(
    make_volume: Callable[..., Volume], monkeypatch: pytest.MonkeyPatch
) -> None:
    volume = make_volume()
    assert volume.brain.sum() < VOXELS_PER_VOLUME
    volume.target[~volume.brain] = 0.5  # a background that would tilt the line
    whole = Baselines.fit([volume])
    monkeypatch.setattr("gliofill.evaluation.baselines.VOXELS_PER_VOLUME", 100)
    sampled = Baselines.fit([volume])
    for baselines in (whole, sampled):
        assert baselines.linear.slope == pytest.approx(-1, abs=1e-3)
    assert sampled.linear.slope != whole.linear.slope


def test_without_training_volumes_there_are_no_floors() -> None:
    with pytest.raises(GliofillError, match="there is no training volume"):
        Baselines.fit([])
