"""From an acquired source volume to the synthetic volume of another contrast."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from gliofill.errors import GliofillError
from gliofill.learning.checkpoint import Model
from gliofill.learning.framing import Crop, Scale
from gliofill.learning.inference import predict_slices, select_device

__all__ = ["predict_volume", "select_device"]


def predict_volume(
    model: Model,
    source: NDArray[np.floating],
    brain: NDArray[np.bool_],
    *,
    device: torch.device,
    batch_size: int = 8,
    flip_average: bool = True,
    precision: str = "auto",
    progress: Callable[[int, int], None] | None = None,
) -> NDArray[np.float32]:
    """Synthesise the target contrast of a model.

    Parameters
    ----------
    model
        From `gliofill.learning.checkpoint.load_model`.
    source
        Preprocessed source contrast on the template grid, shape (I, J, K).
    brain
        Brain mask, same shape. Every axial slice (third axis) with a brain voxel is translated.
    device
        From `select_device`.
    batch_size, flip_average, precision, progress
        See `gliofill.learning.inference.predict_slices`.

    Returns
    -------
    ndarray, shape (I, J, K), float32
        Intensities on the scale of the model's training targets; 0 outside the brain.

    Raises
    ------
    GliofillError
        If the shapes differ, the brain is empty, or the source is not finite or constant inside it.
    """
    brain = np.asarray(brain, dtype=bool)
    if source.ndim != 3 or source.shape != brain.shape:
        raise GliofillError(
            f"the source has shape {source.shape} and the brain mask {brain.shape}; one 3-D grid is needed"
        )
    scale = Scale.of(source, brain)
    crop = Crop.around(brain, model.training.crop_minimum)
    unit = crop.cut(np.where(brain, scale.to_unit(source), 0))
    predicted = predict_slices(
        model.network,
        unit,
        device=device,
        batch_size=batch_size,
        flip_average=flip_average,
        precision=precision,
        progress=progress,
    )
    if not np.isfinite(predicted).all():
        raise GliofillError(f"{model.model_id}: predicted values that are not finite; its weights are unusable")
    return np.where(brain, model.output_scale.from_unit(crop.place(predicted)), 0).astype(np.float32)
