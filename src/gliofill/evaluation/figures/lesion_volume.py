"""What the paper lacks: whether the error inside the lesion depends on the volume of the lesion."""

from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from scipy.stats import spearmanr

from gliofill.contrasts import Task
from gliofill.errors import GliofillError
from gliofill.evaluation.figures.methods import main_network, style_of
from gliofill.evaluation.figures.style import GRID, PAGE, figure_stem, render, signed, title_of
from gliofill.evaluation.figures.tables import count, per_patient, read_table

MEASURES = {
    "mae_lesion": "mean absolute error in the lesion\n([0, 1] scale, lower is better)",
    "ssim_lesion": "SSIM in the lesion\n(higher is better)",
}
NUMBERS = ["lesion_ml", *MEASURES]

#: a rank correlation of fewer patients is not shown
LEAST_FOR_CORRELATION = 6

EDGE: dict[str, Any] = {"edgecolors": "white", "linewidths": 0.3, "zorder": 2}


def draw_lesion_volume(metrics: Path, out: Path, *, task: Task) -> Path:
    """Draw error and SSIM inside the lesion against its volume, one pair of joined points per patient.

    Shown are the input and the network with lesion-mask loss (else the last network). The sessions of a patient are
    averaged first; patients without lesion are left out.

    Parameters
    ----------
    metrics
        ``metrics.tsv`` of an evaluation.
    out
        Folder of the figures.
    task
        Whose rows are drawn.

    Returns
    -------
    Path
        ``{task}_lesion-volume.png``.

    Raises
    ------
    GliofillError
        If a column is missing, or no patient has a lesion.
    """
    points = lesion_points(metrics, task)
    if points.empty:
        raise GliofillError(f"{metrics}: column lesion_ml: no patient has a lesion in {task.name}; nothing to draw")
    return render(
        figure_stem(out, task, "lesion-volume"),
        points,
        size=(PAGE, 3.2),
        paint=lambda figure: _paint(figure, points, task),
    )


def lesion_points(metrics: Path, task: Task) -> pd.DataFrame:
    """Return what is drawn: one row per patient with lesion and method, sorted by method and volume."""
    rows = read_table(metrics, texts=("patient", "method"), numbers=NUMBERS, task=task)
    shown = [method for method in ("input", main_network(rows["method"])) if method is not None]
    rows = rows[rows["method"].isin(shown) & (rows["lesion_ml"] > 0)].dropna(subset=list(MEASURES))
    points = per_patient(rows, NUMBERS)[["method", "patient", *NUMBERS]]
    return points.sort_values(["method", "lesion_ml", "patient"], ignore_index=True)


def _paint(figure: Figure, points: pd.DataFrame, task: Task) -> None:
    patients = count(points["patient"].nunique(), "patient")
    figure.suptitle(title_of(task, f"fidelity inside the lesion against its volume (n = {patients})"))
    for axis, (measure, words) in zip(figure.subplots(1, 2), MEASURES.items(), strict=True):
        _paint_measure(axis, points, measure)
        axis.set(xlabel="lesion volume (mL, log scale)", ylabel=words)


def _paint_measure(axis: Axes, points: pd.DataFrame, measure: str) -> None:
    for _, patient in points.groupby("patient"):
        axis.plot(patient["lesion_ml"], patient[measure], color="#c4c4c4", linewidth=0.6, zorder=1)
    for method, rows in points.groupby("method"):
        look = style_of(str(method))
        label = f"{look.label}{_correlation(rows, measure)}"
        axis.scatter(rows["lesion_ml"], rows[measure], s=16, color=look.colour, marker=look.marker, label=label, **EDGE)
    axis.set_xscale("log")
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.set_xlim(points["lesion_ml"].min() / 1.5, points["lesion_ml"].max() * 1.5)
    axis.grid(**GRID)
    axis.legend(loc="lower left", bbox_to_anchor=(0, 1), handletextpad=0.2, borderaxespad=0.2)


def _correlation(rows: pd.DataFrame, measure: str) -> str:
    """Return Spearman's rank correlation with the volume, in words."""
    if len(rows) < LEAST_FOR_CORRELATION or rows[measure].nunique() < 2 or rows["lesion_ml"].nunique() < 2:
        return ""
    correlation = float(spearmanr(rows["lesion_ml"], rows[measure]).statistic)
    return f" (Spearman ρ = {signed(correlation, 2)})"
