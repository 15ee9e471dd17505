"""The tables that figures are drawn from: read, checked, and averaged per patient."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from gliofill.contrasts import Task
from gliofill.errors import GliofillError


def read_table(
    path: Path, *, texts: Sequence[str] = (), numbers: Sequence[str] = (), task: Task | None = None
) -> pd.DataFrame:
    """Read the columns that a figure needs.

    Parameters
    ----------
    path
        Tab-separated, with a header; ``n/a`` is a missing value.
    texts, numbers
        Columns to read as text and as numbers.
    task
        Keep the rows of this task only, by the column ``task``.

    Returns
    -------
    DataFrame
        The columns in the order asked for; missing values are NaN.

    Raises
    ------
    GliofillError
        If the file cannot be read, a column is missing or is not of numbers, or no row is left.
    """
    frame = _read(path)
    for column in (*texts, *numbers, *(["task"] if task else [])):
        if column not in frame:
            raise GliofillError(f"{path}: column {column} is missing; it has {', '.join(map(str, frame.columns))}")
    if task:
        frame = frame[frame["task"] == task.name]
    if frame.empty:
        raise GliofillError(f"{path}: has no row{f' with {task.name} in column task' if task else ''}; nothing to draw")
    return pd.concat(
        [frame[list(texts)], *(_numbers(path, frame[column]) for column in numbers)], axis="columns"
    ).reset_index(drop=True)


def has_rows(path: Path, task: Task) -> bool:
    """Tell whether a table has a row of the task."""
    frame = _read(path)
    return "task" not in frame or bool((frame["task"] == task.name).any())


def _read(path: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(path, sep="\t", dtype=str, na_values=["n/a"], keep_default_na=False, encoding="utf-8")
    except FileNotFoundError as error:
        raise GliofillError(f"{path}: no such file") from error
    except (OSError, ValueError) as error:  # pandas' own errors are ValueErrors
        raise GliofillError(f"{path}: cannot be read as a table ({' '.join(str(error).split())})") from error


def _numbers(path: Path, column: pd.Series) -> pd.Series:
    numbers = pd.to_numeric(column, errors="coerce")
    wrong = column[numbers.isna() & column.notna()]
    if not wrong.empty:
        raise GliofillError(
            f"{path}: column {column.name}: {wrong.iloc[0]!r} is not a number; write n/a if it is unknown"
        )
    return numbers.astype(float)


def per_patient(frame: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Average the sessions of each patient, also under several labels, so that every patient counts once.

    Parameters
    ----------
    frame
        With ``patient``, ``method`` and `columns`.
    columns
        Numbers to average; missing ones are left out.

    Returns
    -------
    DataFrame
        One row per patient and method, sorted.

    Examples
    --------
    >>> rows = pd.DataFrame({"patient": ["sub-1"] * 2, "method": ["input"] * 2, "ssim": [0.5, 0.7]})
    >>> per_patient(rows, ["ssim"]).values.tolist()
    [['sub-1', 'input', 0.6]]
    """
    return frame.groupby(["patient", "method"], sort=True)[list(columns)].mean().reset_index()


def count(number: int, noun: str) -> str:
    """Return a number with its noun.

    Examples
    --------
    >>> count(1, "patient"), count(12, "patient")
    ('1 patient', '12 patients')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"
