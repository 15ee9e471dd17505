"""The picture of an audited session: source, acquired and imputed target, error and uncertainty."""

from pathlib import Path

import numpy as np

from gliofill.contrasts import Task
from gliofill.derivatives import paths
from gliofill.evaluation.figures.panels import draw_slices
from gliofill.evaluation.panels import Panel
from gliofill.evaluation.slices import Slice, Slices


def draw_audited(output_dir: Path, folder: str, panel: Panel, *, task: Task) -> str:
    """Draw one slice of an audited session; returns the picture relative to `output_dir`, its numbers lie beside it."""
    name = paths.audit_panels(folder, task.target)
    width = None if panel.half_width is None else panel.half_width.astype(np.float32)
    shown = Slice(
        rank="",
        name=folder,
        ssim=panel.ssim,
        source=panel.source.astype(np.float32),
        target=panel.target.astype(np.float32),
        prediction=panel.prediction.astype(np.float32),
        half_width=width,
        brain=panel.brain > 0,
        lesion=panel.lesion > 0,
    )
    subject = f"audit, the acquired {task.target} was hidden from the model"
    stem = (output_dir / name).with_suffix("")
    draw_slices(Slices("model", (shown,)), stem, task=task, subject=subject)
    return name


def remove_pictures(output_dir: Path, task: Task) -> None:
    """Remove the pictures of an earlier audit, whose sample may have been another."""
    for path in pictures(output_dir, task):
        path.unlink()


def pictures(output_dir: Path, task: Task) -> list[Path]:
    """Return the pictures of the audit of a task, and what lies beside them."""
    return sorted(output_dir.glob(f"sub-*/figures/*_desc-audit{task.target}_panels.*"))
