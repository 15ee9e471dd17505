"""An Optuna study on a shared disk: any number of processes take trials from it, and lose none when one is killed.

Optuna's journal holds the trials. What it lacks on a disk is knowing that a process has died (its heartbeats need a
database), so whoever runs a trial keeps a file locked, its lease. The operating system frees the lock when the process
ends, however it ends, and a running trial without lease is taken up by the next process that asks.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from filelock import FileLock, Timeout
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from gliofill.errors import GliofillError
from gliofill.learning.tuning.journal import JOURNAL, JournalLock, open_study

#: a trial that as many processes died on is given up: it may be what kills them
MOST_ATTEMPTS = 3


class SharedStudy:
    """A study, to be maximised, that several processes work on.

    Parameters
    ----------
    folder
        Of the study, on a disk that all processes see and that supports locks (NFS does).
    name
        Of the study, also part of file names; one folder can hold several.
    distributions
        Of the parameters, by name.
    propose
        Gives the parameters of the next trial from all trials so far.
    pruner
        Judges trials while they run; none does if None.

    Raises
    ------
    GliofillError
        If the disk has no locks, or the journal is damaged.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        *,
        distributions: Mapping[str, BaseDistribution],
        propose: Callable[[Sequence[FrozenTrial]], Mapping[str, Any]],
        pruner: optuna.pruners.BasePruner | None = None,
    ) -> None:
        self.folder, self.name = folder, name
        self._distributions, self._propose = dict(distributions), propose
        self._leases = folder / "leases"
        self._leases.mkdir(parents=True, exist_ok=True)
        self._lock = JournalLock(folder / JOURNAL)
        self._study = open_study(self._lock, name, pruner or optuna.pruners.NopPruner())

    def agree(self, plan: Mapping[str, Any]) -> None:
        """Note what the trials have in common, or check that it is still the same; values as JSON has them.

        Raises
        ------
        GliofillError
            If the study was begun with another plan.
        """
        with self._lock.held():
            saved = self._study.user_attrs.get("plan")
            if saved is None:
                self._study.set_user_attr("plan", dict(plan))
                return
        keys = [key for key in dict.fromkeys([*saved, *plan]) if saved.get(key) != plan.get(key)]
        if keys:
            changes = "; ".join(f"{key} was {saved.get(key)} and is {plan.get(key)}" for key in keys[:3])
            raise GliofillError(f"{self.folder}: holds trials of another study ({changes}); tune in another folder")

    def trials(self, total: int) -> list[FrozenTrial]:
        """Return the first `total` trials, or as many as there are."""
        return self._study.get_trials(deepcopy=False)[:total]

    def is_over(self, total: int) -> bool:
        """Tell whether as many trials have ended."""
        trials = self.trials(total)
        return len(trials) == total and all(trial.state.is_finished() for trial in trials)

    def claim(self, total: int) -> "Claim | None":
        """Take a trial that was cut short or, as long as there are fewer than `total`, a new one.

        Returns
        -------
        Claim or None
            None if there is nothing to take; other processes may still be at work.
        """
        with self._lock.held():
            trials = self.trials(total)
            for trial in trials:
                if trial.state == TrialState.RUNNING and (claim := self._take(trial)):
                    return claim
            if len(trials) >= total:
                return None
            parameters = dict(self._propose(trials))
            self._study.add_trial(
                create_trial(state=TrialState.RUNNING, params=parameters, distributions=self._distributions)
            )
            return self._take(self.trials(total)[-1])

    def _take(self, trial: FrozenTrial) -> "Claim | None":
        lease = FileLock(self._leases / f"{self.name}-{trial.number}.lock", fallback_to_soft=False)
        try:
            lease.acquire(blocking=False)
        except Timeout:
            return None
        claim = Claim(self._study, optuna.Trial(self._study, trial._trial_id), lease)
        if claim.attempts >= MOST_ATTEMPTS:
            claim.fail(f"{claim.attempts} processes died on it")
            return None
        claim.note(attempts=claim.attempts + 1)
        return claim


@dataclass(frozen=True)
class Claim:
    """A trial that this process runs, and no other one as long as this process lives; end it with one of its methods.

    Attributes
    ----------
    study, trial
        Of Optuna.
    lease
        Locked as long as the trial runs.
    """

    study: optuna.Study
    trial: optuna.Trial
    lease: FileLock

    @property
    def number(self) -> int:
        """Of the trial, from 0."""
        return self.trial.number

    @property
    def parameters(self) -> dict[str, Any]:
        """What to try, by name."""
        return self.trial.params

    @property
    def attempts(self) -> int:
        """How many processes have begun it and were not asked to stop."""
        return int(self.trial.user_attrs.get("attempts", 0))

    @property
    def notes(self) -> dict[str, Any]:
        """What this process and earlier ones have noted."""
        return self.trial.user_attrs

    @property
    def values(self) -> dict[int, float]:
        """What this process and earlier ones have reported, by step."""
        return dict(self.study.get_trials(deepcopy=False)[self.number].intermediate_values)

    def note(self, **notes: Any) -> None:
        """Keep values with the trial, as JSON has them."""
        for name, value in notes.items():
            self.trial.set_user_attr(name, value)

    def report(self, step: int, value: float) -> bool:
        """Keep a value on the way, higher is better; return whether the trial is not worth going on with."""
        # an attempt that was cut short may have come further than its saved state
        if step not in self.values:
            self.trial.report(value, step)
        return self.trial.should_prune()

    def complete(self) -> None:
        """End with the best value that was reported."""
        self._end(TrialState.COMPLETE, max(self.values.values()))

    def prune(self) -> None:
        """End before all steps are done."""
        self._end(TrialState.PRUNED)

    def fail(self, reason: str) -> None:
        """End without a value, for a reason that would come again."""
        self.note(reason=reason)
        self._end(TrialState.FAIL)

    def give_back(self) -> None:
        """Leave the trial to another process, since this one was asked to stop."""
        self.note(attempts=self.attempts - 1)
        self.lease.release()

    def _end(self, state: TrialState, value: float | None = None) -> None:
        self.study.tell(self.number, value, state=state, skip_if_finished=True)
        self.lease.release()
        Path(self.lease.lock_file).unlink(missing_ok=True)
