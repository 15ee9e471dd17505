"""From an acquired source volume to the synthetic volume of another contrast."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from gliofill.derivatives.imputation_record import DomainScore, SourceDomain
from gliofill.errors import GliofillError
from gliofill.files.nifti import is_same_grid, read_image
from gliofill.learning.models.appearance import Appearance
from gliofill.learning.models.folder import Model
from gliofill.learning.networks.inference import predict_slices, select_device
from gliofill.learning.volumes.framing import Crop, Scale

__all__ = ["predict_volume", "select_device"]


@dataclass(frozen=True)
class Synthesis:
    """A synthetic volume and how far the truth may lie from it.

    Attributes
    ----------
    image
        Shape (I, J, K), float32: intensities on the scale of the model's training targets; 0 outside the brain.
    uncertainty
        Same shape and scale: half-width of the interval around `image` that held the acquired intensity in the share
        of voxels that ``model.json`` states; None if the model was never calibrated.
    """

    image: NDArray[np.float32]
    uncertainty: NDArray[np.float32] | None


@dataclass(frozen=True)
class Source:
    """A preprocessed source contrast, as it goes into a model.

    Attributes
    ----------
    data
        Shape (I, J, K).
    brain
        Same shape.
    affine
        Voxel indices to RAS millimetres.
    """

    data: NDArray[np.float32]
    brain: NDArray[np.bool_]
    affine: NDArray[np.float64]

    @classmethod
    def read(cls, image: Path, brain_mask: Path) -> "Source":
        """Read a contrast and the brain mask of its session.

        Raises
        ------
        GliofillError
            If one cannot be read, or they are not on one grid.
        """
        data, affine = read_image(image)
        brain, brain_affine = read_image(brain_mask)
        if not is_same_grid(data.shape, affine, brain.shape, brain_affine):
            raise GliofillError(f"{image}: does not share the grid of the session's brain mask; preprocess again")
        return cls(data, brain > 0.5, affine)


def judge_source(model: Model, source: Source, acquired_mm: float | None = None) -> SourceDomain:
    """Tell whether a source image is like those that the model was trained on.

    Parameters
    ----------
    model
        From `gliofill.learning.models.folder.load_model`.
    source
        The image.
    acquired_mm
        Longest voxel edge of the acquired image; None if it is not known.
    """
    if model.domain is None:
        return SourceDomain(known=False, problems=(), scores={})
    scores = model.domain.scores(Appearance.of(source.data, source.brain, source.affine, acquired_mm=acquired_mm))
    problems = (
        f"The source {model.task.source} lies outside the model's training data: its {score.sentence}"
        for score in scores
        if score.is_outside
    )
    rounded = {
        score.name: DomainScore(*(float(f"{number:.5g}") for number in (score.value, score.low, score.high)))
        for score in scores
    }
    return SourceDomain(known=True, problems=tuple(problems), scores=rounded)


def predict_volume(
    model: Model,
    source: Source,
    *,
    device: torch.device,
    batch_size: int = 8,
    flip_average: bool = True,
    precision: str = "auto",
) -> Synthesis:
    """Synthesise the target contrast of a model.

    Parameters
    ----------
    model
        From `gliofill.learning.models.folder.load_model`.
    source
        Preprocessed source contrast on the template grid. Every axial slice (third axis) with a brain voxel is
        translated.
    device
        From `select_device`.
    batch_size, flip_average, precision
        See `gliofill.learning.networks.inference.predict_slices`.

    Raises
    ------
    GliofillError
        If the shapes differ, the brain is empty, or the source is not finite or constant inside it.
    """
    data, brain = source.data, source.brain
    if data.ndim != 3 or data.shape != brain.shape:
        raise GliofillError(
            f"the source has shape {data.shape} and the brain mask {brain.shape}; one 3-D grid is needed"
        )
    scale = Scale.of(data, brain)
    crop = Crop.around(brain, model.training.crop_minimum)
    unit = crop.cut(np.where(brain, scale.to_unit(data), 0))
    predicted = predict_slices(
        model.networks,
        unit,
        device=device,
        batch_size=batch_size,
        flip_average=flip_average,
        precision=precision,
    )
    if not np.isfinite(predicted.mean).all():
        raise GliofillError(f"{model.model_id}: predicted values that are not finite; its weights are unusable")
    image = np.where(brain, model.output_scale.from_unit(crop.place(predicted.mean)), 0).astype(np.float32)
    if model.calibration is None:
        return Synthesis(image, None)
    gain = model.output_scale.high - model.output_scale.low
    half_width = crop.place(model.calibration.half_width(predicted.spread)) * gain
    return Synthesis(image, np.where(brain, half_width, 0).astype(np.float32))
