"""One picture per session: the four contrasts in three planes, the synthetic ones plainly marked."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

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
    view = _View.of(output_dir, folder) if session.files else None
    heights = (5, 4, 4) if view is None else view.heights
    figure, axes = plt.subplots(
        3, len(Contrast), figsize=(10.4, 9.8), facecolor="black", gridspec_kw={"height_ratios": heights}
    )
    figure.subplots_adjust(left=0.005, right=0.995, top=0.915, bottom=0.04, wspace=0.03, hspace=0.03)
    for column, contrast in zip(axes.T, Contrast, strict=True):
        _draw_contrast(column, output_dir, session, contrast, view=view)
    figure.suptitle(folder.replace("/", "  "), color="white", fontsize=13, y=0.985)
    planes = "planes through the lesion" if view and view.shows_lesion else "planes through the middle of the brain"
    note = f"the patient's left is on the right; {planes}"
    figure.text(0.5, 0.014, note, color="#bbbbbb", fontsize=9, ha="center")
    path = output_dir / derivatives.montage(folder)
    with whole_file(path) as temporary:
        figure.savefig(temporary, format="png", dpi=100, facecolor="black", metadata={"Software": None})
    plt.close(figure)
    return path


@dataclass(frozen=True)
class _View:
    """The part of the grid that is shown: a box around the brain, and the voxel through which the planes go."""

    box: tuple[slice, slice, slice]
    centre: tuple[int, int, int]
    shows_lesion: bool

    @classmethod
    def of(cls, output_dir: Path, folder: str) -> Self:
        """Choose the planes with the largest section of the lesion, else those through the middle of the brain."""
        brain = read_image(output_dir / derivatives.brain_mask(folder))[0] > 0
        where = np.nonzero(brain)
        box = tuple(slice(max(int(i.min()) - 4, 0), int(i.max()) + 5) for i in where)
        centre = tuple(round(float(i.mean())) for i in where)
        lesion_file = output_dir / derivatives.lesion(folder)
        lesion = read_image(lesion_file)[0] > 0 if lesion_file.is_file() else np.zeros(1, dtype=bool)
        if lesion.any():
            centre = tuple(int(lesion.sum(axis=tuple({0, 1, 2} - {axis})).argmax()) for axis in range(3))
        return cls((box[0], box[1], box[2]), (centre[0], centre[1], centre[2]), bool(lesion.any()))

    @property
    def heights(self) -> tuple[int, int, int]:
        """Heights of the three rows, so that all planes have one scale."""
        return tuple(self.box[axis].stop - self.box[axis].start for axis in (1, 2, 2))

    def planes(self, data: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
        """Yield the axial, coronal and sagittal plane, radiological view."""
        i, j, k = self.centre
        yield np.rot90(data[self.box[0], self.box[1], k][::-1])
        yield np.rot90(data[self.box[0], j, self.box[2]][::-1])
        yield np.rot90(data[i, self.box[1], self.box[2]])


def _draw_contrast(
    column: NDArray, output_dir: Path, session: SessionSummary, contrast: Contrast, *, view: _View | None
) -> None:
    state = session.states[contrast]
    for axis in column:
        axis.set_facecolor("black")
        axis.axis("off")
    label = {"synthetic": "SYNTHETIC", "gap": "missing"}.get(state, state)
    column[0].set_title(f"{contrast}\n{label}", color=STATE_COLOURS[state], fontsize=12, fontweight="bold")
    if view is None or contrast not in session.files:
        column[1].text(0.5, 0.5, "no image", color="#888888", ha="center", va="center", transform=column[1].transAxes)
        return
    data, _ = read_image(output_dir / session.files[contrast])
    inside = data[data > 0]
    top = float(np.percentile(inside, 99.5)) if inside.size else 1.0
    for axis, plane in zip(column, view.planes(data), strict=True):
        axis.imshow(plane, cmap="gray", vmin=0, vmax=top, interpolation="nearest")
        if state == "synthetic":
            _frame(axis, STATE_COLOURS[state])


def _frame(axis: Axes, colour: str) -> None:
    axis.axis("on")
    axis.set(xticks=[], yticks=[])
    for spine in axis.spines.values():
        spine.set(edgecolor=colour, linewidth=2.5)
