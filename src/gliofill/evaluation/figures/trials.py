"""Figure 2 of the paper: the validation SSIM of every trial against each hyperparameter."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from gliofill.contrasts import Task
from gliofill.errors import GliofillError
from gliofill.evaluation.figures.style import GRID, PAGE, figure_stem, render, title_of
from gliofill.evaluation.figures.tables import count, read_table

#: the five settings that the paper tuned, and what their axis says
AXES = {
    "learning_rate": "learning rate (log scale)",
    "l1_weight": "L1 coefficient",
    "lesion_weight": "lesion-mask coefficient",
    "batch_size": "batch size (volumes)",
    "batch_samples": "batch samples (slices per volume)",
}
SETTINGS = list(AXES)
WHOLE = ("batch_size", "batch_samples")

MARKS: dict[str, dict[str, Any]] = {
    "pruned": {"marker": "o", "s": 14, "facecolors": "none", "edgecolors": "#9a9a9a", "linewidths": 0.7},
    "complete": {"marker": "o", "s": 16, "facecolors": "#0072B2", "edgecolors": "white", "linewidths": 0.3},
    "repeat": {"marker": "^", "s": 18, "facecolors": "#E69F00", "edgecolors": "white", "linewidths": 0.3},
    "best": {"marker": "*", "s": 90, "facecolors": "#D55E00", "edgecolors": "white", "linewidths": 0.5},
}


@dataclass(frozen=True)
class _Trials:
    """What is drawn, one row per mark with column ``drawn_as``, and how many trials are not."""

    marks: pd.DataFrame
    seeds: int
    left_out: int

    @classmethod
    def read(cls, path: Path) -> Self:
        frame = read_table(path, texts=("trial", "state", "seed"), numbers=("repeat", *SETTINGS, "ssim"))
        marks = frame[frame["state"].isin(["complete", "pruned"]) & frame["ssim"].notna()]
        complete = marks[marks["state"] == "complete"]
        if complete.empty:
            raise GliofillError(f"{path}: column state: no trial is complete; nothing to draw")
        marks = marks.assign(drawn_as=marks["state"].mask(marks["repeat"] > 0, "repeat"))
        best = _best(frame)
        top = pd.DataFrame([{**best[SETTINGS].iloc[0], "ssim": best["ssim"].mean(), "drawn_as": "best"}])
        return cls(pd.concat([marks, top], ignore_index=True), len(best), len(frame) - len(marks))

    @property
    def searched(self) -> int:
        return int((self.marks["drawn_as"].isin(["complete", "pruned"])).sum())


def _best(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the best settings, one per seed; settings that failed with a seed come after the others."""
    repeated = frame["trial"].isin(frame.loc[frame["repeat"] > 0, "trial"])
    candidates = frame[repeated] if repeated.any() else frame[frame["state"] == "complete"]
    groups = [group for _, group in candidates.groupby("trial", sort=False)]
    best = max(groups, key=lambda group: (-int(group["ssim"].isna().sum()), float(group["ssim"].mean())))
    return best[best["ssim"].notna()]


def draw_trials(trials: Path, out: Path, *, task: Task) -> Path:
    """Draw the validation SSIM of every trial against the five hyperparameters, the best marked.

    The best is the one with the highest SSIM. Where settings were repeated with other seeds, it is one of those: with
    the fewest failed seeds, then with the highest mean. Failed trials, and pruned ones without a score, are counted but
    not drawn.

    Parameters
    ----------
    trials
        Table of the study: ``trial``, ``repeat`` (0 for the trial itself), ``seed``, ``state`` (complete, pruned,
        failed), the five hyperparameters and ``ssim``.
    out
        Folder of the figures.
    task
        Named in the title.

    Returns
    -------
    Path
        ``{task}_trials.png``.

    Raises
    ------
    GliofillError
        If a column is missing or no trial is complete.
    """
    read = _Trials.read(trials)
    columns = ["trial", "repeat", "drawn_as", *SETTINGS, "ssim", "seed"]
    return render(
        figure_stem(out, task, "trials"),
        read.marks[columns],
        size=(PAGE, 4.5),
        paint=lambda figure: _paint(figure, read, task),
    )


def _paint(figure: Figure, trials: _Trials, task: Task) -> None:
    figure.suptitle(title_of(task, f"validation SSIM of each trial (n = {count(trials.searched, 'trial')})"))
    axes = figure.subplots(2, 3, sharey=True).ravel()
    for axis, setting in zip(axes, SETTINGS, strict=False):
        _paint_setting(axis, trials.marks, setting)
    for axis in (axes[0], axes[3]):
        axis.set_ylabel("SSIM (higher is better)")
    _paint_legend(axes[5], trials)


def _paint_setting(axis: Axes, marks: pd.DataFrame, setting: str) -> None:
    axis.set_xlabel(AXES[setting])
    axis.grid(**GRID)
    if marks[setting].isna().all():
        axis.text(0.5, 0.5, "not tuned", ha="center", va="center", transform=axis.transAxes)
        axis.set_xticks([])
        return
    if setting == "learning_rate":
        _scale_logarithmically(axis, marks[setting])
    elif setting in WHOLE:
        axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axis.set_xlim(marks[setting].min() - 0.5, marks[setting].max() + 0.5)
    for kind, look in MARKS.items():
        rows = marks[marks["drawn_as"] == kind]
        axis.scatter(rows[setting], rows["ssim"], clip_on=False, zorder=3 if kind == "best" else 2, **look)
    best = marks[setting].iloc[-1]
    axis.set_title(f"best: {best:.4g}", color="#D55E00")


def _scale_logarithmically(axis: Axes, values: pd.Series) -> None:
    axis.set_xscale("log")
    # a few labels per factor of ten, however wide the search was
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if values.max() < 30 * values.min() else (1, 3)))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.2g}"))
    axis.xaxis.set_minor_formatter(NullFormatter())


def _paint_legend(axis: Axes, trials: _Trials) -> None:
    words = {
        "pruned": "pruned (SSIM until then)",
        "complete": "complete",
        "repeat": "repeat with another seed",
        "best": f"best (mean of {trials.seeds} seeds)" if trials.seeds > 1 else "best",
    }
    axis.axis("off")
    for kind, look in MARKS.items():
        if (trials.marks["drawn_as"] == kind).any():
            axis.scatter([], [], label=words[kind], **look)
    axis.legend(loc="upper left")
    if trials.left_out:
        note = f"not shown: {count(trials.left_out, 'training')}, failed\nor pruned before a first score"
        axis.text(0.04, 0.4, note, transform=axis.transAxes, color="#555555", fontsize=7)
