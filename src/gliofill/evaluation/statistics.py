"""Statistics over patients: means with intervals, by stratum, and paired comparisons of methods."""

import math
from collections.abc import Collection, Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from gliofill.evaluation.baselines import BASELINES
from gliofill.evaluation.metrics import METRICS, Better, Metric
from gliofill.evaluation.scoring import method_order
from gliofill.evaluation.tables import COLUMNS, COMPARISONS_TABLE, SUMMARY_TABLE
from gliofill.learning.training.patients import UNKNOWN, Patient

CONFIDENCE = 0.95
RESAMPLES = 9999

#: below this number of patients the bootstrap interval is far too short
LEAST_FOR_INTERVAL = 5
#: with fewer differing pairs no signed-rank test can reach 0.05: the least two-sided p of 5 is 0.0625
LEAST_FOR_TEST = 6

#: what every network is compared with
COMPARATORS = ("input", "linear", "histogram", "l1")


def patient_means(metrics: pd.DataFrame, patients: Sequence[Patient]) -> pd.DataFrame:
    """Average the sessions and folds of each patient.

    Parameters
    ----------
    metrics
        Content of ``metrics.tsv``.
    patients
        All that the table has, maybe more.

    Returns
    -------
    DataFrame
        Columns ``task``, ``method``, ``patient`` (position in `patients`) and the metrics.
    """
    position = {f"sub-{label}": number for number, patient in enumerate(patients) for label in patient.participants}
    keyed = metrics.assign(patient=metrics["participant_id"].map(position))
    return keyed.groupby(["task", "method", "patient"], as_index=False)[list(METRICS)].mean()


def summarise(metrics: pd.DataFrame, patients: Sequence[Patient], columns: Sequence[str] = ()) -> pd.DataFrame:
    """Return mean, median, deviation and interval of every metric, over all patients and by stratum.

    Parameters
    ----------
    metrics
        Content of ``metrics.tsv``.
    patients
        With the values of `columns`, in that order; unknown ones make no stratum.
    columns
        Names of the strata.

    Returns
    -------
    DataFrame
        Content of ``summary.tsv``; no rows for metrics that no patient has.
    """
    means = patient_means(metrics, patients)
    rows = []
    for task, of_task in means.groupby("task"):
        for method in method_order(set(of_task["method"])):
            of_method = of_task[of_task["method"] == method]
            for stratum, members in _strata(patients, columns):
                chosen = of_method[of_method["patient"].isin(members)]
                rows += [
                    (task, method, metric, stratum, *_describe(values))
                    for metric in METRICS
                    if (values := chosen[metric].dropna().to_numpy()).size
                ]
    return pd.DataFrame(rows, columns=list(COLUMNS[SUMMARY_TABLE]))


def _strata(patients: Sequence[Patient], columns: Sequence[str]) -> Iterator[tuple[str, list[int]]]:
    yield "all", list(range(len(patients)))
    for index, column in enumerate(columns):
        values = [patient.strata[index] for patient in patients]
        for value in sorted(set(values) - {UNKNOWN}):
            yield f"{column}={value}", [number for number, own in enumerate(values) if own == value]


def _describe(values: NDArray[np.float64]) -> tuple[float, ...]:
    deviation = float(values.std(ddof=1)) if values.size > 1 else math.nan
    return values.size, float(values.mean()), float(np.median(values)), deviation, *mean_interval(values)


def mean_interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of a mean, the same one whenever it is asked for.

    Bias-corrected and accelerated (Efron 1987). NaN for fewer than `LEAST_FOR_INTERVAL` values.

    Examples
    --------
    >>> mean_interval(np.full(5, 0.5))
    (0.5, 0.5)
    """
    if values.size < LEAST_FOR_INTERVAL:
        return math.nan, math.nan
    if np.ptp(values) == 0:
        return float(values[0]), float(values[0])
    interval = stats.bootstrap(
        (values,),
        np.mean,
        confidence_level=CONFIDENCE,
        n_resamples=RESAMPLES,
        method="BCa",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return float(interval.low), float(interval.high)


def compare(metrics: pd.DataFrame, patients: Sequence[Patient]) -> pd.DataFrame:
    """Compare pairs of methods on the patients that both have, metric by metric.

    Parameters
    ----------
    metrics
        Content of ``metrics.tsv``.
    patients
        Who is tested.

    Returns
    -------
    DataFrame
        Content of ``comparisons.tsv``; no rows for pairs that no patient has.
    """
    means = patient_means(metrics, patients)
    tables = []
    for task, of_task in means.groupby("task"):
        pairs = method_pairs(set(of_task["method"]))
        for metric in (metric for metric in METRICS.values() if metric.better):
            wide = of_task.pivot(index="patient", columns="method", values=metric.name)
            rows = [
                (task, metric.name, first, second, *_compare_pair(metric, both, first, second))
                for first, second in pairs
                if len(both := wide[[first, second]].dropna())
            ]
            names = [column for column in COLUMNS[COMPARISONS_TABLE] if column != "p_holm"]
            table = pd.DataFrame(rows, columns=names)
            tables.append(table.assign(p_holm=holm(table["p"].to_numpy(dtype=float))))
    tables = [table for table in tables if len(table)] or tables[:1]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(COLUMNS[COMPARISONS_TABLE]))


def method_pairs(methods: Collection[str]) -> list[tuple[str, str]]:
    """Return which methods are compared: the mask loss first, then the recipes, then every network with simpler ones.

    Examples
    --------
    >>> method_pairs({"input", "l1", "lesion"})
    [('l1', 'input'), ('lesion', 'input'), ('lesion', 'l1')]
    """
    networks = method_order(set(methods) - set(BASELINES))
    pairs = [("lesion", "nolesion"), ("best", "paper")]
    pairs += [(network, other) for network in networks for other in COMPARATORS if network != other]
    return [pair for pair in pairs if set(pair) <= set(methods)]


def _compare_pair(metric: Metric, both: pd.DataFrame, first: str, second: str) -> tuple[object, ...]:
    penalties = [both[method].map(metric.penalty).to_numpy(dtype=float) for method in (first, second)]
    # a difference of penalties is the metric's own, but for the sign where higher is better
    differences = (penalties[0] - penalties[1]) * (-1 if metric.better is Better.HIGHER else 1)
    worse = float(np.mean(penalties[0] - penalties[1]))
    better = "equal" if worse == 0 else first if worse < 0 else second
    p, note = signed_rank(differences)
    return len(both), float(differences.mean()), *mean_interval(differences), p, better, note


def signed_rank(differences: NDArray[np.float64]) -> tuple[float, str]:
    """Return the two-sided p of the Wilcoxon signed-rank test, or NaN and why there is none.

    Pairs without a difference are left out (Wilcoxon 1945).

    Examples
    --------
    >>> signed_rank(np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]))
    (0.03125, '')
    >>> signed_rank(np.array([1.0, 2.0, 3.0, 4.0, 5.0]))
    (nan, 'too few: with 5 patients that differ the least two-sided p is 0.0625')
    """
    differing = differences[differences != 0]
    if differing.size == 0:
        return math.nan, "no patient differs"
    if differing.size < LEAST_FOR_TEST:
        least = 2.0 ** (1 - differing.size)
        return math.nan, f"too few: with {differing.size} patients that differ the least two-sided p is {least:g}"
    return float(stats.wilcoxon(differing).pvalue), ""


def holm(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Correct p values for their number (Holm 1979); NaN stays and does not count.

    Examples
    --------
    >>> holm(np.array([0.25, 0.01, np.nan, 0.02])).tolist()
    [0.25, 0.03, nan, 0.04]
    """
    corrected = np.full(p.shape, math.nan)
    order = np.argsort(p)[: np.count_nonzero(~np.isnan(p))]
    steps = p[order] * np.arange(order.size, 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return corrected
