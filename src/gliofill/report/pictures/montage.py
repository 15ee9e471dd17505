"""One picture per session: the four contrasts in three planes, the synthetic ones plainly marked."""

from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from gliofill.cohort.states import LOOKS, State
from gliofill.contrasts import Contrast
from gliofill.derivatives import paths
from gliofill.files.atomic import whole_file
from gliofill.files.nifti import read_image
from gliofill.report.pictures.planes import View
from gliofill.report.status.session import SessionSummary


def draw_session(output_dir: Path, session: SessionSummary) -> Path:
    """Draw a session's contrasts and write the picture as PNG.

    Parameters
    ----------
    output_dir
        Derivatives.
    session
        What there is of it.

    Returns
    -------
    Path
        The picture.
    """
    view = View.of(output_dir, session.folder) if session.files else None
    heights = (5, 4, 4) if view is None else view.heights
    figure, axes = plt.subplots(
        3, len(Contrast), figsize=(10.4, 9.8), facecolor="black", gridspec_kw={"height_ratios": heights}
    )
    figure.subplots_adjust(left=0.005, right=0.995, top=0.915, bottom=0.04, wspace=0.03, hspace=0.03)
    for column, contrast in zip(axes.T, Contrast, strict=True):
        _draw_contrast(column, output_dir, session, contrast, view=view)
    figure.suptitle(session.folder.replace("/", "  "), color="white", fontsize=13, y=0.985)
    note = f"the patient's left is on the right; {view.note}" if view else ""
    figure.text(0.5, 0.014, note, color="#bbbbbb", fontsize=9, ha="center")
    path = output_dir / paths.montage(session.folder)
    with whole_file(path) as temporary:
        figure.savefig(temporary, format="png", dpi=100, facecolor="black", metadata={"Software": None})
    plt.close(figure)
    return path


def _draw_contrast(
    column: NDArray[Any], output_dir: Path, session: SessionSummary, contrast: Contrast, *, view: View | None
) -> None:
    state = session.states[contrast]
    for axis in column:
        axis.set_facecolor("black")
        axis.axis("off")
    look = LOOKS[state]
    label = look.label.upper() if state is State.SYNTHETIC else look.label
    column[0].set_title(f"{contrast}\n{label}", color=look.picture, fontsize=12, fontweight="bold")
    if view is None or contrast not in session.files:
        column[1].text(0.5, 0.5, "no image", color="#888888", ha="center", va="center", transform=column[1].transAxes)
        return
    data, _ = read_image(output_dir / session.files[contrast])
    inside = data[data > 0]
    top = float(np.percentile(inside, 99.5)) if inside.size else 1.0
    for axis, plane in zip(column, view.planes(data), strict=True):
        axis.imshow(plane, cmap="gray", vmin=0, vmax=top, interpolation="nearest")
        if state is State.SYNTHETIC:
            _frame(axis, look.picture)


def _frame(axis: Axes, colour: str) -> None:
    axis.axis("on")
    axis.set(xticks=[], yticks=[])
    for spine in axis.spines.values():
        spine.set(edgecolor=colour, linewidth=2.5)
