"""Does the stated uncertainty hold? The share of voxels inside the interval, at the stated level and at others.

A model states one level (`gliofill.learning.models.calibration`); for others its interval is rescaled by the ratio of
normal quantiles. So at the stated level the calibration is tested, and at the others whether errors are normally
distributed around it as well, which nobody has promised.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from scipy.stats import norm

from gliofill.evaluation.scoring import Predicted, absolute_error
from gliofill.evaluation.tables import CALIBRATION_TABLE, COLUMNS
from gliofill.learning.training.patients import Patient
from gliofill.learning.volumes.cases import Volume

LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)


@dataclass(frozen=True)
class Reliability:
    """Share of one session's brain voxels inside the interval of one method.

    Attributes
    ----------
    task, method, fold
        As in ``metrics.tsv``.
    nominal, achieved
        The share that should lie inside, and the one that does.
    session
        Folder of the session.
    participant
        BIDS label without ``sub-``.
    is_stated
        Whether `nominal` is the level that the model states.
    """

    task: str
    method: str
    fold: int
    nominal: float
    achieved: float
    session: str
    participant: str
    is_stated: bool


def rescale(level: float, stated: float) -> float:
    """Return the factor from the half-width at a stated level to that at another, for normally distributed errors.

    Examples
    --------
    >>> rescale(0.9, 0.9), round(rescale(0.95, 0.9), 3)
    (1.0, 1.192)
    """
    return float(norm.ppf((1 + level) / 2) / norm.ppf((1 + stated) / 2))


def measure_reliability(
    volume: Volume, predicted: Predicted, *, task: str, fold: int, method: str, stated: float
) -> list[Reliability]:
    """Measure the share at each of `LEVELS` and at the stated one, in one session.

    Parameters
    ----------
    volume
        The session.
    predicted
        With a half-width.
    task, fold, method
        For the table.
    stated
        The level that the model states.
    """
    assert predicted.half_width is not None
    error, half_width = absolute_error(predicted, volume), predicted.half_width[volume.brain].astype(np.float64)
    return [
        Reliability(
            task,
            method,
            fold,
            level,
            float(np.mean(error <= rescale(level, stated) * half_width)),
            volume.case.folder,
            volume.case.participant,
            level == stated,
        )
        for level in sorted({*LEVELS, stated})
    ]


def calibration_frame(measured: Iterable[Reliability], patients: Sequence[Patient]) -> pd.DataFrame:
    """Return the content of ``calibration.tsv``: means over patients at every level, then sessions at the stated ones.

    Parameters
    ----------
    measured
        Of all sessions, methods and levels.
    patients
        Whose sessions and folds are averaged first.
    """
    columns = list(COLUMNS[CALIBRATION_TABLE])
    frame = pd.DataFrame([asdict(each) for each in measured])
    if frame.empty:
        return pd.DataFrame(columns=columns)
    position = {label: number for number, patient in enumerate(patients) for label in patient.participants}
    keys = ["task", "method", "nominal"]
    own = frame.assign(patient=frame["participant"].map(position)).groupby([*keys, "patient"])["achieved"].mean()
    pooled = own.groupby(keys).mean().reset_index().assign(fold=math.nan, session=math.nan)
    stated = frame[frame["is_stated"]].sort_values(["task", "method", "session", "fold"])
    return pd.concat([pooled[columns].astype({"session": object}), stated[columns]], ignore_index=True)
