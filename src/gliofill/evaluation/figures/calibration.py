"""Reliability of the uncertainty: the share of voxels inside the interval against the share that was stated."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gliofill.contrasts import Task
from gliofill.errors import GliofillError
from gliofill.evaluation.figures.methods import style_of
from gliofill.evaluation.figures.style import COLUMN, GRID, figure_stem, render, title_of
from gliofill.evaluation.figures.tables import count, read_table
from gliofill.evaluation.scoring import method_order

#: horizontal distance between the points of two methods at one stated coverage
DODGE = 0.016

LINE: dict[str, Any] = {"linewidth": 1.2, "markersize": 4, "markeredgewidth": 0, "zorder": 3}
POINT: dict[str, Any] = {"s": 7, "alpha": 0.5, "linewidths": 0, "zorder": 2}


def draw_calibration(calibration: Path, out: Path, *, task: Task) -> Path:
    """Draw achieved against stated coverage per method: on the diagonal the interval holds what it says.

    Lines are the rows without session, means over folds if they are apart; small points are single sessions at the
    level that their model states. At other levels the evaluation rescales the interval by normal quantiles, so that
    there the line tests this shape as well.

    Parameters
    ----------
    calibration
        Table with ``method``, ``fold``, ``nominal``, ``achieved`` and ``session`` (n/a in pooled rows).
    out
        Folder of the figures.
    task
        Whose rows are drawn.

    Returns
    -------
    Path
        ``{task}_calibration.png``.

    Raises
    ------
    GliofillError
        If a column is missing, there is no row of the task, or a coverage is not a share.
    """
    rows = read_table(calibration, texts=("method", "session"), numbers=("fold", "nominal", "achieved"), task=task)
    for column in ("nominal", "achieved"):
        wrong = rows[column][~rows[column].between(0, 1)]
        if not wrong.empty:
            raise GliofillError(f"{calibration}: column {column}: {wrong.iloc[0]} is not a share between 0 and 1")
    cases = rows[rows["session"].notna()]
    pooled = rows[rows["session"].isna()].groupby(["method", "nominal"])["achieved"].mean().reset_index()
    table = pd.concat([pooled.assign(drawn_as="line"), cases.assign(drawn_as="point")], ignore_index=True)
    return render(
        figure_stem(out, task, "calibration"),
        table[["method", "drawn_as", "session", "nominal", "achieved"]],
        size=(COLUMN, 3.5),
        paint=lambda figure: _paint(figure, pooled, cases, task),
    )


def _paint(figure: Figure, pooled: pd.DataFrame, cases: pd.DataFrame, task: Task) -> None:
    points = f"\n(small points: n = {count(cases['session'].nunique(), 'session')})" if len(cases) else ""
    figure.suptitle(title_of(task, f"reliability of the uncertainty{points}"))
    axis = figure.subplots()
    axis.plot([0, 1], [0, 1], color="#555555", linewidth=0.8, linestyle=(0, (4, 2)), zorder=1)
    methods = method_order([*pooled["method"], *cases["method"]])
    for number, method in enumerate(methods):
        shift = (number - (len(methods) - 1) / 2) * DODGE
        _paint_method(axis, pooled[pooled["method"] == method], cases[cases["method"] == method], method, shift=shift)
    axis.set(
        xlabel="stated coverage of the interval\n(away from the small points: normal quantiles)",
        ylabel="achieved coverage of brain voxels\n(the dashed line is right)",
    )
    axis.set(xlim=(0, 1.02), ylim=(0, 1.02), aspect="equal", xticks=np.linspace(0, 1, 6), yticks=np.linspace(0, 1, 6))
    axis.grid(**GRID)
    words: dict[str, Any] = {"color": "#555555", "fontsize": 7, "style": "italic"}
    axis.text(0.04, 0.97, "too cautious", va="top", **words)
    axis.text(0.98, 0.04, "too confident", ha="right", **words)
    axis.legend(loc="upper left", bbox_to_anchor=(0.02, 0.9), handletextpad=0.5)


def _paint_method(axis: Axes, pooled: pd.DataFrame, cases: pd.DataFrame, method: str, *, shift: float) -> None:
    look = style_of(method)
    axis.plot(pooled["nominal"], pooled["achieved"], color=look.colour, marker=look.marker, label=look.label, **LINE)
    axis.scatter(cases["nominal"] + shift, cases["achieved"], color=look.colour, marker=look.marker, **POINT)
