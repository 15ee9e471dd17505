"""The configuration, checked, and what the rules ask of it."""

import atexit
import inspect
import json
import os
import re
import shlex
import signal
import sys
from pathlib import Path

import psutil
from snakemake.exceptions import WorkflowError

from gliofill import __version__
from gliofill.derivatives import paths
from gliofill.cohort.decisions import Decisions, read_decisions
from gliofill.derivatives.description import check_output
from gliofill.derivatives.external_masks import check_datasets, find_external_masks
from gliofill.cohort.review import read_late_fillings
from gliofill.run.space import check_room
from gliofill.bids.snapshot import record_dataset_state
from gliofill.cohort.worklist import read_worklist
from gliofill.contrasts import TASKS, Contrast, find_task, task_filling
from gliofill.run.disk import check_answers
from gliofill.errors import GliofillError
from gliofill.run.lock import take_lock, release_lock, remove_leftovers, unlock
from gliofill.files.atomic import sha256
from gliofill.config.recipe import VARIANTS
from gliofill.learning.models.chosen import model_checksum
from gliofill.cli.arguments import STOP
from gliofill.run.processes import RUN, ProcessIdentity, answer_aside
from gliofill.config.parsing import parse_config, recipe_file

# a job on another machine starts in the output folder; relative paths mean the folder where the run was started
START = Path(os.environ.setdefault("GLIOFILL_START", os.getcwd()))

#: options with which Snakemake only looks at a run
LOOKS = {
    f"--{name}"
    for name in "dry-run dryrun lint summary detailed-summary dag rulegraph filegraph report".split()
}


def only_looks(words):
    """Tell whether Snakemake was asked for something else than a run."""
    return any(w in LOOKS or re.fullmatch("-[A-Za-z]*n[A-Za-z]*", w) for w in words)


def hold_output():
    """Hold the output folder until this process ends; its steps on this machine end with it."""
    os.environ.pop(RUN, None)
    if "--unlock" in sys.argv:
        unlock(SETTINGS.output_dir)
    elif not only_looks(sys.argv[1:]):
        check_answers(reads=[SETTINGS.bids_dir])
        is_local = workflow.resource_settings.nodes is None
        found = take_lock(
            SETTINGS.output_dir, is_local=is_local, work_dir=SETTINGS.scratch
        )
        atexit.register(release_lock, SETTINGS.output_dir)
        if found:
            print(f"gliofill: {found}", file=sys.stderr)
        cores = workflow.resource_settings.cores or 1
        jobs = max(1, cores // SETTINGS.threads.preprocess) if is_local else 0
        check_room(SETTINGS, side_by_side=jobs)
        if is_local:
            os.environ[RUN] = str(ProcessIdentity.own())


try:
    SETTINGS = parse_config(config, START)
    check_output(SETTINGS.bids_dir, SETTINGS.output_dir)
    DECISIONS = (
        read_decisions(SETTINGS.review_table) if SETTINGS.review_table else Decisions()
    )
    MODELS = {
        task: model_checksum(task, SETTINGS.impute)
        for task in TASKS
        if SETTINGS.impute.models.get(task.name, "none") != "none"
    }
    RECIPES = {
        name: recipe_file(name, START)
        for name in (
            SETTINGS.train.recipe,
            *SETTINGS.train.compare,
            SETTINGS.tune.recipe,
        )
        if name != "tuned"
    }
    if clash := set(SETTINGS.train.compare) & set(VARIANTS) | {
        n for n in SETTINGS.train.compare if Path(n).name != n or n == "tuned"
    }:
        raise GliofillError(
            f"configuration: train.compare: {', '.join(sorted(clash))}: name recipes of config/recipes"
        )
    # jobs parse this file too; only the first parse looks at the dataset
    if workflow.is_main_process:
        hold_output()
        check_datasets(SETTINGS.preprocess.derivatives)
        record_dataset_state(SETTINGS.bids_dir, SETTINGS.output_dir)
except GliofillError as error:
    raise WorkflowError(f"gliofill: {error}") from None


# here and not in the parameters of rules: what is already made does not depend on it
if SETTINGS.stop_on_first_crash:
    os.environ[STOP] = "1"

# on one machine the jobs share its GPUs and its memory, of which the system needs a part; a cluster sees to that itself
if workflow.is_main_process and workflow.resource_settings.nodes is None:
    memory_mb = int(0.9e-6 * psutil.virtual_memory().total)
    for name, amount in (("gpu", 1), ("mem_mb", memory_mb)):
        if name not in workflow.global_resources:
            workflow.register_resource(name, amount)


# paths below are relative to the output folder
workdir: str(SETTINGS.output_dir)


FOLDER = r"sub-[A-Za-z0-9+]+(/ses-[A-Za-z0-9+]+)?"
BIDS_DIR = str(SETTINGS.bids_dir)
LEARNING_DIR = str(
    (START / (SETTINGS.train.derivatives or SETTINGS.output_dir)).resolve()
)
PARTICIPANTS_TABLE = (
    str(START / SETTINGS.split.table)
    if SETTINGS.split.table
    else f"{BIDS_DIR}/participants.tsv"
)
LINKED_DATASETS = [
    f"{name}={path}" for name, path in SETTINGS.preprocess.derivatives.items()
]
REVIEW_TABLE = (
    f"--review-table {shlex.quote(str(SETTINGS.review_table))}"
    if SETTINGS.review_table
    else ""
)
#: changes when the table's content does, not when it is touched
DECISIONS_STATE = sha256(SETTINGS.review_table) if SETTINGS.review_table else ""
WORK_DIR = SETTINGS.scratch


wildcard_constraints:
    folder=FOLDER,
    prefix=r"[A-Za-z0-9+_-]+",
    contrast="|".join(Contrast),
    task="|".join(task.name for task in TASKS),
    fold="[0-9]+",
    label="[A-Za-z0-9_-]+",


def quick(function):
    """Keep a function's signature, which Snakemake works out anew at each of its calls, several for every job."""
    function.__signature__ = inspect.signature(function)
    return function


def literal(value):
    """Keep braces in a parameter from being read as wildcards."""
    return quick(lambda wildcards: value) if "{" in str(value) else value


def growing(amount):
    """Ask for an amount of memory or time, and for twice and three times as much when a job is tried again."""
    return quick(lambda wildcards, attempt: amount * attempt)


def work():
    """Return what the coverage table asks for, once it is made."""
    checkpoints.coverage.get()
    return read_worklist(SETTINGS.output_dir / paths.COVERAGE)


@quick
def raw_images(wildcards):
    """Return the acquired images of a session, whose change makes it run again."""
    return [f"{BIDS_DIR}/{file}" for file in work().images[wildcards.folder]]


@quick
def external_masks(wildcards):
    """Return the masks that derivatives datasets have for a session."""
    found = find_external_masks(SETTINGS.preprocess.derivatives, wildcards.folder)
    return [str(mask.path) for mask in found]


@quick
def first_record(wildcards):
    """Return the record of the session that a later one of its participant is aligned to."""
    first = work().firsts.get(wildcards.folder)
    return paths.session_qc(first) if first else []


def session_records(wildcards):
    return [paths.session_qc(folder) for folder in work().images]


def imputation_records(wildcards):
    return [
        record for folder in work().fillings for record in imputation_records_of(folder)
    ]


def imputation_records_of(folder):
    return [
        paths.imputed_qc(folder, contrast)
        for contrast in work().fillings.get(folder, ())
    ]


def audited_tasks():
    """Return the tasks whose model fills a gap of this cohort, unless the audit is switched off."""
    filled = {
        contrast for contrasts in work().fillings.values() for contrast in contrasts
    }
    return [
        task for task in MODELS if task.target in filled and SETTINGS.audit.sessions
    ]


def audit_tables(wildcards):
    tables = [
        paths.AUDIT_METRICS,
        paths.AUDIT_SUMMARY,
        paths.AUDIT_SESSIONS,
    ]
    return tables if audited_tasks() else []


def audit_parts(wildcards):
    return [
        paths.audit_part(task, table)
        for task in audited_tasks()
        for table in (paths.AUDIT_METRICS, paths.AUDIT_SESSIONS)
    ]


def late_fillings():
    """Return what is to be synthesised because it was found unusable after registration, by session."""
    checkpoints.coverage.get()
    checkpoints.review.get()
    return read_late_fillings(SETTINGS.output_dir / paths.REVIEW)


def late_records_of(folder):
    return [
        paths.imputed_qc(folder, contrast)
        for contrast in late_fillings().get(folder, ())
    ]


def late_records(wildcards):
    return [record for folder in late_fillings() for record in late_records_of(folder)]


def learning_sessions(wildcards):
    """Return the records of the sessions to learn from, unless they were preprocessed elsewhere."""
    return [] if SETTINGS.train.derivatives else session_records(wildcards)


def model_recipe(task, label):
    """Return the recipe file of a model: its own name is a recipe, or it is a variant of the chosen one."""
    name = SETTINGS.train.recipe if label in VARIANTS else label
    return (
        f"experiment/tune/{task}/best.yaml" if name == "tuned" else str(RECIPES[name])
    )


def recipe_state(file):
    """Return what changes when a recipe of the configuration does; a tuned one is followed as a file."""
    return sha256(Path(file)) if Path(file) in RECIPES.values() else "tuned"


def models_of(task):
    """Return the models of a task, once the split tells how many folds there are."""
    with open(checkpoints.split.get().output.table) as table:
        folds = sorted({line.split("\t")[1] for line in table.readlines()[1:]}, key=int)
    return expand(
        "experiment/models/{task}/fold-{fold}/{label}/model.json",
        task=task,
        fold=folds,
        label=[*SETTINGS.train.variants, *SETTINGS.train.compare],
    )


#: how both rules of the tuning call their subcommand
TUNE = (
    "gliofill tune experiment/tune/{wildcards.task} --derivatives {params.derivatives:q} --task {wildcards.task} "
    "--recipe {input.recipe:q} --split {input.split} --cache experiment/cache --settings {params.settings:q} "
    "--device {params.device} {params.figures} --threads {threads} >{log} 2>&1"
)
TUNING = dict(
    derivatives=literal(LEARNING_DIR),
    settings=literal(SETTINGS.tune.to_json()),
    recipe=lambda wildcards, input: recipe_state(input.recipe),
    device=SETTINGS.train.device,
    version=__version__,
)
