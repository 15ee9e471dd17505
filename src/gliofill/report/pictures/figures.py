"""The pictures and viewer volumes of one session, drawn in one pass over its images."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gliofill.contrasts import Contrast
from gliofill.derivatives import paths
from gliofill.errors import GliofillError
from gliofill.files.nifti import read_image
from gliofill.report.content.facts import read_if_there
from gliofill.report.pictures.acquired import BrainOnTemplate, draw_acquired
from gliofill.report.pictures.pictures import Picture, draw_plane, intensity_limits, outline
from gliofill.report.pictures.planes import PLANES, View
from gliofill.report.pictures.viewer_volumes import ViewerVolume, make_volume
from gliofill.report.status.session import SessionFacts
from gliofill.template import template_t1w

#: colours of the uncertainty map, and what they are called in the caption
UNCERTAINTY_COLOURS = "inferno"


@dataclass
class ContrastFigure:
    """The pictures of one contrast.

    Attributes
    ----------
    before
        The acquired image in its own voxels; empty if there is none to show.
    before_note
        Why there is none, or what is odd about it.
    after
        The file to use: preprocessed or synthetic.
    uncertainty, uncertainty_limit
        Map of the half-width of the interval, and the intensity that has the brightest colour; no map if the
        half-width is the same everywhere.
    uncertainty_note
        What the half-width means.
    """

    before: list[Picture] = field(default_factory=list)
    before_note: str = ""
    after: list[Picture] = field(default_factory=list)
    uncertainty: list[Picture] = field(default_factory=list)
    uncertainty_limit: float = 0.0
    uncertainty_note: str = ""


@dataclass
class SessionFigures:
    """All pictures and volumes of a session; without a brain mask there are only those of the acquired images.

    Attributes
    ----------
    template
        The template in the same planes.
    note, centre
        What the planes go through, and where that is in the viewer's volumes, as shares of their edges.
    problems
        Files that could not be drawn.
    """

    contrasts: dict[Contrast, ContrastFigure]
    template: list[Picture] = field(default_factory=list)
    volumes: dict[str, ViewerVolume] = field(default_factory=dict)
    note: str = ""
    centre: tuple[float, float, float] = (0.5, 0.5, 0.5)
    problems: list[str] = field(default_factory=list)


class _Grid:
    """The session's common grid: its masks, and the planes and box that are shown."""

    def __init__(self, output_dir: Path, folder: str) -> None:
        brain, self.affine = read_image(output_dir / paths.brain_mask(folder))
        self.brain = brain > 0.5
        lesion_file = output_dir / paths.lesion(folder)
        self.lesion = read_image(lesion_file)[0] if lesion_file.is_file() else np.zeros(brain.shape, dtype=np.float32)
        self.view = View.around(self.brain, self.lesion > 0)
        outlines = {"brain": self.brain, "lesion": self.lesion > 0} if self.lesion.any() else {"brain": self.brain}
        planes = {what: [outline(plane) for plane in self.view.planes(mask)] for what, mask in outlines.items()}
        self.outlines = [{what: planes[what][i] for what in planes} for i in range(len(PLANES))]
        point = self.affine @ np.append(self.view.centre, 1.0)
        self.on_template = BrainOnTemplate(self.brain, self.affine, point[:3])

    def draw(self, data: NDArray[Any], limits: tuple[float, float], *, colours: str = "") -> list[Picture]:
        """Draw the three planes of a volume on this grid."""
        return [
            draw_plane(plane, name, limits=limits, outlines=outlines, colours=colours)
            for plane, name, outlines in zip(self.view.planes(data), PLANES, self.outlines, strict=True)
        ]

    def volume(
        self, data: NDArray[Any], label: str, kind: str, limits: tuple[float, float] = (0.0, 1.0)
    ) -> ViewerVolume:
        """Make a volume of the viewer."""
        return make_volume(data, self.affine, box=self.view.box, label=label, kind=kind, limits=limits)


def draw_figures(output_dir: Path, facts: SessionFacts, bids_dir: Path | None) -> SessionFigures:
    """Draw everything that a session's page shows.

    A file that is missing or cannot be read leaves a note where its picture would be.

    Parameters
    ----------
    output_dir
        Derivatives.
    facts
        The session.
    bids_dir
        Raw dataset; None if it is not there any more.
    """
    figures = SessionFigures({contrast: ContrastFigure() for contrast in Contrast})
    grid = None
    try:
        if (output_dir / paths.brain_mask(facts.folder)).is_file():
            grid = _Grid(output_dir, facts.folder)
    except GliofillError as error:
        figures.problems.append(str(error))
    for contrast, figure in figures.contrasts.items():
        _draw_before(figure, facts, contrast, bids_dir, output_dir, grid)
        if grid is not None:
            _draw_after(figures, output_dir, facts, contrast, grid)
    if grid is not None:
        figures.note = grid.view.note
        figures.centre = grid.view.centre_in_box
        figures.template = _draw_template(grid)
        figures.volumes |= dict(_mask_volumes(grid))
    return figures


def _draw_before(
    figure: ContrastFigure,
    facts: SessionFacts,
    contrast: Contrast,
    bids_dir: Path | None,
    output_dir: Path,
    grid: _Grid | None,
) -> None:
    file = facts.reviewed.rows[contrast].file
    if file == "n/a":
        figure.before_note = "not in the dataset"
        return
    if bids_dir is None:
        figure.before_note = "the raw dataset is not available"
        return
    transform = output_dir / paths.transform(facts.folder, contrast)
    try:
        figure.before = draw_acquired(
            bids_dir / file,
            brain=grid.on_template if grid else None,
            transform=transform if transform.is_file() else None,
        )
    except GliofillError as error:
        figure.before_note = f"cannot be shown: {str(error).removeprefix(f'{bids_dir}/')}"


def _draw_after(
    figures: SessionFigures, output_dir: Path, facts: SessionFacts, contrast: Contrast, grid: _Grid
) -> None:
    name = facts.summary.files.get(contrast)
    if name is None:
        return
    try:
        data = _read_on(grid, output_dir / name)
    except GliofillError as error:
        figures.problems.append(str(error))
        return
    synthetic = contrast in facts.imputed
    limits = intensity_limits(data)
    figure = figures.contrasts[contrast]
    figure.after = grid.draw(data, limits)
    label = f"{contrast}, synthetic" if synthetic else str(contrast)
    figures.volumes[str(contrast)] = grid.volume(data, label, "image", limits)
    uncertain = output_dir / paths.uncertainty(facts.folder, contrast)
    if synthetic and uncertain.is_file():
        widths = _read_on(grid, uncertain)
        figure.uncertainty_limit = intensity_limits(widths)[1]
        figure.uncertainty_note = read_if_there(output_dir / paths.sidecar(str(uncertain))).get("Description", "")
        if np.ptp(widths[grid.brain]) < 1e-3 * figure.uncertainty_limit:
            return
        scale = (0.0, figure.uncertainty_limit)
        figure.uncertainty = grid.draw(widths, scale, colours=UNCERTAINTY_COLOURS)
        figures.volumes[f"{contrast}-uncertainty"] = grid.volume(
            widths, f"uncertainty of the synthetic {contrast}", "map", scale
        )


def _read_on(grid: _Grid, path: Path) -> NDArray[np.float32]:
    data, _ = read_image(path)
    if data.shape != grid.brain.shape:
        raise GliofillError(f"{path}: is not on the grid of the session's brain mask; preprocess the session again")
    return data


def _draw_template(grid: _Grid) -> list[Picture]:
    """Draw the template in the same planes, if the session is on its grid."""
    template = template_t1w()
    if template.shape != grid.brain.shape:
        return []
    return grid.draw(template, intensity_limits(template))


def _mask_volumes(grid: _Grid) -> Iterator[tuple[str, ViewerVolume]]:
    yield "brain", grid.volume(grid.brain, "brain mask", "mask")
    if grid.lesion.any():
        yield "lesion", grid.volume(np.rint(grid.lesion), "lesion", "mask")
