"""One session of an audit: the target hidden, imputed as a missing one would be, and then compared with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gliofill.config.settings import ImputeSettings
from gliofill.derivatives.acquired import acquired_spacing_mm
from gliofill.derivatives.imputation_record import SourceDomain
from gliofill.evaluation.baselines import Baselines
from gliofill.evaluation.panels import Panel
from gliofill.evaluation.scoring import Predicted, Score, score_session
from gliofill.evaluation.trained_models import on_unit_scale
from gliofill.learning.models.appearance import Appearance
from gliofill.learning.models.folder import Model
from gliofill.learning.volumes.cases import Case, Volume, load_case
from gliofill.synthesis.volume import Source, Synthesis, judge_source, predict_volume, select_device

#: the method of the tables that is the configured model
MODEL = "model"

Voxels = tuple[NDArray[np.float16], NDArray[np.float16]]


@dataclass(frozen=True)
class Audited:
    """What one session showed.

    Attributes
    ----------
    scores
        Of the baselines and the model, in the order of the tables.
    scale_ratio
        Range of the model's output scale over the range of the acquired target: what the fixed scale hides.
    seen
        ``training``, ``perhaps``, ``calibration`` or ``no``: what the model knows of this participant.
    domain
        As `gliofill.synthesis.volume.judge_source`.
    panel
        One slice, to be drawn.
    """

    scores: Sequence[Score]
    scale_ratio: float
    seen: str
    domain: SourceDomain
    panel: Panel


def audit_session(
    case: Case, model: Model, settings: ImputeSettings, others: Sequence[Voxels], *, root: Path, threads: int = 1
) -> Audited:
    """Impute the target of a complete session without looking at it, then measure how near it comes.

    Parameters
    ----------
    case
        The session.
    model, settings
        As they fill gaps of the cohort.
    others
        Voxels of other participants' sessions, for the baselines that are fitted; may be empty.
    root
        Output folder of the preprocessing.
    threads
        Methods scored at a time.

    Raises
    ------
    GliofillError
        If a file cannot be read or the model cannot be used on it.
    """
    source = Source.read(case.source, case.brain)
    synthesis = hide_and_impute(source, model, settings)
    # only from here on the target is read
    volume = load_case(case, crop_minimum=model.training.crop_minimum)
    predictions = {**_baselines(volume, others), MODEL: on_unit_scale(synthesis, model.output_scale, volume)}
    scores = score_session(volume, predictions, task=model.task.name, fold=0, threads=threads)
    scale = volume.target_scale
    return Audited(
        scores,
        (model.output_scale.high - model.output_scale.low) / (scale.high - scale.low),
        _seen(case, source, model),
        judge_source(model, source, acquired_spacing_mm(root, case.source.relative_to(root).as_posix())),
        Panel.of(volume, predictions[MODEL], scores[-1].ssim),
    )


def hide_and_impute(source: Source, model: Model, settings: ImputeSettings) -> Synthesis:
    """Return what `gliofill.synthesis.gap.fill` would write for this source."""
    return predict_volume(
        model,
        source,
        device=select_device(settings.device),
        batch_size=settings.batch_size,
        flip_average=settings.flip_average,
    )


def _baselines(volume: Volume, others: Sequence[Voxels]) -> dict[str, Predicted]:
    if others:
        images = Baselines.of_samples(others).predict(volume.source)
        return {method: Predicted(image) for method, image in images.items()}
    unit = volume.source.astype(np.float32)
    return {"input": Predicted(unit), "zeros": Predicted(np.zeros_like(unit))}


def _seen(case: Case, source: Source, model: Model) -> str:
    """Tell whether the model knows this participant; another cohort may use the same labels."""
    if case.participant not in model.training.participants:
        return "calibration" if case.participant in model.calibrated_on else "no"
    if model.domain is None:
        return "perhaps"
    image = Appearance.of(source.data, source.brain, source.affine)
    return "training" if model.domain.has_image(case.participant, image) else "perhaps"
