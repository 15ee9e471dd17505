"""The configuration, checked, and what the rules ask of it."""

import json
import os
from pathlib import Path

from snakemake.exceptions import WorkflowError

from gliofill import __version__
from gliofill.bids import derivatives
from gliofill.bids.coverage import read_coverage
from gliofill.bids.description import check_output
from gliofill.contrasts import TASKS, Contrast, task_filling
from gliofill.errors import GliofillError
from gliofill.models import model_checksum
from gliofill.runner import record_dataset_state
from gliofill.settings import parse_config, recipe_file

# a job on another machine starts in the output folder; relative paths mean the folder where the run was started
os.environ.setdefault("GLIOFILL_START", os.getcwd())

try:
    SETTINGS = parse_config(config, Path(os.environ["GLIOFILL_START"]))
    check_output(SETTINGS.bids_dir, SETTINGS.output_dir)
    MODELS = {
        task: model_checksum(task, SETTINGS.impute)
        for task in TASKS
        if SETTINGS.impute.models.get(task.name, "none") != "none"
    }
    RECIPE = str(recipe_file(SETTINGS.train.recipe).resolve())
    # jobs parse this file too; only the first parse looks at the dataset
    if workflow.is_main_process:
        record_dataset_state(SETTINGS.bids_dir, SETTINGS.output_dir)
except GliofillError as error:
    raise WorkflowError(f"gliofill: {error}") from None


# paths below are relative to the output folder
workdir: str(SETTINGS.output_dir)


FOLDER = r"sub-[A-Za-z0-9]+(/ses-[A-Za-z0-9]+)?"
BIDS_DIR = str(SETTINGS.bids_dir)
WORK_DIR = SETTINGS.work_dir and str(Path(SETTINGS.work_dir).expanduser().resolve())


wildcard_constraints:
    folder=FOLDER,
    prefix=r"[A-Za-z0-9_-]+",
    contrast="|".join(Contrast),
    task="|".join(task.name for task in TASKS),


def literal(value):
    """Keep braces in a parameter from being read as wildcards."""
    return lambda wildcards: value


def session_of(prefix):
    """Turn sub-X_ses-Y, as in file names, into sub-X/ses-Y."""
    return prefix.replace("_ses-", "/ses-")


def planned(action):
    """Return the rows of the coverage table with that action, once the table is made."""
    table = SETTINGS.output_dir / checkpoints.coverage.get().output.table
    return [row for row in read_coverage(table) if row.action == action]


def rows_of(folder):
    return [row for row in planned("use") if row.folder == folder]


def raw_images(wildcards):
    """Return the acquired images of a session, whose change makes it run again."""
    return [f"{BIDS_DIR}/{row.file}" for row in rows_of(wildcards.folder)]


def session_records(wildcards):
    return sorted({derivatives.session_qc(row.folder) for row in planned("use")})


def imputation_records(wildcards):
    return [
        derivatives.imputed_qc(row.folder, Contrast(row.contrast))
        for row in planned("impute")
    ]


def session_pictures(wildcards):
    return sorted({derivatives.montage(row.folder) for row in planned("use")})


def imputation_records_of(folder):
    return [
        derivatives.imputed_qc(row.folder, Contrast(row.contrast))
        for row in planned("impute")
        if row.folder == folder
    ]
