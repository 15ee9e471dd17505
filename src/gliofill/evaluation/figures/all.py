"""The figures of an evaluation: 2 to 5 of the paper, the uncertainty's calibration, and error against lesion volume."""

from pathlib import Path

from gliofill.contrasts import Task
from gliofill.evaluation.figures.calibration import draw_calibration
from gliofill.evaluation.figures.lesion_volume import draw_lesion_volume, lesion_points
from gliofill.evaluation.figures.panels import draw_panels
from gliofill.evaluation.figures.scores import draw_scores
from gliofill.evaluation.figures.tables import has_rows
from gliofill.evaluation.figures.trials import draw_trials

__all__ = ["draw_all", "draw_calibration", "draw_lesion_volume", "draw_panels", "draw_scores", "draw_trials"]


def draw_all(evaluation_dir: Path, out: Path, *, task: Task, trials: Path | None = None) -> list[Path]:
    """Draw every figure that the files at hand allow.

    Left out are figures whose file is not there, the calibration where no model is calibrated, and the lesion's volume
    where no patient has a lesion.

    Parameters
    ----------
    evaluation_dir
        Evaluation of one task: ``panels.npz``, ``metrics.tsv``, ``calibration.tsv``, any of them.
    out
        Folder of the figures.
    task
        What is drawn.
    trials
        Table of the hyperparameter study; no such figure if None.

    Returns
    -------
    list of Path
        The PNGs; an SVG and a table of the plotted numbers lie beside each.

    Raises
    ------
    GliofillError
        If a file is damaged, lacks a column, or has nothing to draw.
    """
    panels, metrics, calibration = (evaluation_dir / name for name in ("panels.npz", "metrics.tsv", "calibration.tsv"))
    drawn = []
    if trials is not None:
        drawn.append(draw_trials(trials, out, task=task))
    if panels.is_file():
        drawn.append(draw_panels(panels, out, task=task))
    if metrics.is_file():
        drawn.append(draw_scores(metrics, out, task=task))
        if not lesion_points(metrics, task).empty:
            drawn.append(draw_lesion_volume(metrics, out, task=task))
    if calibration.is_file() and has_rows(calibration, task):
        drawn.append(draw_calibration(calibration, out, task=task))
    return drawn
