"""A model on held-out sessions, beside the baselines that it has to beat."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gliofill.learning.models.calibration import Calibration
from gliofill.learning.models.folder import Model
from gliofill.learning.models.score import Score
from gliofill.learning.networks.inference import predict_slices
from gliofill.learning.volumes.cases import Volume
from gliofill.metrics.similarity import brain_mae, brain_ssim


def evaluate_volumes(
    model: Model,
    volumes: Sequence[Volume],
    *,
    device: torch.device,
    flip_average: bool = True,
    precision: str = "auto",
) -> tuple[list[Score], Calibration]:
    """Compare a model and three baselines with the acquired targets, and calibrate the model's uncertainty on them.

    All intensities are in [0, 1], source and target each by its own volume's scale, and 0 outside the brain.

    Parameters
    ----------
    model
        From `gliofill.learning.models.folder.load_model`.
    volumes
        Held-out sessions, loaded with the model's crop; at least one.
    device, flip_average, precision
        See `gliofill.learning.networks.inference.predict_slices`.

    Returns
    -------
    list of Score
        Four for each volume: ``model`` first.
    Calibration
        Of intervals around the prediction.
    """
    scores: list[Score] = []
    errors, spreads = [], []
    for volume in volumes:
        predicted = predict_slices(
            model.networks, volume.source, device=device, flip_average=flip_average, precision=precision
        )
        scores += _compare(volume, {"model": predicted.mean, **_floors(model, volume)})
        errors.append(np.abs(predicted.mean - volume.target)[volume.brain])
        spreads.append(predicted.spread[volume.brain])
    return scores, Calibration.fit(errors, spreads)


def watch_scores(watched: Iterable[tuple[Volume, NDArray[np.floating]]]) -> dict[str, float]:
    """Return the mean SSIM over pairs of session and prediction, inside the brain and, where there is one, the lesion.

    Returns
    -------
    dict
        ``ssim``, and ``ssim_lesion`` if a session has a lesion.
    """
    brain, lesion = [], []
    for volume, predicted in watched:
        prediction = np.where(volume.brain, predicted, 0)
        brain.append(brain_ssim(prediction, volume.target, volume.brain))
        if volume.lesion.any():
            lesion.append(brain_ssim(prediction, volume.target, volume.lesion))
    return {"ssim": float(np.mean(brain)), **({"ssim_lesion": float(np.mean(lesion))} if lesion else {})}


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
