"""The tables of an evaluation: tab-separated, ``n/a`` for what is missing, a data dictionary beside each."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from gliofill.derivatives.experiment_paths import EVALUATION_TABLES
from gliofill.errors import GliofillError
from gliofill.evaluation.metrics import METRICS
from gliofill.evaluation.scoring import Score, method_order
from gliofill.files.atomic import whole_file
from gliofill.files.tables import MISSING, Columns, write_dictionary
from gliofill.learning.training.patients import Patient

METRICS_TABLE, SUMMARY_TABLE, COMPARISONS_TABLE, CALIBRATION_TABLE, FAILURES_TABLE = EVALUATION_TABLES

_METHOD = (
    "input (copy of the source), zeros, linear (least-squares line), histogram (quantile matching), or a trained model"
)

#: explanations of the columns of each table, written beside it
COLUMNS: Mapping[str, Mapping[str, str]] = {
    METRICS_TABLE: {
        "participant_id": "Participant, with sub-",
        "patient": "First label of the patient, with sub-; participants of one alias share it",
        "session": "Folder of the session below the derivatives",
        "task": "Source and target contrast",
        "fold": "Fold of the split in which the participant was tested",
        "method": _METHOD,
        "lesion_ml": "Volume of the lesion inside the brain, in millilitres",
        **{metric.name: metric.explanation for metric in METRICS.values()},
    },
    SUMMARY_TABLE: {
        "task": "Source and target contrast",
        "method": _METHOD,
        "metric": "Column of metrics.tsv",
        "stratum": "all, or column=value of participants.tsv",
        "n": "Patients; sessions and folds of one patient are averaged first",
        "mean": "Mean over patients",
        "median": "Median over patients",
        "sd": "Standard deviation over patients, with n - 1",
        "ci_low": "Lower end of the 95 % bootstrap interval (BCa) of the mean over patients; n/a for fewer than 5",
        "ci_high": "Upper end",
    },
    COMPARISONS_TABLE: {
        "task": "Source and target contrast",
        "metric": "Column of metrics.tsv",
        "first": "Method",
        "second": "Method that it is compared with",
        "n": "Patients that have both; sessions and folds of one patient are averaged first",
        "mean_difference": "Mean over patients of first minus second; for metrics that are best at 0 or 1, of their "
        "distances from there",
        "ci_low": "Lower end of the 95 % bootstrap interval (BCa) of the mean difference; n/a for fewer than 5",
        "ci_high": "Upper end",
        "p": "Wilcoxon signed-rank test, two-sided; n/a where fewer than 6 patients differ",
        "p_holm": "The same, corrected for the number of comparisons of this metric (Holm 1979)",
        "better": "The method with the better mean, significant or not; equal if there is no difference",
        "note": "Why there is no p; n/a if there is one",
    },
    CALIBRATION_TABLE: {
        "task": "Source and target contrast",
        "method": "Trained model with calibrated uncertainty",
        "fold": "Fold of the split; n/a for the mean over patients of all folds",
        "nominal": "Share of the brain voxels that should lie within the interval",
        "achieved": "Share that does; in rows without session, the mean over patients",
        "session": "Folder of the session, in rows at the share that its model states; n/a for the mean over patients. "
        "At other shares the interval is rescaled by the ratio of normal quantiles, and so tests that shape too",
    },
    FAILURES_TABLE: {
        "session": "Folder of a session that could not be read or evaluated; the other tables were made without",
        "reason": "What went wrong",
    },
}


def metrics_frame(scores: Iterable[Score], patients: Iterable[Patient]) -> pd.DataFrame:
    """Return scores as a table, sorted by participant, session, method and fold; infinite values are missing."""
    names = {f"sub-{label}": patient.name for patient in patients for label in patient.participants}
    rows = [{**asdict(score), "patient": names[score.participant_id]} for score in scores]
    frame = pd.DataFrame(rows, columns=list(COLUMNS[METRICS_TABLE]))
    rank = {method: number for number, method in enumerate(method_order(set(frame["method"])))}
    frame = frame.replace([math.inf, -math.inf], math.nan)
    return frame.sort_values(
        ["participant_id", "session", "method", "fold"],
        key=lambda column: column.map(rank) if column.name == "method" else column,
        ignore_index=True,
    )


def write_frame(path: Path, columns: Columns, frame: pd.DataFrame, notes: Sequence[str] = ()) -> None:
    """Write a table with six significant digits, and its data dictionary; notes stand at the head of the latter."""
    with whole_file(path) as temporary:
        frame[list(columns)].replace("", MISSING).to_csv(
            temporary, sep="\t", index=False, na_rep=MISSING, float_format="%.6g", lineterminator="\n"
        )
    write_dictionary(path, columns, notes)


def read_frame(path: Path, columns: Columns, made_by: str) -> pd.DataFrame:
    """Read a table that `write_frame` wrote.

    Raises
    ------
    GliofillError
        If the file is missing, is not a table, or lacks a column; names the subcommand that makes it.
    """
    try:
        frame = pd.read_csv(path, sep="\t", na_values=[MISSING], keep_default_na=False)
    except FileNotFoundError as error:
        raise GliofillError(f"{path}: no such file; run '{made_by}' first") from error
    except (OSError, ValueError) as error:
        raise GliofillError(f"{path}: cannot be read as a table ({error}); run '{made_by}' again") from error
    if missing := [column for column in columns if column not in frame]:
        raise GliofillError(f"{path}: has no column {missing[0]}; run '{made_by}' again")
    return frame


def write_table(folder: Path, name: str, frame: pd.DataFrame) -> None:
    """Write one of the tables in `COLUMNS`, and its data dictionary."""
    write_frame(folder / name, COLUMNS[name], frame)


def read_table(path: Path) -> pd.DataFrame:
    """Read one of the tables in `COLUMNS`; its name says which it is.

    Raises
    ------
    GliofillError
        As `read_frame`.
    """
    return read_frame(path, COLUMNS[path.name], "gliofill evaluate")
