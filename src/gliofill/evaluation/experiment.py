"""The evaluation of one task: every model and baseline of every fold on the patients that it tests, then the tables."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from gliofill.contrasts import Task
from gliofill.errors import GliofillError
from gliofill.evaluation.fold import Findings, FoldEvaluation
from gliofill.evaluation.panels import PANELS, write_panels
from gliofill.evaluation.reliability import calibration_frame
from gliofill.evaluation.scoring import method_order
from gliofill.evaluation.statistics import compare, summarise
from gliofill.evaluation.tables import (
    CALIBRATION_TABLE,
    COLUMNS,
    COMPARISONS_TABLE,
    FAILURES_TABLE,
    METRICS_TABLE,
    SUMMARY_TABLE,
    metrics_frame,
    write_table,
)
from gliofill.evaluation.trained_models import find_models, load_tested
from gliofill.learning.runtime import Runtime
from gliofill.learning.training.patients import Patient, group_patients
from gliofill.learning.training.split import read_split
from gliofill.learning.volumes.cases import find_cases

#: whose predictions the panels show, if it was trained; else the last method of the tables
PANEL_LABEL = "lesion"


@dataclass(frozen=True)
class Experiment:
    """What is evaluated.

    Attributes
    ----------
    task
        Source and target.
    derivatives
        Output folders of the preprocessing.
    split
        Table of who was trained on, validated on and is tested in each fold; folds without models are left out.
    models
        Folder with ``fold-{number}/{label}/model.json``.
    participants
        ``participants.tsv`` with the columns of `strata` and `alias`.
    strata
        Columns by which the summary is divided.
    alias
        Column that tells which participants are one patient; empty for none.
    """

    task: Task
    derivatives: Sequence[Path]
    split: Path
    models: Path
    participants: Path | None = None
    strata: Sequence[str] = ()
    alias: str = ""

    def patients(self, tested: Collection[str]) -> list[Patient]:
        """Return the patients behind the tested participants."""
        return group_patients(tested, self.participants, strata=self.strata, alias=self.alias)


def evaluate(experiment: Experiment, out: Path, runtime: Runtime | None = None) -> dict[str, str]:
    """Test every model of a task beside the baselines and write tables and panels.

    Writes ``metrics.tsv``, ``summary.tsv``, ``comparisons.tsv``, ``calibration.tsv`` and ``failures.tsv`` with their
    data dictionaries, and ``panels.npz`` (see `gliofill.evaluation.panels.write_panels`). A session that cannot be
    evaluated does not stop the others.

    Parameters
    ----------
    experiment
        What is evaluated.
    out
        Folder of the results.
    runtime
        Device, threads, and so on.

    Returns
    -------
    dict
        Why sessions failed, to be tested or to fit the baselines on, by folder; empty if all went well.

    Raises
    ------
    GliofillError
        Before anything is written: if there is no model, the split does not fit, a model has seen someone that it would
        be tested on, a column is missing, or no session could be evaluated.
    """
    runtime, task = runtime or Runtime(), experiment.task
    found, known = find_models(experiment.models), read_split(experiment.split)
    folds = {number: known.fold(number) for number in found}
    patients = experiment.patients({label for fold in folds.values() for label in fold.test})
    cases = [case for root in experiment.derivatives for case in find_cases(root, task)]
    panel_method = _panel_method(found)
    findings = Findings()
    for number, folders in found.items():
        trained = load_tested(folders, task, folds[number].test)
        fold = FoldEvaluation(task, number, trained, panel_method, runtime)
        fold.run(folds[number], cases, findings)
    if not findings.scores:
        raise GliofillError(f"{out}: no session could be evaluated{_reasons(findings.failures)}")
    _write(out, findings, patients, experiment.strata, panel_method)
    return dict(sorted(findings.failures.items()))


def _panel_method(found: Mapping[int, Mapping[str, Path]]) -> str:
    labels = {label for folders in found.values() for label in folders}
    return PANEL_LABEL if PANEL_LABEL in labels else method_order(labels)[-1]


def _reasons(failures: Mapping[str, str]) -> str:
    shown = [f"{folder}: {reason}" for folder, reason in list(failures.items())[:3]]
    return f" ({'; '.join(shown)}{'; …' if len(failures) > 3 else ''})" if shown else ""


def _write(
    out: Path, findings: Findings, patients: Sequence[Patient], strata: Sequence[str], panel_method: str
) -> None:
    metrics = metrics_frame(findings.scores, patients)
    write_table(out, METRICS_TABLE, metrics)
    write_table(out, SUMMARY_TABLE, summarise(metrics, patients, strata))
    write_table(out, COMPARISONS_TABLE, compare(metrics, patients))
    write_table(out, CALIBRATION_TABLE, calibration_frame(findings.reliability, patients))
    failures = pd.DataFrame(sorted(findings.failures.items()), columns=list(COLUMNS[FAILURES_TABLE]))
    write_table(out, FAILURES_TABLE, failures)
    if findings.panels:
        write_panels(out / PANELS, findings.panels, panel_method)
