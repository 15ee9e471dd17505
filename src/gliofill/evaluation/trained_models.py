"""The trained models of an experiment: where they are, whether they may be tested, and what they predict."""

import re
from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np

from gliofill.contrasts import Task
from gliofill.errors import GliofillError
from gliofill.evaluation.baselines import BASELINES
from gliofill.evaluation.scoring import Predicted
from gliofill.learning.models.folder import METADATA, Model, load_model
from gliofill.learning.volumes.cases import Volume
from gliofill.learning.volumes.framing import Scale
from gliofill.synthesis.volume import Source, Synthesis, predict_volume, select_device


def find_models(root: Path) -> dict[int, dict[str, Path]]:
    """Find the model folders ``fold-{number}/{label}`` of one task.

    Returns
    -------
    dict
        By fold, then by label.

    Raises
    ------
    GliofillError
        If there is none, or a label is the name of a baseline.
    """
    found: dict[int, dict[str, Path]] = {}
    for path in sorted(root.glob(f"fold-*/*/{METADATA}")):
        label, fold = path.parent.name, re.fullmatch(r"fold-(\d+)", path.parent.parent.name)
        if label in BASELINES:
            raise GliofillError(f"{path.parent}: a model cannot be called {label}, which is a method of the tables")
        if fold:
            found.setdefault(int(fold[1]), {})[label] = path.parent
    if not found:
        raise GliofillError(f"{root}: there is no model fold-1/LABEL/{METADATA}; run 'gliofill train' first")
    return dict(sorted(found.items()))


def load_tested(folders: Mapping[str, Path], task: Task, tested: Collection[str]) -> dict[str, Model]:
    """Load the models of one fold.

    Parameters
    ----------
    folders
        By label.
    task
        What they must be for.
    tested
        Labels, without ``sub-``, of those that the fold tests.

    Raises
    ------
    GliofillError
        If a model cannot be used, or has seen someone that it would be tested on.
    """
    models = {label: load_model(folder, task) for label, folder in folders.items()}
    for label, model in models.items():
        for seen, what in ((set(model.training.participants), "trained"), (model.calibrated_on, "calibrated")):
            if leaked := sorted(seen & set(tested)):
                raise GliofillError(
                    f"{folders[label]}: was {what} on {', '.join(leaked)}, whom the split tests: the scores would be "
                    "too good; train again with this split"
                )
    return models


def predict_session(model: Model, source: Source, volume: Volume, *, device: str = "auto") -> Predicted:
    """Predict one session as imputation does, from the preprocessed image itself.

    The volumes of training hold the source in float16. In bfloat16 that rounding alone moves voxels by 0.002 of the
    range, so the scores would not be those of the image that a user gets.

    Parameters
    ----------
    model
        From `load_tested`.
    source
        The image to translate.
    volume
        The same session, with any crop: that of the result.
    device
        ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.

    Raises
    ------
    GliofillError
        If the source cannot be translated, or a predicted value is not finite.
    """
    synthesis = predict_volume(model, source, device=select_device(device))
    return on_unit_scale(synthesis, model.output_scale, volume)


def on_unit_scale(synthesis: Synthesis, output: Scale, volume: Volume) -> Predicted:
    """Return an imputed image on the evaluation's [0, 1] scale, on the crop of `volume`.

    The model's 0 and 1 are those of its training targets, the acquired target's are its own percentiles, as in
    training: what differs between these two scales is not an error here.
    """
    gain = output.high - output.low
    image = volume.crop.cut((synthesis.image - np.float32(output.low)) / np.float32(gain))
    if synthesis.uncertainty is None:
        return Predicted(image)
    return Predicted(image, volume.crop.cut(synthesis.uncertainty / np.float32(gain)))
