import math
import subprocess
import sys
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.trial import FrozenTrial, TrialState, create_trial

from gliofill.learning.tuning.proposal import distribution, propose
from gliofill.learning.tuning.search_space import Range

RANGES = {"batch_size": Range(1, 4), "learning_rate": Range(0.00001, 0.001, "log"), "l1_weight": Range(10.0, 300.0)}


def trial(number: int, parameters: Mapping[str, float], value: float | None, state: TrialState) -> FrozenTrial:
    made = create_trial(
        state=state,
        params=dict(parameters),
        distributions={name: distribution(allowed) for name, allowed in RANGES.items()},
        value=value,
    )
    made.number = number
    return made


def history(count: int) -> list[FrozenTrial]:
    """Return completed trials whose value is highest at a learning rate of 0.0001 and a batch size of 2."""
    trials: list[FrozenTrial] = []
    for number in range(count):
        drawn = propose(trials, RANGES, seed=0)
        value = 0.8 - 0.1 * (math.log10(drawn["learning_rate"]) + 4) ** 2 - 0.02 * abs(drawn["batch_size"] - 2)
        trials.append(trial(number, drawn, value, TrialState.COMPLETE))
    return trials


def apart(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    """Return the largest difference, as a share of the range."""
    return max(
        abs(one["batch_size"] - other["batch_size"]) / 3,
        abs(math.log10(one["learning_rate"] / other["learning_rate"])) / 2,
        abs(one["l1_weight"] - other["l1_weight"]) / 290,
    )


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**63 - 1), count=st.integers(0, 9))
def test_proposals_are_within_the_ranges_and_of_their_type(seed: int, count: int) -> None:
    known = [
        trial(i, {"batch_size": 1, "learning_rate": 0.001, "l1_weight": 10.0}, 0.5, TrialState.COMPLETE)
        for i in range(count)
    ]
    drawn = propose(known, RANGES, seed=seed)
    assert list(drawn) == list(RANGES)
    assert all(drawn[name] in RANGES[name] for name in RANGES)
    assert isinstance(drawn["batch_size"], int) and isinstance(drawn["l1_weight"], float)
    assert float(f"{drawn['learning_rate']:.4g}") == drawn["learning_rate"]


@pytest.mark.slow
def test_proposals_approach_the_best_settings() -> None:
    last = propose(history(14), RANGES, seed=0)
    assert last["batch_size"] == 2
    assert 0.00005 < last["learning_rate"] < 0.0002


@pytest.mark.slow
def test_a_proposal_depends_on_seed_and_trials_but_not_on_the_process() -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(__file__.rsplit('/', 1)[0])!r}); import test_proposal as t;"
        "print(t.propose(t.history(10), t.RANGES, seed=0))"
    )
    elsewhere = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    known = history(10)
    assert repr(propose(known, RANGES, seed=0)) == elsewhere
    assert propose(known[:5], RANGES, seed=0) != propose(known[:5], RANGES, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("state", "value"),
    [(TrialState.RUNNING, None), (TrialState.PRUNED, 0.3), (TrialState.FAIL, None)],
    ids=["running", "pruned", "failed"],
)
def test_settings_of_trials_without_a_full_value_are_not_proposed_again(state: TrialState, value: float | None) -> None:
    known = history(10)
    proposed = propose(known, RANGES, seed=0)
    again = propose([*known, trial(10, proposed, value, state)], RANGES, seed=0)
    assert apart(proposed, again) > 0.05


def test_trials_that_all_failed_leave_proposals_random() -> None:
    failed = [trial(i, propose([], RANGES, seed=i), None, TrialState.FAIL) for i in range(12)]
    assert propose(failed, RANGES, seed=0) != propose(failed[:11], RANGES, seed=0)
