"""The evaluation of one task: every model and baseline of every fold on the patients that it tests, then the tables."""

from collections.abc import Callable, Mapping, Sequence
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
from gliofill.learning.training.patients import Patient, group_patients
from gliofill.learning.training.split import read_split
from gliofill.learning.volumes.cases import find_cases

#: whose predictions the panels show, if it was trained; else the last method of the tables
PANEL_LABEL = "lesion"


def evaluate(
    out: Path,
    *,
    derivatives: Sequence[Path],
    task: Task,
    split: Path,
    models: Path,
    participants: Path | None = None,
    strata: Sequence[str] = (),
    alias: str = "",
    device: str = "auto",
    threads: int = 1,
    cache: Path | None = None,
    log: Callable[[str], None] = print,
) -> dict[str, str]:
    """Test every model of a task beside the baselines and write tables and panels.

    Writes ``metrics.tsv``, ``summary.tsv``, ``comparisons.tsv``, ``calibration.tsv`` and ``failures.tsv`` with their
    data dictionaries, and ``panels.npz`` (see `gliofill.evaluation.panels.write_panels`). A session that cannot be
    evaluated does not stop the others.

    Parameters
    ----------
    out
        Folder of the results.
    derivatives
        Output folders of the preprocessing.
    task
        What is evaluated.
    split
        Who was learnt from, validated on and is tested in each fold; folds without models are left out.
    models
        Folder with ``fold-{number}/{label}/model.json``.
    participants
        ``participants.tsv`` with the columns of `strata` and `alias`.
    strata
        Columns by which the summary is divided.
    alias
        Column that tells which participants are one patient; empty for none.
    device
        ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    threads
        Methods scored at a time; networks take the threads that the environment gives PyTorch.
    cache
        Folder of scaled and cropped volumes; nothing is kept if None.
    log
        Receives lines of text.

    Returns
    -------
    dict
        Why sessions failed, to be tested or learnt from by the baselines, by folder; empty if all went well.

    Raises
    ------
    GliofillError
        Before anything is written: if there is no model, the split does not fit, a model has seen someone that it would
        be tested on, a column is missing, or no session could be evaluated.
    """
    found = find_models(models)
    known = read_split(split)
    folds = {number: known.fold(number) for number in found}
    tested = {label for fold in folds.values() for label in fold.test}
    patients = group_patients(tested, participants, strata=strata, alias=alias)
    cases = [case for root in derivatives for case in find_cases(root, task)]
    panel_method = _panel_method(found)
    findings = Findings()
    for number, folders in found.items():
        trained = load_tested(folders, task, folds[number].test)
        fold = FoldEvaluation(task, number, trained, panel_method, device, threads, cache, log)
        fold.run(folds[number], cases, findings)
    if not findings.scores:
        raise GliofillError(f"{out}: no session could be evaluated{_reasons(findings.failures)}")
    _write(out, findings, patients, strata, panel_method)
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
