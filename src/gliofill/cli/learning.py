"""The subcommands of learning: from complete sessions to models, and to what they are worth.

Subcommands import what they need when they run, after threads are limited.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from gliofill.cli.arguments import existing_folder, limit_threads
from gliofill.config.recipe import VARIANTS
from gliofill.contrasts import TASKS, find_task
from gliofill.errors import GliofillError

if TYPE_CHECKING:
    from gliofill.learning.runtime import Runtime
    from gliofill.learning.volumes.sessions import Sessions


def split(arguments: argparse.Namespace) -> int:
    """Divide the patients into those to train on, to validate on and to test on."""
    from gliofill.config.settings import SplitSettings
    from gliofill.learning.training.patients import group_patients
    from gliofill.learning.training.split import make_split, write_split
    from gliofill.learning.volumes.cases import find_complete_participants

    settings = SplitSettings.from_json(arguments.settings)
    tasks = [find_task(name) for name in arguments.task]
    participants = find_complete_participants(arguments.derivatives, tasks)
    table = Path(settings.table or arguments.participants_table or "participants.tsv")
    patients = group_patients(participants, table, strata=settings.strata, alias=settings.alias)
    folds = make_split(patients, settings)
    write_split(arguments.table, folds, patients, settings.strata)
    for number, fold in enumerate(folds, 1):
        sizes = f"{len(fold.train)} to train on, {len(fold.validation)} to validate on, {len(fold.test)} to test on"
        print(f"fold {number}: {sizes}")
    return 0


def train(arguments: argparse.Namespace) -> int:
    """Train one task on the complete sessions of one or more derivatives folders."""
    limit_threads(arguments.threads)
    from gliofill.config.parsing import recipe_file
    from gliofill.config.recipe import load_recipe
    from gliofill.learning.training.loop import train as run_training

    if arguments.split and (arguments.participant_label or arguments.validation_label):
        raise GliofillError("--split says who is trained on; remove it, or --participant-label and --validation-label")
    sessions = _sessions(arguments)
    recipe = load_recipe(recipe_file(arguments.recipe), sessions.task)
    recipe = recipe.variant(arguments.variant) if arguments.variant else recipe
    run_training(recipe, sessions, arguments.model_dir, _runtime(arguments))
    return 0


def _sessions(arguments: argparse.Namespace) -> "Sessions":
    """Return the sessions to train on and to score on: of a fold of a split, or by label."""
    from gliofill.learning.training.split import read_split
    from gliofill.learning.volumes.cases import find_fold_cases, find_split_cases
    from gliofill.learning.volumes.sessions import Sessions

    task = find_task(arguments.task)
    if arguments.split is not None:
        fold = read_split(arguments.split).fold(arguments.fold)
        return Sessions(task, *find_fold_cases(arguments.derivatives, task, fold.train, fold.validation))
    labels = {"participants": arguments.participant_label, "validation": arguments.validation_label}
    return Sessions(task, *find_split_cases(arguments.derivatives, task, **labels))


def _runtime(arguments: argparse.Namespace) -> "Runtime":
    from gliofill.learning.runtime import Runtime

    def log(text: str) -> None:
        print(text, flush=True)

    return Runtime(arguments.device, arguments.threads, cache=arguments.cache, log=log)


def tune(arguments: argparse.Namespace) -> int:
    """Work on the search for the best hyperparameters of one task until it is over; several may do so at once."""
    limit_threads(arguments.threads)
    from gliofill.config.parsing import recipe_file
    from gliofill.config.recipe import load_recipe
    from gliofill.config.settings import TuneSettings
    from gliofill.derivatives.experiment_paths import TRIALS
    from gliofill.evaluation.figures.all import draw_trials
    from gliofill.learning.tuning.search_space import load_search
    from gliofill.learning.tuning.worker import tune as work_on_study

    sessions, path = _sessions(arguments), recipe_file(arguments.recipe)
    recipe, ranges = load_recipe(path, sessions.task), load_search(path, sessions.task)
    settings = TuneSettings.from_json(arguments.settings)
    best = work_on_study(recipe, ranges, arguments.study, sessions, settings, _runtime(arguments))
    if arguments.figures is not None:
        draw_trials(best.with_name(TRIALS), arguments.figures, task=sessions.task)
    print(best)
    return 0


def evaluate(arguments: argparse.Namespace) -> int:
    """Test the models of one task on unseen patients, beside the baselines; exit code 1 if a session failed."""
    limit_threads(arguments.threads)
    from gliofill.evaluation.experiment import Experiment
    from gliofill.evaluation.experiment import evaluate as test_models
    from gliofill.evaluation.figures.all import draw_all

    task = find_task(arguments.task)
    participants, strata = arguments.participants_table, arguments.strata
    experiment = Experiment(
        task, arguments.derivatives, arguments.split, arguments.models, participants, strata, arguments.alias
    )
    failures = test_models(experiment, arguments.out, _runtime(arguments))
    if arguments.figures is not None:
        for figure in draw_all(arguments.out, arguments.figures, task=task):
            print(figure)
    return 1 if failures and not arguments.no_verdict else 0


def domain(arguments: argparse.Namespace) -> int:
    """Note in model.json what the training images of a model looked like; `train` does so itself."""
    limit_threads(1)
    from gliofill.learning.models.add_domain import add_domain

    found = add_domain(arguments.model_dir, arguments.derivatives)
    print(f"{arguments.model_dir}: {len(found.references)} training images of {found.patients} participants")
    return 0


def train_brain(arguments: argparse.Namespace) -> int:
    """Train the brain extraction on generated heads; a stopped training goes on."""
    limit_threads(arguments.threads)
    from gliofill.extraction.training import BrainRecipe
    from gliofill.extraction.training import train_brain as run_training

    recipe = BrainRecipe(images=arguments.images, seed=arguments.seed)
    run_training(
        arguments.model_dir,
        recipe,
        device=arguments.device,
        workers=arguments.workers,
        threads=arguments.threads,
        log=lambda text: print(text, flush=True),
    )
    return 0


#: those that use preprocessed sessions
LEARNERS = (split, tune, train, evaluate, domain)
SUBCOMMANDS = (*LEARNERS, train_brain)


def add_arguments(add: dict[str, argparse.ArgumentParser]) -> None:
    """Give each subcommand its arguments; `add` has a parser for every name."""
    tasks = [task.name for task in TASKS]
    add["split"].add_argument("table", type=Path, help="the split, a new .tsv file")
    add["tune"].add_argument("study", type=Path, help="folder of the study, on a disk that all workers see")
    add["train"].add_argument("model_dir", type=Path, help="new folder for the model")
    add["domain"].add_argument("model_dir", type=existing_folder, help="folder of a trained model")
    add["evaluate"].add_argument("out", type=Path, help="folder of the tables")
    for subcommand in LEARNERS:
        add[subcommand.__name__].add_argument(
            "--derivatives", nargs="+", type=existing_folder, required=True, metavar="DIR", help="preprocessed sessions"
        )
    for name in ("split", "tune"):
        add[name].add_argument("--settings", default="{}", metavar="JSON", help="section of the configuration")
    for name in ("split", "evaluate"):
        add[name].add_argument("--participants-table", type=Path, metavar="TSV", help="participants.tsv")
    for name in ("tune", "train", "evaluate"):
        add[name].add_argument("--task", choices=tasks, required=True)
        add[name].add_argument(
            "--split", type=Path, metavar="TSV", required=name != "train", help="table made by the subcommand split"
        )
        add[name].add_argument(
            "--cache", type=Path, metavar="DIR", help="folder that keeps scaled volumes for the next run"
        )
        add[name].add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
        add[name].add_argument("--threads", type=int, default=1, metavar="N")
    for name in ("tune", "train"):
        add[name].add_argument("--recipe", default="paper", help="name of a recipe, or path of a YAML file")
        add[name].add_argument("--fold", type=int, default=1, metavar="K", help="of the split")
    for name in ("tune", "evaluate"):
        add[name].add_argument("--figures", type=Path, metavar="DIR", help="draw them there")
    add["split"].add_argument("--task", nargs="+", choices=tasks, default=tasks, help="translations to train")
    add["train"].add_argument(
        "--participant-label", nargs="*", default=[], help="train on these only; default: all but the validation ones"
    )
    add["train"].add_argument(
        "--validation-label", nargs="*", default=[], help="held out for scores and calibration, instead of a split"
    )
    add["train"].add_argument(
        "--variant", choices=list(VARIANTS), help="with or without lesion-mask loss, or the L1 term alone"
    )
    add["evaluate"].add_argument("--models", type=Path, required=True, metavar="DIR", help="has fold-K/LABEL folders")
    add["evaluate"].add_argument("--strata", nargs="*", default=[], metavar="COLUMN", help="of participants.tsv")
    add["evaluate"].add_argument(
        "--alias", default="", metavar="COLUMN", help="column that names the person behind a participant"
    )
    add["evaluate"].add_argument("--no-verdict", action="store_true", help="exit code 0 even after failures")
    brain = add["train-brain"]
    brain.add_argument("model_dir", type=Path, help="folder for the model; one with a stopped training goes on")
    brain.add_argument("--images", type=int, default=5000, metavar="N", help="generated images to train on")
    brain.add_argument("--seed", type=int, default=0, help="of the heads and the initial weights")
    brain.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    brain.add_argument("--threads", type=int, default=1, metavar="N", help="of the network")
    brain.add_argument("--workers", type=int, default=1, metavar="N", help="processes that generate images")
