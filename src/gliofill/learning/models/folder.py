"""A trained model as a folder: ``weights.safetensors``, ``model.json`` and ``MODEL_CARD.md``. Never a pickle."""

import importlib.metadata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import jsonschema
import numpy as np
from torch import nn

from gliofill.config.recipe import Recipe, largest
from gliofill.contrasts import TASKS, Task, find_task
from gliofill.errors import GliofillError
from gliofill.files.atomic import read_json, write_json, write_text
from gliofill.learning.models.calibration import Calibration
from gliofill.learning.models.card import render_card
from gliofill.learning.models.domain import Domain
from gliofill.learning.models.score import Score
from gliofill.learning.networks.generator import Generator
from gliofill.learning.networks.weights import load_weights, write_weights
from gliofill.learning.volumes.cases import Volume
from gliofill.learning.volumes.framing import CROP_STEP, PERCENTILES, Scale
from gliofill.metrics.similarity import LinearMapping, fit_linear

FORMAT_VERSION = 2
WEIGHTS, METADATA, CARD = "weights.safetensors", "model.json", "MODEL_CARD.md"

#: arguments of the generator that stand in the metadata
NETWORK_KEYS = ("width", "blocks", "upsampling", "context", "residual")

_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "required": [
        "model_id",
        "task",
        "network",
        "intensity",
        "crop",
        "training_data",
        "weights_sha256",
        "demonstration",
        "validation",
        "uncertainty",
        "recipe",
    ],
    "properties": {
        "model_id": {"type": "string", "pattern": "^[A-Za-z0-9_-]+$"},
        "task": {"enum": [task.name for task in TASKS]},
        "demonstration": {"type": "boolean"},
        "weights_sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
        "network": {
            "type": "object",
            "required": [*NETWORK_KEYS, "members"],
            "properties": {
                "members": {"type": "integer", "minimum": 1, "maximum": largest("ensemble")},
                "context": {"type": "integer", "minimum": 0, "maximum": largest("context_slices")},
                "residual": {"type": "boolean"},
                "width": {"type": "integer", "minimum": 1, "maximum": largest("generator_width")},
                "blocks": {"type": "integer", "minimum": 0, "maximum": largest("generator_blocks")},
                "upsampling": {"enum": ["transposed", "resize"]},
            },
        },
        "intensity": {
            "type": "object",
            "required": ["percentiles", "output_scale", "linear_mapping"],
            "properties": {
                "percentiles": {"const": list(PERCENTILES)},
                "output_scale": {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
                "linear_mapping": {
                    "type": "object",
                    "required": ["slope", "intercept"],
                    "properties": {"slope": {"type": "number"}, "intercept": {"type": "number"}},
                },
            },
        },
        "crop": {
            "type": "object",
            "required": ["minimum"],
            "properties": {
                "minimum": {
                    "type": "array",
                    "items": {"type": "integer", "minimum": CROP_STEP, "maximum": 1024, "multipleOf": CROP_STEP},
                    "minItems": 2,
                    "maxItems": 2,
                }
            },
        },
        "uncertainty": {
            "type": ["object", "null"],
            "required": ["coverage", "factor", "floor", "cases"],
            "properties": {
                "coverage": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
                "factor": {"type": "number", "minimum": 0},
                "floor": {"type": "number", "minimum": 0},
                "cases": {"type": "integer", "minimum": 1},
            },
        },
        "training_data": {
            "type": "object",
            "required": ["participants", "sessions"],
            "properties": {key: {"type": "array", "items": {"type": "string"}} for key in ("participants", "sessions")},
        },
        "domain": {"type": ["object", "null"]},
        "validation": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["session"],
                "properties": {"session": {"type": "string"}},
            },
        },
        "recipe": {"type": "object", "required": ["seed"], "properties": {"seed": {"type": "integer"}}},
        "attribution": {"type": "array", "items": {"type": "string"}},
    },
}


@dataclass(frozen=True)
class TrainingData:
    """What a model must remember of the volumes it was trained on.

    Attributes
    ----------
    output_scale
        Median scale of the targets: at inference the target's own does not exist.
    crop_minimum
        Smallest in-plane crop, (i, j) voxels.
    linear
        Least-squares line from source to target intensities, the baseline to compare with.
    participants, sessions
        Labels of the participants, and folders of the sessions.
    """

    output_scale: Scale
    crop_minimum: tuple[int, int]
    linear: LinearMapping
    participants: tuple[str, ...]
    sessions: tuple[str, ...]

    @classmethod
    def of(cls, volumes: Sequence[Volume]) -> Self:
        """Summarise volumes that share one in-plane crop."""
        scales = np.array([(volume.target_scale.low, volume.target_scale.high) for volume in volumes])
        low, high = np.median(scales, axis=0)
        height, width, _ = volumes[0].crop.shape
        return cls(
            output_scale=Scale(float(low), float(high)),
            crop_minimum=(height, width),
            linear=fit_linear(*zip(*((v.source, v.target, v.brain) for v in volumes), strict=True)),
            participants=tuple(sorted({volume.case.participant for volume in volumes})),
            sessions=tuple(volume.case.folder for volume in volumes),
        )


@dataclass(frozen=True)
class Model:
    """A trained model, ready to predict.

    Attributes
    ----------
    networks
        The generator, or several of an ensemble; float32, in evaluation mode.
    task
        What it translates.
    training
        What it remembers of its training volumes.
    model_id
        Task, recipe and the first digits of the checksum.
    sha256
        Checksum of the weights file.
    is_demonstration
        Whether the model shows what the program does, and is not meant for research.
    seed
        Of its training.
    attribution
        Licences and citations that the training data ask for.
    calibrated_on
        Labels of the participants on whom it was scored and calibrated.
    calibration
        What turns the spread of the networks into an interval; None if it was never measured.
    domain
        What its training images looked like; None if that is not known.
    """

    networks: Sequence[Generator]
    task: Task
    training: TrainingData
    model_id: str
    sha256: str
    is_demonstration: bool
    seed: int
    attribution: tuple[str, ...] = ()
    calibrated_on: frozenset[str] = frozenset()
    calibration: Calibration | None = None
    domain: Domain | None = None

    @property
    def output_scale(self) -> Scale:
        """Intensities that the network's 0 and 1 stand for."""
        return self.training.output_scale


def save_model(
    folder: Path,
    networks: Sequence[Generator],
    *,
    task: Task,
    recipe: Recipe,
    training: TrainingData,
    domain: Domain | None = None,
) -> Path:
    """Write a model folder; ``model.json``, which vouches for the weights, is written after them.

    Returns
    -------
    Path
        `folder`.
    """
    tensors = {
        f"{member}.{name}": value
        for member, network in enumerate(networks)
        for name, value in network.state_dict().items()
    }
    checksum = write_weights(folder / WEIGHTS, tensors, half=recipe.save_half)
    metadata = {
        "format_version": FORMAT_VERSION,
        "model_id": f"{task.name}-{recipe.name}-{checksum[:8]}",
        "task": task.name,
        "demonstration": recipe.demonstration,
        "network": {**{key: getattr(networks[0], key) for key in NETWORK_KEYS}, "members": len(networks)},
        "intensity": {
            "percentiles": list(PERCENTILES),
            "output_scale": [training.output_scale.low, training.output_scale.high],
            "linear_mapping": asdict(training.linear),
        },
        "crop": {"minimum": list(training.crop_minimum)},
        "training_data": {"participants": list(training.participants), "sessions": list(training.sessions)},
        "domain": None if domain is None else domain.as_mapping(),
        "validation": [],
        "uncertainty": None,
        "recipe": recipe.as_dict(),
        "software": {name: importlib.metadata.version(name) for name in ("gliofill", "torch")},
        "weights_sha256": checksum,
    }
    _write_metadata(folder, metadata)
    return folder


def add_scores(folder: Path, scores: Sequence[Score], calibration: Calibration) -> None:
    """Note in a model folder how near the model came on held-out sessions, and how uncertain that makes it."""
    found = {"validation": [asdict(score) for score in scores], "uncertainty": asdict(calibration)}
    _write_metadata(folder, read_json(folder / METADATA) | found)


def note_domain(folder: Path, domain: Domain) -> None:
    """Note in a model folder what its training images looked like."""
    _write_metadata(folder, read_json(folder / METADATA) | {"domain": domain.as_mapping()})


def _write_metadata(folder: Path, metadata: Mapping[str, Any]) -> None:
    """Write ``model.json`` and the model card that states the same facts."""
    write_json(folder / METADATA, metadata)
    write_text(folder / CARD, render_card(metadata))


def load_model(folder: Path, task: Task | None = None) -> Model:
    """Read a model folder.

    Parameters
    ----------
    folder
        Where ``model.json`` and ``weights.safetensors`` are.
    task
        What the model is needed for; not checked if None.

    Raises
    ------
    GliofillError
        If a file is missing or damaged, of another format version, or made for another task.
    """
    path = folder / METADATA
    if not path.is_file():
        raise GliofillError(f"{folder}: is not a model folder, there is no {METADATA}")
    metadata = read_json(path)
    _check_metadata(path, metadata)
    own_task = find_task(metadata["task"])
    if task is not None and own_task != task:
        raise GliofillError(f"{path}: the model is for {own_task.name}, one for {task.name} is needed")
    networks = _load_networks(folder / WEIGHTS, metadata["network"], metadata["weights_sha256"])
    return Model(
        networks=networks,
        task=own_task,
        training=_training_data(metadata),
        model_id=metadata["model_id"],
        sha256=metadata["weights_sha256"],
        is_demonstration=metadata["demonstration"],
        seed=metadata["recipe"]["seed"],
        attribution=tuple(metadata.get("attribution", ())),
        calibrated_on=frozenset(_participant(score["session"]) for score in metadata["validation"]),
        calibration=Calibration(**metadata["uncertainty"]) if metadata["uncertainty"] else None,
        domain=_domain(path, metadata),
    )


def _participant(session: str) -> str:
    return session.split("/")[0].removeprefix("sub-")


def _domain(path: Path, metadata: Mapping[str, Any]) -> Domain | None:
    if metadata.get("domain") is None:
        return None
    try:
        return Domain.from_mapping(metadata["domain"])
    except GliofillError as error:
        raise GliofillError(f"{path}: {error}") from error


def _check_metadata(path: Path, metadata: Mapping[str, Any]) -> None:
    version = metadata.get("format_version")
    if version != FORMAT_VERSION:
        raise GliofillError(f"{path}: format_version is {version}, this gliofill reads {FORMAT_VERSION}")
    error = jsonschema.exceptions.best_match(jsonschema.Draft202012Validator(_SCHEMA).iter_errors(metadata))
    if error is not None:
        key = ".".join(str(part) for part in error.absolute_path) or "the file"
        raise GliofillError(f"{path}: {key}: {error.message[:200]}")
    low, high = metadata["intensity"]["output_scale"]
    if not high > low:
        raise GliofillError(f"{path}: intensity.output_scale: {low}, {high} does not rise")


def _training_data(metadata: Mapping[str, Any]) -> TrainingData:
    height, width = metadata["crop"]["minimum"]
    return TrainingData(
        output_scale=Scale(*(float(value) for value in metadata["intensity"]["output_scale"])),
        crop_minimum=(height, width),
        linear=LinearMapping(**metadata["intensity"]["linear_mapping"]),
        participants=tuple(metadata["training_data"]["participants"]),
        sessions=tuple(metadata["training_data"]["sessions"]),
    )


def _load_networks(path: Path, settings: Mapping[str, Any], checksum: str) -> tuple[Generator, ...]:
    networks = nn.ModuleList(
        Generator(**{key: settings[key] for key in NETWORK_KEYS}) for _ in range(settings["members"])
    )
    load_weights(path, networks, checksum=checksum, metadata=METADATA)
    return tuple(network.eval() for network in networks)  # type: ignore[misc]
