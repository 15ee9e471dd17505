"""What to try next: settings proposed from the trials so far, by whichever process asks."""

from collections.abc import Mapping, Sequence

import optuna
from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution
from optuna.samplers import GPSampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from gliofill.learning.tuning.search_space import Range

#: more would only make recipes harder to read
SIGNIFICANT_DIGITS = 4


def distribution(allowed: Range) -> BaseDistribution:
    """Return what Optuna draws from for a range."""
    is_log = allowed.scale == "log"
    if isinstance(allowed.low, int):
        return IntDistribution(allowed.low, int(allowed.high), log=is_log)
    return FloatDistribution(allowed.low, allowed.high, log=is_log)


def propose(trials: Sequence[FrozenTrial], ranges: Mapping[str, Range], *, seed: int) -> dict[str, float]:
    """Return the settings of the next trial.

    The first ten are drawn at random. From then on a Gaussian process is fitted to the trials, and the settings with
    the largest expected improvement are taken, given that those of running trials will be known too (Optuna's
    `GPSampler`). A trial that was pruned or failed counts as the worst of the completed ones: left out, as Optuna does,
    its settings would still look unexplored and be proposed again.

    Parameters
    ----------
    trials
        All so far, in order; those that run have no value yet.
    ranges
        What to draw from, by name.
    seed
        The result depends on it and the trials, not on the process that asks.

    Returns
    -------
    dict of str to float
        Floats have four significant digits.
    """
    distributions = {name: distribution(allowed) for name, allowed in ranges.items()}
    sampler = GPSampler(seed=(seed + len(trials)) % 2**32)
    known = optuna.create_study(direction="maximize", sampler=sampler)
    completed = {trial.number: trial.value for trial in trials if trial.state == TrialState.COMPLETE}
    worst = min((value for value in completed.values() if value is not None), default=None)
    for trial in trials:
        value = completed.get(trial.number, worst)
        if not trial.state.is_finished():
            known.add_trial(create_trial(state=TrialState.RUNNING, params=trial.params, distributions=distributions))
        elif value is not None:
            known.add_trial(create_trial(params=trial.params, distributions=distributions, value=value))
    drawn = known.ask(distributions).params
    return {name: _rounded(drawn[name], allowed) for name, allowed in ranges.items()}


def _rounded(value: float, allowed: Range) -> float:
    if isinstance(value, int):
        return value
    return min(max(float(f"{value:.{SIGNIFICANT_DIGITS}g}"), allowed.low), allowed.high)
