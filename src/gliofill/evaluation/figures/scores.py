"""Figure 5 of the paper: SSIM of every patient, input against target beside prediction against target."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from gliofill.contrasts import Task
from gliofill.errors import GliofillError
from gliofill.evaluation.figures.methods import COMPARATORS, GREY, networks, style_of
from gliofill.evaluation.figures.style import GRID, PAGE, figure_stem, render, signed, title_of
from gliofill.evaluation.figures.tables import count, per_patient, read_table
from gliofill.evaluation.scoring import method_order

#: what each panel shows
MEASURES = {
    "ssim": "whole brain",
    "ssim_lesion": "inside the lesion",
    "ssim_lesion_masked": "lesion-masked, as in the paper",
}

#: fewer patients are shown as points with a median; quartiles of so few would say nothing
LEAST_FOR_BOX = 5

#: a measure that gives so much to an all-zero prediction has the line drawn, however far the axis must reach
BLIND = 0.9
QUARTILES = {"lower quartile": 0.25, "median": 0.5, "upper quartile": 0.75}

#: half the width over which the patients of one method are spread
SPREAD = 0.2
GOLDEN = 0.618034


def draw_scores(metrics: Path, out: Path, *, task: Task) -> Path:
    """Draw SSIM per patient and method: whole brain, inside the lesion, and the paper's lesion-masked volume.

    Points are patients, whose sessions are averaged first; those of the input and of the networks are joined. Boxes
    are quartiles and median. The median of the all-zero prediction is a line: where it lies near the top, the measure
    cannot tell a good prediction from none.

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
        ``{task}_scores.png``.

    Raises
    ------
    GliofillError
        If a column is missing, or there is no row of the task or no SSIM in them.
    """
    rows = read_table(metrics, texts=("patient", "method"), numbers=tuple(MEASURES), task=task)
    patients = per_patient(rows, list(MEASURES))
    points = patients.melt(["patient", "method"], var_name="measure", value_name="value").dropna(subset="value")
    if points.empty:
        raise GliofillError(f"{metrics}: column ssim has no value for {task.name}; nothing to draw")
    return render(
        figure_stem(out, task, "scores"),
        _with_quartiles(points),
        size=(PAGE, 3.7),
        paint=lambda figure: _paint(figure, points, task),
    )


def _with_quartiles(points: pd.DataFrame) -> pd.DataFrame:
    """Return the plotted numbers: patients, then quartiles, in the order of the figure."""
    columns = ["measure", "method", "statistic", "patient", "value"]
    groups = points.groupby(["measure", "method"])["value"]
    quartiles = [groups.quantile(share).reset_index().assign(statistic=name) for name, share in QUARTILES.items()]
    table = pd.concat([points.assign(statistic="patient"), *quartiles], ignore_index=True)[columns]
    measures, methods = list(MEASURES), method_order(points["method"])
    place = table["measure"].map(measures.index) * len(methods) + table["method"].map(methods.index)
    return table.iloc[place.argsort(kind="stable")]


def _paint(figure: Figure, points: pd.DataFrame, task: Task) -> None:
    patients = count(points["patient"].nunique(), "patient")
    figure.suptitle(title_of(task, f"SSIM with the acquired {task.target} (n = {patients})"))
    shown = method_order(points["method"])
    columns = [*(method for method in COMPARATORS if method in shown), "input", *networks(shown)]
    columns = [method for method in columns if method in shown]
    for axis, (measure, words) in zip(figure.subplots(1, len(MEASURES)), MEASURES.items(), strict=True):
        values = points[points["measure"] == measure].pivot(index="patient", columns="method", values="value")
        axis.set_title(f"{words}\n(n = {len(values)})")
        axis.set_ylabel("SSIM (higher is better)")
        _paint_measure(axis, values.reindex(columns=[*columns, "zeros"]), columns)


def _paint_measure(axis: Axes, values: pd.DataFrame, columns: list[str]) -> None:
    if values.empty:
        axis.text(0.5, 0.5, "no patient has a lesion", ha="center", va="center", transform=axis.transAxes)
        axis.axis("off")
        return
    # a patient stands at the same place in every column, so that points are apart and lines parallel
    shifts = SPREAD * 2 * ((np.arange(len(values)) * GOLDEN + 0.5) % 1 - 0.5)
    joined = [place for place, method in enumerate(columns) if method not in COMPARATORS]
    for shift, scores in zip(shifts, values[[columns[place] for place in joined]].to_numpy(), strict=True):
        axis.plot(np.array(joined) + shift, scores, color="#c4c4c4", linewidth=0.5, alpha=0.7, zorder=1)
    for place, method in enumerate(columns):
        _paint_method(axis, place, values[method].to_numpy(), shifts, method=method)
    axis.set_xticks(range(len(columns)), [style_of(method).label for method in columns], rotation=45, ha="right")
    axis.set_xlim(-0.6, len(columns) - 0.4)
    axis.ticklabel_format(axis="y", useOffset=False)
    axis.grid(axis="y", **GRID)
    _paint_zeros(axis, values["zeros"].median())


def _paint_method(
    axis: Axes, place: int, values: NDArray[np.floating], shifts: NDArray[np.floating], *, method: str
) -> None:
    look = style_of(method)
    shown = ~np.isnan(values)
    many = int(shown.sum()) >= LEAST_FOR_BOX
    dots: dict[str, Any] = {"s": 9, "alpha": 0.8, "linewidths": 0, "marker": look.marker, "color": look.colour}
    axis.scatter(place + shifts[shown], values[shown], zorder=2 if many else 4, **dots)
    if many:
        low, high = np.quantile(values[shown], [0.25, 0.75])
        axis.bar(place, high - low, 0.62, bottom=low, facecolor=look.colour, alpha=0.18, linewidth=0, zorder=1.5)
    if shown.sum() > 1:
        for colour, width in (("white", 3.2), (look.colour, 1.6)):
            middle = np.median(values[shown])
            axis.hlines(middle, place - 0.31, place + 0.31, color=colour, linewidth=width, zorder=3)


def _paint_zeros(axis: Axes, floor: float) -> None:
    """Draw the score of predicting nothing, or say it where it lies below the axis."""
    if np.isnan(floor):
        return
    low, high = axis.get_ylim()
    words: dict[str, Any] = {"color": "#555555", "fontsize": 6.5, "va": "center", "linespacing": 1}
    if floor < min(low, BLIND):
        axis.text(1.01, 0, f"all\nzeros\n{signed(floor, 2)}\n↓", transform=axis.transAxes, **{**words, "va": "bottom"})
        return
    axis.axhline(floor, color=GREY, linewidth=1, linestyle=(0, (4, 2)), zorder=1)
    axis.text(1.01, floor, f"all\nzeros\n{floor:.4f}", transform=axis.get_yaxis_transform(), **words)
    axis.set_ylim(min(low, floor - 0.05 * (high - floor)), max(high, floor))
