"""One test session and all methods: how near each comes to the acquired target."""

import math
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gliofill.contrasts import Contrast, find_task
from gliofill.evaluation.baselines import BASELINES
from gliofill.files.nifti import is_same_grid, read_image
from gliofill.learning.volumes.cases import Volume
from gliofill.metrics import fidelity
from gliofill.metrics.similarity import brain_mae, brain_ssim
from gliofill.template import template_affine, white_matter_map

#: networks that stand first in tables, from the one with fewest loss terms
LEADING_LABELS = ("l1", "nolesion", "lesion")

#: voxels of the template are white matter above this probability
WHITE_MATTER = 0.9


@dataclass(frozen=True)
class Predicted:
    """What one method makes of a source.

    Attributes
    ----------
    image
        Shape (K, H, W), on the [0, 1] scale; what is outside the brain does not count.
    half_width
        Same shape and scale: of the calibrated interval around it; None for methods without one.
    """

    image: NDArray[np.floating]
    half_width: NDArray[np.floating] | None = None


@dataclass(frozen=True)
class Score:
    """One line of ``metrics.tsv``: one method on one session.

    Attributes
    ----------
    participant_id
        With ``sub-``.
    session
        Folder of the session below the derivatives.
    task, fold, method
        What was predicted, in which fold, and how.
    lesion_ml
        Volume of the lesion inside the brain, millilitres.
    ssim, ssim_lesion, ssim_lesion_masked, psnr_db, mae, mae_lesion, nmse, gmsd, interslice, interslice_error
        See `gliofill.evaluation.metrics.METRICS`. NaN where a measure does not exist.
    contrast_error, lesion_bias, enhancement_left, coverage, half_width
        As well.
    """

    participant_id: str
    session: str
    task: str
    fold: int
    method: str
    lesion_ml: float
    ssim: float
    ssim_lesion: float
    ssim_lesion_masked: float
    psnr_db: float
    mae: float
    mae_lesion: float
    nmse: float
    gmsd: float
    interslice: float
    interslice_error: float
    contrast_error: float
    lesion_bias: float
    enhancement_left: float
    coverage: float
    half_width: float


def method_order(methods: Iterable[str]) -> list[str]:
    """Return methods in the order of the tables: the baselines, then networks.

    Examples
    --------
    >>> method_order(["paper", "lesion", "best", "l1", "linear", "input"])
    ['input', 'linear', 'l1', 'lesion', 'best', 'paper']
    """
    known = set(methods)
    leading = [method for method in (*BASELINES, *LEADING_LABELS) if method in known]
    return [*leading, *sorted(known - set(leading))]


def score_session(
    volume: Volume, predictions: Mapping[str, Predicted], *, task: str, fold: int, threads: int = 1
) -> list[Score]:
    """Compare the predictions of every method with the acquired target of one session.

    Parameters
    ----------
    volume
        The session.
    predictions
        By method.
    task, fold
        For the table.
    threads
        Methods scored at a time.

    Returns
    -------
    list of Score
        In the order of `predictions`.

    Raises
    ------
    GliofillError
        If the session's brain mask can no longer be read.
    """
    _, affine = read_image(volume.case.brain)
    lesion = volume.lesion & volume.brain
    identity = (f"sub-{volume.case.participant}", volume.case.folder, task, fold)
    lesion_ml = float(lesion.sum() * abs(np.linalg.det(affine[:3, :3])) / 1000)
    white_matter = _healthy_white_matter(volume, affine)
    compare = partial(
        _compare,
        volume=volume,
        lesion=lesion,
        white_matter=white_matter,
        removes_enhancement=find_task(task).target is Contrast.T1W,
    )
    with ThreadPoolExecutor(threads) as pool:
        measured = list(pool.map(compare, predictions.values()))
    return [Score(*identity, method, lesion_ml, **values) for method, values in zip(predictions, measured, strict=True)]


def _compare(
    predicted: Predicted,
    *,
    volume: Volume,
    lesion: NDArray[np.bool_],
    white_matter: NDArray[np.bool_],
    removes_enhancement: bool,
) -> dict[str, Any]:
    prediction = np.where(volume.brain, predicted.image, 0).astype(np.float32)
    pair = prediction, volume.target.astype(np.float32)
    return {
        "ssim": brain_ssim(*pair, volume.brain),
        "psnr_db": fidelity.psnr_db(*pair, volume.brain),
        "mae": brain_mae(*pair, volume.brain),
        "nmse": fidelity.nmse(*pair, volume.brain),
        "gmsd": fidelity.gradient_deviation(*pair, volume.brain),
        "interslice": fidelity.slice_roughness(*pair, volume.brain),
        "interslice_error": fidelity.slice_step_error(*pair, volume.brain),
        "enhancement_left": fidelity.enhancement_left(prediction, volume.source, pair[1], volume.brain)
        if removes_enhancement
        else math.nan,
        **_compare_lesion(*pair, lesion=lesion, white_matter=white_matter),
        **_judge_interval(predicted, volume),
    }


def _compare_lesion(
    prediction: NDArray[np.float32],
    target: NDArray[np.float32],
    *,
    lesion: NDArray[np.bool_],
    white_matter: NDArray[np.bool_],
) -> dict[str, float]:
    names = ("ssim_lesion", "ssim_lesion_masked", "mae_lesion", "contrast_error", "lesion_bias")
    if not lesion.any():
        return dict.fromkeys(names, math.nan)
    contrasts = [
        fidelity.lesion_contrast(image, lesion, white_matter) if white_matter.any() else math.nan
        for image in (prediction, target)
    ]
    values = (
        brain_ssim(prediction, target, lesion),
        fidelity.masked_ssim(prediction, target, lesion),
        brain_mae(prediction, target, lesion),
        abs(contrasts[0] - contrasts[1]),
        fidelity.mean_bias(prediction, target, lesion),
    )
    return dict(zip(names, values, strict=True))


def _judge_interval(predicted: Predicted, volume: Volume) -> dict[str, float]:
    if predicted.half_width is None:
        return {"coverage": math.nan, "half_width": math.nan}
    half_width = predicted.half_width[volume.brain].astype(np.float64)
    return {
        "coverage": float(np.mean(absolute_error(predicted, volume) <= half_width)),
        "half_width": half_width.mean(),
    }


def absolute_error(predicted: Predicted, volume: Volume) -> NDArray[np.float64]:
    """Return the absolute error of each brain voxel, shape (N,)."""
    return np.abs(predicted.image[volume.brain].astype(np.float64) - volume.target[volume.brain])


def _healthy_white_matter(volume: Volume, affine: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return the template's white matter inside the brain and outside the lesion; empty on another grid."""
    white = white_matter_map()
    if not is_same_grid(volume.crop.grid, affine, white.shape, template_affine()):
        return np.zeros_like(volume.brain)
    return volume.crop.cut(white > WHITE_MATTER) & volume.brain & ~volume.lesion
