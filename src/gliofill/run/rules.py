"""What the rules of the workflow ask for, said by a `Run`: made once, when the workflow is read.

Snakemake's own objects stay in ``workflow/rules``: plain values come in, and names of files and words go out. Names are
relative to the output folder, except those of inputs that lie elsewhere.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from gliofill.cohort.decisions import Decisions, read_decisions
from gliofill.cohort.review import read_late_fillings
from gliofill.cohort.worklist import WorkList, read_worklist
from gliofill.config.parsing import parse_config, recipe_file
from gliofill.config.recipe import VARIANTS
from gliofill.config.settings import ImputeSettings, Settings
from gliofill.contrasts import TASKS, Contrast, Task, task_filling
from gliofill.derivatives import experiment_paths, paths
from gliofill.derivatives.description import check_output
from gliofill.derivatives.external_masks import find_external_masks
from gliofill.errors import GliofillError
from gliofill.files.atomic import sha256
from gliofill.files.tables import read_texts

#: in the place of a recipe: the best one that the tuning finds
TUNED = "tuned"


@dataclass(frozen=True)
class Run:
    """A configuration, checked, and what its rules ask for.

    Attributes
    ----------
    settings
        The configuration.
    models
        Checksum of the weights of the model of each task that has one.
    recipes
        File of each recipe that is tuned or trained, by the name that the configuration has for it.
    decisions
        The reviewer's.
    """

    settings: Settings
    models: Mapping[Task, str]
    recipes: Mapping[str, Path]
    decisions: Decisions

    @property
    def worklist(self) -> WorkList:
        """What the coverage table asks for."""
        return read_worklist(self.settings.output_dir / paths.COVERAGE)

    @cached_property
    def coverage_words(self) -> list[str]:
        """The words of ``gliofill coverage`` that choose images, and what becomes of them."""
        settings = self.settings
        table = ["--review-table", str(settings.review_table)] if settings.review_table else []
        return [
            *("--participant-label", *settings.participants),
            *("--exclude-participant-label", *settings.exclude_participants),
            *("--session-label", *settings.sessions),
            *("--bids-filter", settings.bids_filter),
            *("--derivatives", *(f"{name}={path}" for name, path in settings.preprocess.derivatives.items())),
            *("--fill", *(task.name for task in self.models)),
            *table,
        ]

    @cached_property
    def decisions_state(self) -> str:
        """What changes when the content of the reviewer's table does, and not when it is touched."""
        return sha256(self.settings.review_table) if self.settings.review_table else ""

    def raw_images(self, folder: str) -> list[str]:
        """Return the acquired images of a session, whose change makes it run again."""
        return [f"{self.settings.bids_dir}/{file}" for file in self.worklist.images[folder]]

    def external_masks(self, folder: str) -> list[str]:
        """Return the masks that derivatives datasets have for a session."""
        return [str(mask.path) for mask in find_external_masks(self.settings.preprocess.derivatives, folder)]

    def first_record(self, folder: str) -> list[str]:
        """Return the record of the session to which a later one of the same participant is aligned, if it is."""
        if self.settings.preprocess.align_sessions != "first":
            return []
        first = self.worklist.firsts.get(folder)
        return [paths.session_qc(first)] if first else []

    def session_records(self) -> list[str]:
        """Return the records of all sessions to be preprocessed."""
        return [paths.session_qc(folder) for folder in self.worklist.images]

    def imputation_records(self) -> list[str]:
        """Return the records of all images that the coverage table wants synthesised."""
        return _imputation_records(self.worklist.fillings)

    def late_records(self) -> list[str]:
        """Return the records of the images to be synthesised that the review asks for, beyond the coverage table."""
        return _imputation_records(read_late_fillings(self.settings.output_dir / paths.REVIEW))

    def model_filling(self, contrast: str) -> str:
        """Return the checksum of the model that synthesises a contrast."""
        task = task_filling(Contrast(contrast))
        return self.models[task] if task else ""

    @property
    def audited_tasks(self) -> list[Task]:
        """The tasks whose model fills a gap of this cohort; none if the audit is switched off."""
        if not self.settings.audit.sessions:
            return []
        filled = {contrast for contrasts in self.worklist.fillings.values() for contrast in contrasts}
        return [task for task in self.models if task.target in filled]

    def audit_parts(self) -> list[str]:
        """Return the tables of each audited task."""
        tables = (paths.AUDIT_METRICS, paths.AUDIT_SESSIONS)
        return [paths.audit_part(task, table) for task in self.audited_tasks for table in tables]

    def audit_tables(self) -> list[str]:
        """Return the tables of the audit of all tasks, if there is one."""
        return [paths.AUDIT_METRICS, paths.AUDIT_SUMMARY, paths.AUDIT_SESSIONS] if self.audited_tasks else []

    @cached_property
    def learning_dir(self) -> str:
        """Folder of the preprocessed sessions to train on."""
        return str(self.settings.train.derivatives or self.settings.output_dir)

    @cached_property
    def learning_words(self) -> list[str]:
        """The words that ``gliofill tune``, ``train`` and ``evaluate`` have in common."""
        device = self.settings.train.device
        return ["--derivatives", self.learning_dir, "--cache", experiment_paths.CACHE, "--device", device]

    @cached_property
    def participants_table(self) -> str:
        """The table with the strata of the participants."""
        return str(self.settings.split.table or self.settings.bids_dir / "participants.tsv")

    @cached_property
    def strata_words(self) -> list[str]:
        """The words of ``gliofill evaluate`` that say what the tables are broken down by, and who is one person."""
        alias = self.settings.split.alias
        return [
            *("--participants-table", self.participants_table),
            *("--strata", *self.settings.evaluate.strata),
            *(("--alias", alias) if alias else ()),
        ]

    def study_workers(self, task: str) -> list[str]:
        """Return the notes that the workers of a study have ended."""
        return [experiment_paths.study_worker(task, number + 1) for number in range(self.settings.tune.workers)]

    def recipe_of(self, task: str, label: str) -> str:
        """Return the recipe file of a model, whose label is a recipe, or a variant of the chosen one."""
        name = self.settings.train.recipe if label in VARIANTS else label
        return experiment_paths.best_recipe(task) if name == TUNED else str(self.recipes[name])

    def recipe_state(self, file: str) -> str:
        """Return what changes when a recipe of the configuration does; a tuned one is followed as a file."""
        return sha256(Path(file)) if Path(file) in self.recipes.values() else TUNED

    def variant_words(self, label: str) -> list[str]:
        """Return the words of ``gliofill train`` for a model that is a variant of the chosen recipe."""
        return ["--variant", label] if label in VARIANTS else []

    def models_of(self, task: str) -> list[str]:
        """Return the models of a task, of every fold of the split."""
        train = self.settings.train
        return [
            experiment_paths.model(task, fold, label)
            for fold in _folds(self.settings.output_dir / experiment_paths.SPLIT)
            for label in (*train.variants, *train.compare)
        ]

    def all_models(self) -> list[str]:
        """Return the models of all tasks."""
        return [model for task in self.settings.train.tasks for model in self.models_of(task)]


def make_run(config: Mapping[str, Any], start: Path, checksum: Callable[[Task, ImputeSettings], str]) -> Run:
    """Check a configuration, and find what it names.

    Parameters
    ----------
    config
        The merged content of configuration files and ``--config`` values.
    start
        Folder that relative paths start from.
    checksum
        Gives the checksum of the weights of the model that is configured for a task.

    Raises
    ------
    GliofillError
        If a key is wrong, the output folder is not ours, or a table, model or recipe is missing or wrong.
    """
    settings = parse_config(config, start)
    check_output(settings.bids_dir, settings.output_dir)
    decisions = read_decisions(settings.review_table) if settings.review_table else Decisions()
    with_model = [task for task in TASKS if settings.impute.models.get(task.name, "none") != "none"]
    models = {task: checksum(task, settings.impute) for task in with_model}
    return Run(settings, models, _find_recipes(settings, start), decisions)


def _find_recipes(settings: Settings, start: Path) -> dict[str, Path]:
    names = (settings.train.recipe, *settings.train.compare, settings.tune.recipe)
    found = {name: recipe_file(name, start) for name in names if name != TUNED}
    # the name of a recipe becomes that of a folder, beside those of the variants
    wrong = {name for name in settings.train.compare if name in (*VARIANTS, TUNED) or Path(name).name != name}
    if wrong:
        raise GliofillError(f"configuration: train.compare: {', '.join(sorted(wrong))}: name recipes of config/recipes")
    return found


def _imputation_records(fillings: Mapping[str, Iterable[Contrast]]) -> list[str]:
    return [paths.imputed_qc(folder, contrast) for folder, contrasts in fillings.items() for contrast in contrasts]


def _folds(split: Path) -> list[str]:
    return sorted({row["fold"] for _, row in read_texts(split).rows}, key=int)
