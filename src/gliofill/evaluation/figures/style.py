"""The look of every figure, and its files: PNG, SVG, and the plotted numbers as a table of the same name."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib import style
from matplotlib.figure import Figure

from gliofill.contrasts import Task
from gliofill.files.atomic import whole_file

DPI = 150

#: widths in inches of one and of two columns of a journal page
COLUMN, PAGE = 3.5, 7.2

#: whatever a user's own matplotlibrc says; the salt makes the identifiers in an SVG the same every time
STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 7.5,
    "axes.labelsize": 7.5,
    "axes.titlesize": 7.5,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "figure.titlesize": 8.5,
    "svg.hashsalt": "gliofill",
}

GRID: dict[str, Any] = {"color": "#e6e6e6", "linewidth": 0.5}


def figure_stem(out: Path, task: Task, name: str) -> Path:
    """Return the path of a figure without suffix.

    Examples
    --------
    >>> from gliofill.contrasts import TASKS
    >>> figure_stem(Path("figures"), TASKS[0], "scores").name
    'T2w-to-FLAIR_scores'
    """
    return out / f"{task.name}_{name}"


def title_of(task: Task, subject: str) -> str:
    """Return the first line of a figure.

    Examples
    --------
    >>> from gliofill.contrasts import TASKS
    >>> title_of(TASKS[1], "SSIM per patient (n = 12)")
    'T1post to T1w: SSIM per patient (n = 12)'
    """
    return f"{task.source} to {task.target}: {subject}"


def signed(number: float, digits: int) -> str:
    """Return a rounded number with a true minus sign.

    Examples
    --------
    >>> signed(-0.125, 2), signed(0.5, 3)
    ('−0.12', '0.500')
    """
    return f"{number:.{digits}f}".replace("-", "−")


def render(stem: Path, table: pd.DataFrame, *, size: tuple[float, float], paint: Callable[[Figure], None]) -> Path:
    """Paint a figure and write it: the same numbers give the same bytes.

    Parameters
    ----------
    stem
        Of the files, without suffix.
    table
        The plotted numbers.
    size
        Width and height in inches.
    paint
        Draws on an empty figure.

    Returns
    -------
    Path
        The PNG, 150 dots per inch; the ``.svg`` and ``.tsv`` lie beside it.
    """
    with style.context(["default", STYLE]):
        figure = Figure(figsize=size, layout="constrained", facecolor="white", dpi=DPI)
        paint(figure)
        # places are found once: it takes most of the time, and both files shall have the same
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        with whole_file(stem.with_suffix(".png")) as temporary:
            figure.savefig(temporary, format="png", dpi=DPI, metadata={"Software": None})
        with whole_file(stem.with_suffix(".svg")) as temporary:
            figure.savefig(temporary, format="svg", dpi=2 * DPI, metadata={"Date": None, "Creator": None})
    with whole_file(stem.with_suffix(".tsv")) as temporary:
        table.to_csv(temporary, sep="\t", index=False, na_rep="n/a", float_format="%.6g", lineterminator="\n")
    return stem.with_suffix(".png")
