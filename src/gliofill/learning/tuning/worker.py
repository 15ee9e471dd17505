"""What a worker does until a study is over: train networks with proposed settings, then the best with more seeds."""

import dataclasses
import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna
import torch

from gliofill.config.recipe import Recipe
from gliofill.config.settings import TuneSettings
from gliofill.errors import GliofillError, TrainingDivergedError
from gliofill.learning.runtime import Runtime
from gliofill.learning.training.loop import Run, clear, train_network
from gliofill.learning.training.state import identity
from gliofill.learning.tuning.proposal import distribution, propose
from gliofill.learning.tuning.search_space import Range, own_settings
from gliofill.learning.tuning.selection import Training, best_trials, rank_finalists, write_best, write_trials
from gliofill.learning.tuning.shared_study import Claim, SharedStudy
from gliofill.learning.volumes.sessions import Sessions

#: between two looks of a worker that has nothing to do while others still train
POLL_SECONDS = 5.0

#: share of the iterations before which no trial is pruned: scores jump at first
UNPRUNED_SHARE = 0.25


def tune(
    recipe: Recipe,
    ranges: Mapping[str, Range],
    folder: Path,
    sessions: Sessions,
    settings: TuneSettings,
    runtime: Runtime | None = None,
) -> Path:
    """Work on a study until it is over; any number of processes may do so at once, and begin or end at any time.

    A trial trains one network with the recipe and proposed settings; its value is the maximum over validations of the
    mean SSIM in the brain of the held-out sessions. The first trial has the recipe's own settings. A trial that falls
    below the median of the others is cut short; one that diverges or does not fit into the GPU's memory fails. The best
    trials are then repeated with other seeds, and the settings with the best mean over seeds become a recipe.

    The study can be continued with more trials: those that are done count.

    Parameters
    ----------
    recipe
        All settings that are not tuned. An ensemble is tuned as a single network.
    ranges
        What is tuned, from `gliofill.learning.tuning.search_space.load_search`.
    folder
        Of the study, on a disk that all workers see.
    sessions
        To train on, and held-out ones to score on.
    settings
        How many settings are tried, pruned and failed ones included; how many of the best are repeated, and with how
        many seeds, that of their trial included.
    runtime
        Device, threads, and so on.

    Returns
    -------
    Path
        The recipe, ``best.yaml``; ``trials.tsv`` with all trainings is beside it. Every worker writes the same.

    Raises
    ------
    GliofillError
        If no session is held out, a session cannot be read, the folder holds another study, the recipe's own settings
        are outside the ranges, or every trial failed.
    SystemExit
        After a stop was asked for; the trial is left to other workers, who continue from its saved state.
    """
    own = own_settings(recipe, ranges)
    _check(folder, sessions, settings)
    run = Run.start(sessions, folder, runtime or Runtime())
    every = min(recipe.validate_every or recipe.iterations, recipe.iterations)
    single = dataclasses.replace(recipe, ensemble=1, validate_every=every)
    search = _search(run, single, ranges, own, trials=settings.trials)
    finalists = best_trials(search, settings.top, folder=folder)
    name = f"{run.task.name}_best-{settings.top}-of-{settings.trials}"
    repeated = _repeat(run, single, ranges, finalists, name=name, repeats=settings.repeats)
    write_trials(folder, [*search, *repeated])
    ranked = rank_finalists(finalists, repeated)
    run.log(f"{run.task.name}: best is {ranked[0]}")
    return write_best(folder, recipe, run.task, search=search, ranked=ranked, sessions=len(run.held_out))


def _check(folder: Path, sessions: Sessions, settings: TuneSettings) -> None:
    counts = {"trials": settings.trials, "repeats": settings.repeats, "top": settings.top}
    for name, count in counts.items():
        if count < 1:
            raise GliofillError(f"{name}: {count} is too few to tune {sessions.task.name}; at least 1 is needed")
    for purpose, cases in (("train on", sessions.training), ("score on", sessions.held_out)):
        if not cases:
            raise GliofillError(
                f"{folder}: no session was given to {purpose} while tuning {sessions.task.name}; split again"
            )


def _search(
    run: Run, recipe: Recipe, ranges: Mapping[str, Range], own: Mapping[str, float], *, trials: int
) -> list[Training]:
    """Take part in trying proposed settings, until all trials have ended."""
    study = SharedStudy(
        run.folder,
        run.task.name,
        distributions={name: distribution(allowed) for name, allowed in ranges.items()},
        propose=lambda known: propose(known, ranges, seed=recipe.seed) if known else own,
        pruner=optuna.pruners.MedianPruner(n_warmup_steps=int(UNPRUNED_SHARE * recipe.iterations)),
    )
    study.agree(_plan(run, recipe, ranges))
    _work(study, trials, run, recipe, jobs=[(number, 0) for number in range(trials)])
    return [Training.of(found, recipe, trial=found.number) for found in study.trials(trials)]


def _repeat(
    run: Run,
    recipe: Recipe,
    ranges: Mapping[str, Range],
    finalists: Sequence[Training],
    *,
    name: str,
    repeats: int,
) -> list[Training]:
    """Take part in training the best settings with further seeds, until all are done."""
    # seed by seed, so that the best settings are the first to be known well
    order = [(finalist, repeat) for repeat in range(1, repeats) for finalist in finalists]
    study = SharedStudy(
        run.folder,
        name,
        distributions={key: distribution(allowed) for key, allowed in ranges.items()},
        propose=lambda known: {key: order[len(known)][0].settings[key] for key in ranges},
    )
    jobs = [(finalist.trial, repeat) for finalist, repeat in order]
    _work(study, len(jobs), run, recipe, jobs=jobs)
    found = study.trials(len(jobs))
    return [Training.of(one, recipe, trial=jobs[one.number][0], repeat=jobs[one.number][1]) for one in found]


def _plan(run: Run, recipe: Recipe, ranges: Mapping[str, Range]) -> dict[str, Any]:
    """Return what all workers must have in common, for their scores to be comparable."""
    return {
        **identity(recipe, run.task, run.volumes),
        **{f"held-out session {volume.case.folder}": volume.fingerprint for volume in run.held_out},
        **{f"search of {name}": dataclasses.asdict(allowed) for name, allowed in ranges.items()},
    }


def _work(study: SharedStudy, total: int, run: Run, recipe: Recipe, *, jobs: Sequence[tuple[int, int]]) -> None:
    """Take trials until all have ended; `jobs` tells for each which settings it trains, and with which repeat."""
    is_waiting = False
    while not study.is_over(total):
        claim = study.claim(total)
        if claim is None:
            if not is_waiting:
                run.log(f"{study.name}: every trial is taken; waiting for the workers that have them")
            is_waiting = True
            time.sleep(POLL_SECONDS)
            continue
        trial, repeat = jobs[claim.number]
        settings = dataclasses.replace(recipe, seed=recipe.seed + repeat, **claim.parameters)
        folder = run.folder / "runs" / f"trial-{trial:03d}_seed-{settings.seed}"
        shown = ", ".join(f"{name} {value:g}" for name, value in claim.parameters.items())
        run.log(f"{study.name}: {claim.number + 1} of {total}, trial {trial}, seed {settings.seed}: {shown}")
        _train(claim, dataclasses.replace(run, folder=folder), settings)


def _train(claim: Claim, run: Run, recipe: Recipe) -> None:
    """Train one network, and end the trial as that went."""
    began, before = time.monotonic(), claim.notes.get("seconds", 0.0)
    last = recipe.iterations - recipe.iterations % recipe.validate_every

    def watch(iteration: int, scores: Mapping[str, float]) -> None:
        claim.note(seconds=before + time.monotonic() - began)
        if "ssim_lesion" in scores and scores["ssim"] > max(claim.values.values(), default=-math.inf):
            claim.note(ssim_lesion=scores["ssim_lesion"])
        is_hopeless = claim.report(iteration, scores["ssim"])
        # at the last validation nothing is saved any more, and a value is worth more than none
        if is_hopeless and iteration < last:
            raise optuna.TrialPruned

    try:
        train_network(dataclasses.replace(run, on_validation=watch), recipe, 0)
    except SystemExit:
        claim.give_back()
        raise
    except optuna.TrialPruned:
        claim.prune()
    except (TrainingDivergedError, torch.OutOfMemoryError) as error:
        run.log(str(error).splitlines()[0])
        claim.fail(str(error).splitlines()[0])
    else:
        claim.complete()
    clear(run.folder)
