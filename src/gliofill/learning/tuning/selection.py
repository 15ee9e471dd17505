"""Which of the tuned settings are best, as a table of all trainings and a recipe."""

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import yaml
from optuna.trial import FrozenTrial, TrialState

from gliofill.config.recipe import Recipe
from gliofill.contrasts import Task
from gliofill.derivatives.experiment_paths import BEST, TRIALS
from gliofill.errors import GliofillError
from gliofill.files.atomic import write_text
from gliofill.learning.tuning.search_space import HYPERPARAMETERS

COLUMNS = ("trial", "repeat", "seed", "state", *HYPERPARAMETERS, "ssim", "ssim_lesion", "seconds")
STATES = {TrialState.COMPLETE: "complete", TrialState.PRUNED: "pruned", TrialState.FAIL: "failed"}


@dataclass(frozen=True)
class Training:
    """One network that was trained while tuning.

    Attributes
    ----------
    trial
        Number of the settings, in the order of their proposal.
    repeat
        0 for the trial itself, then counted up with the seed.
    seed
        Of the weights and draws.
    state
        ``complete``; ``pruned``, cut short since it fell behind the others; or ``failed``.
    settings
        The recipe's value of each of `HYPERPARAMETERS`.
    ssim, ssim_lesion
        Mean SSIM of the held-out sessions in brain and lesion at the best validation; higher is better.
    seconds
        Until the last validation, over all attempts.
    """

    trial: int
    repeat: int
    seed: int
    state: str
    settings: Mapping[str, float]
    ssim: float | None
    ssim_lesion: float | None
    seconds: float | None

    @classmethod
    def of(cls, found: FrozenTrial, recipe: Recipe, *, trial: int, repeat: int = 0) -> Self:
        """Read what the study knows; `recipe` has the settings that were not tuned."""
        known = found.intermediate_values if found.state != TrialState.FAIL else {}
        settings = {name: found.params.get(name, getattr(recipe, name)) for name in HYPERPARAMETERS}
        return cls(
            trial,
            repeat,
            recipe.seed + repeat,
            STATES[found.state],
            settings,
            max(known.values(), default=None),
            found.user_attrs.get("ssim_lesion") if known else None,
            found.user_attrs.get("seconds"),
        )

    @property
    def row(self) -> list[str]:
        """Cells of the table."""
        measured = [
            "n/a" if value is None else f"{value:.{digits}f}"
            for value, digits in ((self.ssim, 6), (self.ssim_lesion, 6), (self.seconds, 1))
        ]
        return [*map(str, (self.trial, self.repeat, self.seed, self.state, *self.settings.values())), *measured]


def best_trials(trainings: Sequence[Training], top: int, *, folder: Path) -> list[Training]:
    """Return the completed trainings with the highest SSIM, best first.

    Raises
    ------
    GliofillError
        If none was completed.
    """
    complete = [training for training in trainings if training.state == "complete"]
    if not complete:
        raise GliofillError(
            f"{folder}: all {len(trainings)} trials failed; see their logs, and search at lower learning rates or "
            "smaller batches in another folder"
        )
    return sorted(complete, key=lambda training: (-(training.ssim or 0.0), training.trial))[:top]


@dataclass(frozen=True)
class Finalist:
    """Settings that were trained over several seeds.

    Attributes
    ----------
    trial
        Where they come from.
    scores
        SSIM by seed; None where the training failed.
    """

    trial: Training
    scores: tuple[float | None, ...]

    @property
    def finished(self) -> list[float]:
        """Scores of the seeds that did not fail."""
        return [score for score in self.scores if score is not None]

    @property
    def mean(self) -> float:
        """Mean SSIM; higher is better."""
        return statistics.fmean(self.finished)

    def __str__(self) -> str:
        spread = f" +- {statistics.stdev(self.finished):.4f}" if len(self.finished) > 1 else ""
        return f"trial {self.trial.trial}: {self.mean:.4f}{spread} ({len(self.finished)} of {len(self.scores)} seeds)"


def rank_finalists(finalists: Sequence[Training], repeats: Sequence[Training]) -> list[Finalist]:
    """Return the settings in order of their mean SSIM over seeds; those that failed with a seed come last."""
    found = [
        Finalist(first, (first.ssim, *(again.ssim for again in repeats if again.trial == first.trial)))
        for first in finalists
    ]
    return sorted(found, key=lambda one: (len(one.scores) - len(one.finished), -one.mean, one.trial.trial))


def write_trials(folder: Path, trainings: Sequence[Training]) -> None:
    """Write the table of all trainings."""
    rows = [list(COLUMNS), *(training.row for training in trainings)]
    write_text(folder / TRIALS, "".join("\t".join(row) + "\n" for row in rows))


def write_best(
    folder: Path, recipe: Recipe, task: Task, *, search: Sequence[Training], ranked: Sequence[Finalist], sessions: int
) -> Path:
    """Write the best settings as a recipe file, which says how they were found.

    Parameters
    ----------
    folder
        Of the study.
    recipe
        That was tuned.
    task
        That it was tuned for.
    search
        All trials.
    ranked
        The finalists, best first.
    sessions
        Number of held-out sessions that the scores are means over.
    """
    counts = Counter(training.state for training in search)
    counted = ", ".join(f"{counts[state]} {state}" for state in STATES.values() if counts[state])
    lines = [
        f"Recipe {recipe.name}, tuned for {task.name} in {len(search)} trials ({counted}).",
        f"SSIM in the brain, mean of the held-out sessions ({sessions}), at the best validation; mean and deviation",
        "over seeds (higher is better). The search picked these trials by their first seed, which flatters it:",
        *(f"  {finalist}{', chosen' if finalist is ranked[0] else ''}" for finalist in ranked),
    ]
    settings = recipe.as_dict() | dict(ranked[0].trial.settings)
    del settings["name"]
    content = yaml.safe_dump({"name": f"{recipe.name}-tuned", "tasks": {task.name: settings}}, sort_keys=False)
    write_text(folder / BEST, "".join(f"# {line}\n" for line in lines) + "\n" + content)
    return folder / BEST
