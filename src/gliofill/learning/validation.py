"""A model on held-out sessions, beside the floors that it has to beat."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gliofill.learning.checkpoint import Model
from gliofill.learning.inference import predict_slices
from gliofill.learning.volumes import Case, Volume, load_case
from gliofill.quality.similarity import brain_mae, brain_ssim


@dataclass(frozen=True)
class Score:
    """How near one method comes to the acquired target of one session.

    Attributes
    ----------
    session
        Folder of the session.
    method
        ``model``, ``copy of the input``, ``linear mapping`` (fitted on the training volumes) or ``all zeros``.
    ssim, lesion_ssim
        Mean of the SSIM map inside the brain and inside the lesion; higher is better.
    mae, lesion_mae
        Mean absolute error there, on the [0, 1] scale; lower is better. None where there is no lesion.
    """

    session: str
    method: str
    ssim: float
    mae: float
    lesion_ssim: float | None
    lesion_mae: float | None


def evaluate_cases(
    model: Model,
    cases: Sequence[Case],
    *,
    device: torch.device,
    flip_average: bool = True,
    precision: str = "auto",
    progress: Callable[[int, int], None] | None = None,
) -> list[Score]:
    """Compare a model and three floors with the acquired targets.

    All intensities are in [0, 1], source and target each by its own volume's scale, and 0 outside the brain.

    Returns
    -------
    list of Score
        Four for each case: ``model`` first.
    """
    scores: list[Score] = []
    for done, case in enumerate(cases):
        volume = load_case(case, crop_minimum=model.training.crop_minimum)
        predicted = predict_slices(
            model.network, volume.source, device=device, flip_average=flip_average, precision=precision
        )
        scores += _compare(volume, {"model": predicted, **_floors(model, volume)})
        if progress is not None:
            progress(done + 1, len(cases))
    return scores


def _floors(model: Model, volume: Volume) -> dict[str, NDArray[np.floating]]:
    return {
        "copy of the input": volume.source,
        "linear mapping": model.training.linear(volume.source.astype(np.float32)),
        "all zeros": np.zeros_like(volume.source),
    }


def _compare(volume: Volume, images: dict[str, NDArray[np.floating]]) -> Iterator[Score]:
    has_lesion = bool(volume.lesion.any())
    for method, image in images.items():
        prediction = np.where(volume.brain, image, 0)
        yield Score(
            volume.case.folder,
            method,
            ssim=brain_ssim(prediction, volume.target, volume.brain),
            mae=brain_mae(prediction, volume.target, volume.brain),
            lesion_ssim=brain_ssim(prediction, volume.target, volume.lesion) if has_lesion else None,
            lesion_mae=brain_mae(prediction, volume.target, volume.lesion) if has_lesion else None,
        )


def mean_scores(scores: Iterable[Score]) -> dict[str, dict[str, Any]]:
    """Return the mean SSIM and MAE inside the brain by method.

    Examples
    --------
    >>> mean_scores([Score("sub-01", "model", 0.5, 0.25, None, None), Score("sub-02", "model", 1.0, 0.75, None, None)])
    {'model': {'ssim': 0.75, 'mae': 0.5}}
    """
    methods: dict[str, list[Score]] = {}
    for score in scores:
        methods.setdefault(score.method, []).append(score)
    return {
        method: {key: float(np.mean([getattr(score, key) for score in own])) for key in ("ssim", "mae")}
        for method, own in methods.items()
    }
