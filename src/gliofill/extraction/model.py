"""A trained brain extraction as a folder: ``weights.safetensors``, ``model.json`` and ``MODEL_CARD.md``."""

import importlib.metadata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema

from gliofill.errors import GliofillError
from gliofill.extraction.network import REACH_MM, BrainNetwork
from gliofill.files.atomic import read_json, write_json, write_text
from gliofill.learning.networks.weights import load_weights, write_weights
from gliofill.simulation.heads.head import SPACING_MM

FORMAT_VERSION = 1
KIND = "brain-extraction"
WEIGHTS, METADATA, CARD = "weights.safetensors", "model.json", "MODEL_CARD.md"

#: the model in the package
EMBEDDED = Path(__file__).parent / KIND

_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "required": ["kind", "format_version", "model_id", "network", "weights_sha256", "training"],
    "properties": {
        "kind": {"const": KIND},
        "format_version": {"const": FORMAT_VERSION},
        "model_id": {"type": "string", "pattern": "^[A-Za-z0-9_-]+$"},
        "weights_sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
        "network": {
            "type": "object",
            "required": ["widths", "spacing_mm", "reach_mm"],
            "properties": {
                "widths": {
                    "type": "array",
                    "items": {"type": "integer", "minimum": 1, "maximum": 512},
                    "minItems": 1,
                    "maxItems": 6,
                },
                "spacing_mm": {"const": SPACING_MM},
                "reach_mm": {"const": REACH_MM},
            },
        },
        "training": {
            "type": "object",
            "required": ["images", "seed"],
            "properties": {
                "images": {"type": "integer", "minimum": 0},
                "seed": {"type": "integer", "minimum": 0},
            },
        },
    },
}


def save_model(folder: Path, network: BrainNetwork, *, training: Mapping[str, Any]) -> None:
    """Write a model folder; ``model.json``, which vouches for the weights, is written after them.

    Parameters
    ----------
    folder
        Where to.
    network
        Its weights are kept in float16.
    training
        ``images`` it was trained on, ``seed``, and what else is worth telling; ``note`` is for the model card.
    """
    checksum = write_weights(folder / WEIGHTS, network.state_dict(), half=True)
    metadata = {
        "kind": KIND,
        "format_version": FORMAT_VERSION,
        "model_id": f"{KIND}-{checksum[:8]}",
        "network": {"widths": list(network.widths), "spacing_mm": SPACING_MM, "reach_mm": REACH_MM},
        "training": dict(training),
        "software": {name: importlib.metadata.version(name) for name in ("gliofill", "torch")},
        "weights_sha256": checksum,
    }
    write_json(folder / METADATA, metadata)
    write_text(folder / CARD, _card(metadata))


def model_id(folder: Path) -> str:
    """Return the identifier of a model."""
    return str(read_json(folder / METADATA)["model_id"])


def load_model(folder: Path) -> BrainNetwork:
    """Read a model folder.

    Returns
    -------
    BrainNetwork
        In evaluation mode.

    Raises
    ------
    GliofillError
        If a file is missing or damaged, or the model is for something else.
    """
    path = folder / METADATA
    if not path.is_file():
        raise GliofillError(f"{folder}: is not a model folder, there is no {METADATA}")
    metadata = read_json(path)
    error = jsonschema.exceptions.best_match(jsonschema.Draft202012Validator(_SCHEMA).iter_errors(metadata))
    if error is not None:
        key = ".".join(str(part) for part in error.absolute_path) or "the file"
        raise GliofillError(f"{path}: is not a brain-extraction model that this gliofill reads: {key}: {error.message}")
    network = BrainNetwork(metadata["network"]["widths"])
    load_weights(folder / WEIGHTS, network, checksum=metadata["weights_sha256"], metadata=METADATA)
    return network.eval()


def _card(metadata: Mapping[str, Any]) -> str:
    training = metadata["training"]
    note = f"\n{training['note']}\n" if training.get("note") else ""
    return f"""# {metadata["model_id"]}

A network that finds the brain in MR images of the head: T1w with and without gadolinium, T2w, FLAIR.

## Intended use

Brain masks for research on images of adults, before registration and resampling (`preprocess.brain_mask: network`).
Not for diagnosis or treatment. Look at the masks.

## Training

It saw **generated heads only**, {training["images"]:,} images (seed {training["seed"]}): brains deformed from the
tissue maps of the ICBM 2009a template, with procedurally grown CSF, meninges, skull, scalp, face and lesions,
painted with realistic or random intensities, with bias, noise, thick slices, cut fields of view and lost faces. No
image of a patient was used. The idea is that of SynthSeg (Billot et al., Med Image Anal 2023) and SynthStrip
(Hoopes et al., NeuroImage 2022); the code is in `gliofill.extraction`, and `gliofill train-brain` trains it again.
{note}
The mask is tissue with the sulci narrower than 10 mm; the CSF over the gyri is left out, tumours and resection
cavities up to the dura are kept, and the brain stem ends at the foramen magnum.

## Limits

Children, other modalities and images of parts of the head were not tried. What was measured stands in
`docs/preprocessing.md`.

## Source and file

Grown from the ICBM 2009a template, Copyright (C) 1993-2004 Louis Collins, McConnell Brain Imaging Centre.
`weights.safetensors`, SHA-256 `{metadata["weights_sha256"]}`
"""
