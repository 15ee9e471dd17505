"""The tables of an audit, of one task or of all, with their data dictionaries."""

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from gliofill.derivatives import paths
from gliofill.evaluation.metrics import METRICS
from gliofill.evaluation.scoring import method_order
from gliofill.evaluation.statistics import mean_interval, patient_means
from gliofill.evaluation.tables import read_frame, write_frame
from gliofill.learning.training.patients import Patient

_IDENTITY = {
    "participant_id": "Participant, with sub-",
    "session_id": "Session, with ses-; n/a if the dataset has no sessions",
    "task": "Source and target contrast",
    "model": "Identifier of the model that fills gaps of this cohort",
}
_METHOD = (
    "model; or a baseline that needs none: input (copy of the source), zeros, linear (least-squares line) and "
    "histogram (quantile matching), both fitted on the other participants of the sample and absent where there is none"
)
_SEEN = (
    "training: the model was trained on this image, so its figures are too good; perhaps: it was trained on a "
    "participant of this label, but on another image, or that cannot be determined; calibration: its uncertainty was "
    "calibrated on a participant of this label, so its coverage is too good; no"
)

#: explanations of the columns of each table
COLUMNS: Mapping[str, Mapping[str, str]] = {
    paths.AUDIT_METRICS: {
        **_IDENTITY,
        "method": _METHOD,
        "seen": _SEEN,
        "lesion_ml": "Volume of the lesion inside the brain, in millilitres",
        **{metric.name: metric.explanation for metric in METRICS.values()},
        "scale_ratio": "Range of the intensities that the model can write over that of the acquired target, which "
        "the other columns ignore: each image is brought to [0, 1] by its own scale; nearer to 1 is better",
    },
    paths.AUDIT_SUMMARY: {
        "task": _IDENTITY["task"],
        "model": _IDENTITY["model"],
        "method": _METHOD,
        "metric": f"Column of {paths.AUDIT_METRICS}",
        "region": "brain; lesion; or enhancing, the voxels in which the source enhances",
        "n": "Participants; sessions of one participant are averaged first",
        "mean": "Mean over participants",
        "low": "Lower end of the 95 % bootstrap interval (BCa) of the mean over participants; n/a for fewer than 5",
        "high": "Upper end",
    },
    paths.AUDIT_SESSIONS: {
        **_IDENTITY,
        "status": "ok, or failed: left out of the other tables",
        "seen": _SEEN,
        "domain": "inside or outside the model's training data, by the source image; n/a if the model does not say",
        "reason": "What went wrong, or what lies outside; n/a if nothing",
        "panels": "Picture of the session, relative to this table",
    },
}


def region_of(metric: str) -> str:
    """Return where a metric looks.

    Examples
    --------
    >>> region_of("ssim"), region_of("mae_lesion"), region_of("contrast_error"), region_of("enhancement_left")
    ('brain', 'lesion', 'lesion', 'enhancing')
    """
    return REGIONS.get(metric, "lesion" if "lesion" in metric else "brain")


#: where metrics look that do not say so in their names
REGIONS = {"contrast_error": "lesion", "enhancement_left": "enhancing"}


def summarise(metrics: pd.DataFrame) -> pd.DataFrame:
    """Return the mean over participants and its interval, for each task, method and metric.

    Parameters
    ----------
    metrics
        Content of ``desc-audit_metrics.tsv``.

    Returns
    -------
    DataFrame
        Content of ``desc-audit_summary.tsv``; no rows for what nobody has.
    """
    labels = sorted(set(metrics["participant_id"]))
    means = patient_means(metrics, [Patient((label.removeprefix("sub-"),)) for label in labels])
    rows: list[tuple[object, ...]] = []
    for task, of_task in means.groupby("task"):
        model = metrics.loc[metrics["task"] == task, "model"].iloc[0]
        for method in method_order(set(of_task["method"])):
            for metric in METRICS:
                values = of_task.loc[of_task["method"] == method, metric].dropna().to_numpy(dtype=float)
                if values.size:
                    spread = mean_interval(values)
                    rows.append((task, model, method, metric, region_of(metric), values.size, values.mean(), *spread))
    return pd.DataFrame(rows, columns=list(COLUMNS[paths.AUDIT_SUMMARY]))


def frame_of(table: str, rows: Iterable[Mapping[str, object]]) -> pd.DataFrame:
    """Return rows as a table with the columns of its kind; infinite values are missing."""
    return pd.DataFrame(list(rows), columns=list(COLUMNS[table])).replace([math.inf, -math.inf], math.nan)


def write(path: Path, frame: pd.DataFrame, notes: Sequence[str] = ()) -> None:
    """Write a table, its kind given by its name, and its data dictionary; notes stand in the latter."""
    write_frame(path, COLUMNS[path.name], frame, notes)


def read(path: Path) -> pd.DataFrame:
    """Read a table that `write` wrote.

    Raises
    ------
    GliofillError
        If it is missing or is something else.
    """
    return read_frame(path, COLUMNS[path.name], "gliofill audit")
