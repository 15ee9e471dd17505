"""One picture per session: the four contrasts in three planes, the synthetic ones plainly marked."""

from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from gliofill.bids import derivatives
from gliofill.contrasts import Contrast
from gliofill.images import read_image, whole_file
from gliofill.report.summary import SessionSummary, summarise

STATE_COLOURS = {
    "acquired": "#8fd694",
    "flagged": "#e58fe0",
    "synthetic": "#ffc94d",
    "gap": "#ff8a80",
    "failed": "#ff8a80",
}


def draw_session(output_dir: Path, folder: str) -> Path:
    """Draw a session's contrasts and write the picture as PNG.

    Parameters
    ----------
    output_dir
        Derivatives.
    folder
        ``sub-X[/ses-Y]``.

    Returns
    -------
    Path
        The picture.
    """
    session = next(session for session in summarise(output_dir).sessions if session.folder == folder)
    centre = _centre(output_dir, folder) if session.files else (0, 0, 0)
    figure, axes = plt.subplots(
        3, len(Contrast), figsize=(10.4, 9.2), facecolor="black", gridspec_kw={"height_ratios": (233, 189, 189)}
    )
    figure.subplots_adjust(left=0.005, right=0.995, top=0.9, bottom=0.06, wspace=0.02, hspace=0.02)
    for column, contrast in zip(axes.T, Contrast, strict=True):
        _draw_contrast(column, output_dir, session, contrast, centre)
    figure.suptitle(folder.replace("/", "  "), color="white", fontsize=13, y=0.985)
    note = "right of the picture is the patient's left; planes through the lesion if there is a mask, else through the middle of the brain"
    figure.text(0.5, 0.02, note, color="#bbbbbb", fontsize=8.5, ha="center")
    path = output_dir / derivatives.montage(folder)
    with whole_file(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110, facecolor="black", metadata={"Software": None})
    plt.close(figure)
    return path


def _draw_contrast(
    column: NDArray, output_dir: Path, session: SessionSummary, contrast: Contrast, centre: tuple[int, int, int]
) -> None:
    state = session.states[contrast]
    for axis in column:
        axis.set_facecolor("black")
        axis.axis("off")
    label = {"synthetic": "SYNTHETIC", "gap": "missing"}.get(state, state)
    column[0].set_title(f"{contrast}\n{label}", color=STATE_COLOURS[state], fontsize=12, fontweight="bold")
    if contrast not in session.files:
        column[1].text(0.5, 0.5, "no image", color="#888888", ha="center", va="center", transform=column[1].transAxes)
        return
    data, _ = read_image(output_dir / session.files[contrast])
    inside = data[data > 0]
    top = float(np.percentile(inside, 99.5)) if inside.size else 1.0
    i, j, k = centre
    for axis, plane in zip(column, (data[:, :, k], data[:, j, :], data[i, :, :]), strict=True):
        axis.imshow(
            np.rot90(plane[::-1] if axis is not column[2] else plane),
            cmap="gray",
            vmin=0,
            vmax=top,
            interpolation="nearest",
        )
        if state == "synthetic":
            _frame(axis, STATE_COLOURS[state])


def _frame(axis: Axes, colour: str) -> None:
    axis.axis("on")
    axis.set(xticks=[], yticks=[])
    for spine in axis.spines.values():
        spine.set(edgecolor=colour, linewidth=2.5)


def _centre(output_dir: Path, folder: str) -> tuple[int, int, int]:
    """Return the voxel through which the planes go: the lesion's largest section, else the middle of the brain."""
    lesion = output_dir / derivatives.lesion(folder)
    path = lesion if lesion.is_file() else output_dir / derivatives.brain_mask(folder)
    mask = read_image(path)[0] > 0
    if not mask.any():
        return tuple(n // 2 for n in mask.shape)  # type: ignore[return-value]
    if path == lesion:
        return tuple(int(mask.sum(axis=tuple({0, 1, 2} - {axis})).argmax()) for axis in range(3))  # type: ignore[return-value]
    return tuple(int(round(float(where.mean()))) for where in np.nonzero(mask))  # type: ignore[return-value]
