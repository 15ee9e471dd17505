"""Figures 3 and 4 of the paper: input, target, prediction, error and uncertainty of three sessions."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from gliofill.contrasts import Task
from gliofill.evaluation.figures.methods import style_of
from gliofill.evaluation.figures.style import PAGE, figure_stem, render, title_of
from gliofill.evaluation.figures.tables import count
from gliofill.evaluation.slices import Slice, Slices

#: a fixed range, so that figures can be compared with one another
LARGEST_ERROR = 0.3
GREYS, HEAT = "gray", "inferno"
OUTLINE, SYNTHETIC = "#56B4E9", "#ffc94d"
#: around the brain, left-right and back-front; the word SYNTHETIC stands in the latter
MARGIN_VOXELS = (4, 12)

COLUMNS = (
    "{task.source} (input)",
    "{task.target} (target)",
    "{task.target} (prediction)",
    "absolute error",
    "uncertainty (half-width)",
)
GREY_COLUMNS = 3


def draw_panels(panels: Path, out: Path, *, task: Task) -> Path:
    """Draw a slice of the best, median and worst session; radiological view, the patient's left is on the right.

    Error and uncertainty share one fixed colour scale, and the lesion is outlined. The table beside the figure has
    the means over the drawn slice.

    Parameters
    ----------
    panels
        ``panels.npz`` of an evaluation, see `Slices.read`.
    out
        Folder of the figures.
    task
        Named in the title.

    Returns
    -------
    Path
        ``{task}_panels.png``.

    Raises
    ------
    GliofillError
        If the file cannot be read or lacks an array.
    """
    read = Slices.read(panels)
    chosen = f"{style_of(read.method).label} (n = {count(len(read.sessions), 'session')})"
    return draw_slices(read, figure_stem(out, task, "panels"), task=task, subject=chosen)


def draw_slices(slices: Slices, stem: Path, *, task: Task, subject: str) -> Path:
    """Draw chosen slices, a row for each, as `draw_panels` does.

    Parameters
    ----------
    slices
        At least one.
    stem
        Of the figure and its table, without suffix.
    task, subject
        Title of the figure.

    Returns
    -------
    Path
        The PNG.
    """
    frame = _frame(slices)
    return render(
        stem,
        pd.DataFrame([_means(slices.method, session) for session in slices.sessions]),
        size=(PAGE, _Layout(frame, len(slices.sessions)).height),
        paint=lambda figure: _paint(figure, slices, task, frame=frame, subject=subject),
    )


@dataclass(frozen=True)
class _Layout:
    """Where the images stand, in inches: all of one size, close together.

    Attributes
    ----------
    frame
        Shape of the shown part of a slice in voxels: left-right, back-front.
    rows
        Number of sessions.
    """

    frame: tuple[int, int]
    rows: int
    left: float = 0.42
    right: float = 0.05
    top: float = 0.46
    bottom: float = 0.72
    gap: float = 0.04

    @property
    def cell(self) -> tuple[float, float]:
        """Width and height of an image."""
        width = (PAGE - self.left - self.right) / len(COLUMNS) - self.gap
        return width, width * self.frame[1] / self.frame[0]

    @property
    def height(self) -> float:
        """Height of the figure."""
        return self.top + self.rows * (self.cell[1] + self.gap) + self.bottom

    def place(self, row: int, column: float, *, columns: int = 1) -> tuple[float, float, float, float]:
        """Return left, bottom, width and height of an image, or of several side by side, as shares of the figure."""
        width, height = self.cell
        x = self.left + column * (width + self.gap)
        y = self.bottom + (self.rows - 1 - row) * (height + self.gap)
        whole = columns * width + (columns - 1) * self.gap
        return x / PAGE, y / self.height, whole / PAGE, height / self.height


def _frame(slices: Slices) -> tuple[int, int]:
    """Return the shape that holds every brain, with a margin."""
    where = [np.argwhere(session.brain) for session in slices.sessions]
    sizes = [np.ptp(voxels, axis=0) + 1 if voxels.size else (1, 1) for voxels in where]
    width, height = (int(size) + 2 * margin for size, margin in zip(np.max(sizes, axis=0), MARGIN_VOXELS, strict=True))
    return width, height


def _cut(image: NDArray[Any], brain: NDArray[np.bool_], frame: tuple[int, int]) -> NDArray[Any]:
    """Return the shown part, the brain in its middle: front of the head up, the patient's left on the right."""
    voxels = np.argwhere(brain)
    middle = (voxels.min(axis=0) + voxels.max(axis=0) + 1) // 2 if voxels.size else np.array(image.shape) // 2
    padded = np.pad(image, [(size, size) for size in frame])
    i, j = (int(centre) + size - size // 2 for centre, size in zip(middle, frame, strict=True))
    return np.rot90(padded[i : i + frame[0], j : j + frame[1]][::-1])


def _means(method: str, session: Slice) -> dict[str, str | float]:
    """Return the numbers of one row of the figure: means over the brain, or the lesion, of the drawn slice."""
    width = session.half_width
    return {
        "rank": session.rank,
        "session": session.name or "n/a",
        "method": method,
        "ssim": session.ssim,
        "slice_mae": _mean(session.error, session.brain),
        "slice_mae_lesion": _mean(session.error, session.lesion & session.brain),
        "slice_half_width": np.nan if width is None else _mean(width, session.brain),
        "slice_coverage": np.nan if width is None else _mean(session.error <= width, session.brain),
    }


def _mean(image: NDArray[Any], mask: NDArray[np.bool_]) -> float:
    return float(image[mask].mean(dtype=np.float64)) if mask.any() else np.nan


def _paint(figure: Figure, slices: Slices, task: Task, *, frame: tuple[int, int], subject: str) -> None:
    figure.set_layout_engine("none")
    layout = _Layout(frame, len(slices.sessions))
    figure.suptitle(title_of(task, subject), y=1 - 0.08 / layout.height, va="top")
    for row, session in enumerate(slices.sessions):
        _paint_session(figure, layout, row, session)
    for column, words in enumerate(COLUMNS):
        x, y, width, height = layout.place(0, column)
        figure.text(x + width / 2, y + height + 0.05 / layout.height, words.format(task=task), ha="center", va="bottom")
    _paint_bars(figure, layout)
    outlined = "Blue: outline of the lesion. " if any(session.lesion.any() for session in slices.sessions) else ""
    note = f"{outlined}The patient's left is on the right."
    figure.text(layout.left / PAGE, 0.06 / layout.height, note, color="#555555", fontsize=7)


def _paint_session(figure: Figure, layout: _Layout, row: int, session: Slice) -> None:
    images = (session.source, session.target, session.prediction, session.error, session.half_width)
    for column, image in enumerate(images):
        axis = figure.add_axes(layout.place(row, column), facecolor="black", xticks=[], yticks=[])
        for spine in axis.spines.values():
            spine.set_visible(False)
        if image is None:
            axis.text(0.5, 0.5, "not calibrated", color="#bbbbbb", ha="center", va="center", transform=axis.transAxes)
            continue
        cmap, top = (GREYS, 1.0) if column < GREY_COLUMNS else (HEAT, LARGEST_ERROR)
        axis.imshow(
            _cut(image, session.brain, layout.frame),
            cmap=cmap,
            vmin=0,
            vmax=top,
            aspect="auto",
            interpolation="nearest",
        )
        if session.lesion.any():
            outline = _cut(session.lesion, session.brain, layout.frame)
            axis.contour(outline, [0.5], colors=OUTLINE, linewidths=0.6)
        if image is session.prediction:
            _mark_synthetic(axis)
    _, y, _, height = layout.place(row, 0)
    words = "\n".join(part for part in (session.rank, session.name, f"SSIM {session.ssim:.3f}") if part)
    middle: dict[str, Any] = {"ha": "center", "va": "center", "rotation": 90, "multialignment": "center"}
    figure.text(layout.left / 2 / PAGE, y + height / 2, words, fontsize=7, **middle)


def _mark_synthetic(axis: Axes) -> None:
    words: dict[str, Any] = {"color": SYNTHETIC, "fontsize": 6.5, "fontweight": "bold", "ha": "center", "va": "top"}
    axis.text(0.5, 0.985, "SYNTHETIC", transform=axis.transAxes, **words)
    for spine in axis.spines.values():
        spine.set(visible=True, edgecolor=SYNTHETIC, linewidth=1.2)


def _paint_bars(figure: Figure, layout: _Layout) -> None:
    bars = (
        (0, GREY_COLUMNS, GREYS, 1.0, "intensity (0 and 1: percentiles 0.5 and 99.5 of the brain)"),
        (GREY_COLUMNS, 2, HEAT, LARGEST_ERROR, "error and half-width on that scale (lower is better)"),
    )
    for column, columns, colours, largest, words in bars:
        x, y, width, _ = layout.place(layout.rows - 1, column, columns=columns)
        # narrower than the images, so that the numbers at the ends do not meet
        place = (x + 0.05 * width, y - 0.14 / layout.height, 0.9 * width, 0.08 / layout.height)
        colour_map = ScalarMappable(Normalize(0, largest), colours)
        bar = figure.colorbar(
            colour_map,
            cax=figure.add_axes(place),
            orientation="horizontal",
            extend="max" if colours == HEAT else "neither",
        )
        bar.ax.tick_params(length=2, pad=1.5)
        bar.set_label(words, labelpad=1.5)
