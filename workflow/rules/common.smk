"""The configuration, checked, and how rules ask for their files: what they ask for is said by `gliofill.run.rules`."""

import inspect
import os
import signal
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

from gliofill import __version__
from gliofill.bids.snapshot import DATASET_STATE
from gliofill.contrasts import TASKS, Contrast, find_task
from gliofill.derivatives import experiment_paths as experiment
from gliofill.derivatives import paths
from gliofill.errors import GliofillError
from gliofill.learning.models.chosen import model_checksum
from gliofill.run.lock import remove_leftovers
from gliofill.run.processes import answer_aside
from gliofill.run.rules import make_run
from gliofill.run.start import machine_resources, start_run, tell_steps

# a job on another machine starts in the output folder; relative paths mean the folder where the run was started
START = Path(os.environ.setdefault("GLIOFILL_START", os.getcwd()))
IS_LOCAL = workflow.resource_settings.nodes is None

try:
    RUN = make_run(config, START, model_checksum)
    SETTINGS = RUN.settings
    # jobs parse this file too; only the first parse looks at the dataset
    if workflow.is_main_process:
        cores = workflow.resource_settings.cores or 1
        start_run(SETTINGS, sys.argv[1:], cores=cores, is_local=IS_LOCAL)
except GliofillError as error:
    raise WorkflowError(f"gliofill: {error}") from None

tell_steps(SETTINGS)

# a cluster sees to this itself
if workflow.is_main_process and IS_LOCAL:
    for name, amount in machine_resources().items():
        if name not in workflow.global_resources:
            workflow.register_resource(name, amount)


# paths below are relative to the output folder
workdir: str(SETTINGS.output_dir)


wildcard_constraints:
    folder=r"sub-[A-Za-z0-9+]+(/ses-[A-Za-z0-9+]+)?",
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


def after(*names, ask):
    """Ask for something, by wildcards, once checkpoints have told what there is to do."""

    def answer(wildcards):
        for name in names:
            getattr(checkpoints, name).get()
        return ask(wildcards)

    return quick(answer)
