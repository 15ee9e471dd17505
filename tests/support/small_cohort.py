"""A cohort whose sessions cost seconds, for tests that run the real commands: one coarse T2w each, FLAIR to be filled.

The images are stripped already, and the network is a tiny one without training; what it paints is of no interest.
"""

import json
from pathlib import Path

import numpy as np
import torch
from nilearn.datasets import load_mni152_template

from gliofill.config.recipe import Recipe
from gliofill.contrasts import find_task
from gliofill.files.atomic import write_json
from gliofill.files.nifti import write_image
from gliofill.learning.models.folder import TrainingData, save_model
from gliofill.learning.networks.generator import Generator
from gliofill.learning.volumes.framing import Scale
from gliofill.metrics.similarity import LinearMapping

SPACING_MM = 5
LENIENT = {"max_pixel_mm": 10.0, "max_spacing_mm": 10.0} | dict.fromkeys(
    ("max_noise", "max_cut", "max_wrap", "max_stripes", "max_slice_drop", "max_saturation"), 1.0
)


def make_cohort(folder: Path, *, sessions: int = 2) -> Path:
    """Write dataset, model and configuration; returns the file of the latter, whose output folder is ``folder/out``."""
    for number in range(1, sessions + 1):
        write_brain(folder / "bids" / f"sub-{number:02}" / "anat" / f"sub-{number:02}_T2w.nii.gz", seed=number)
    write_json(folder / "bids" / "dataset_description.json", {"Name": "generated", "BIDSVersion": "1.10.0"})
    return configure(folder, folder / "out", model=make_model(folder / "model"))


def configure(folder: Path, output: Path, *, model: Path, name: str = "config.json", **more: object) -> Path:
    """Write a configuration for the dataset in a folder."""
    content = {
        "bids_dir": str(folder / "bids"),
        "output_dir": str(output),
        "usability": LENIENT,
        "preprocess": {"brain_mask": "none", "bias_correction": False, "lesion_pattern": ""},
        "impute": {"models": {"T2w-to-FLAIR": str(model), "T1post-to-T1w": "none"}, "flip_average": False},
        "audit": {"sessions": 0},
        "threads": {"coverage": 1, "preprocess": 1, "impute": 1},
    }
    (folder / name).write_text(json.dumps(content | more))
    return folder / name


def make_model(folder: Path) -> Path:
    """Write a model folder with a tiny network."""
    torch.manual_seed(0)
    task = find_task("T2w-to-FLAIR")
    training = TrainingData(Scale(10.0, 510.0), (64, 64), LinearMapping(1.0, 0.0), ("x",), ("sub-x",))
    recipe = Recipe(name="tiny", learning_rate=1e-3, batch_size=1, batch_samples=1, l1_weight=1.0, lesion_weight=1.0)
    return save_model(folder, [Generator(4, 1, upsampling="resize")], task=task, recipe=recipe, training=training)


def write_brain(path: Path, *, seed: int) -> None:
    """Write the brain of the template, coarse and with the contrast of a T2w."""
    template = load_mni152_template(resolution=SPACING_MM)
    brain = template.get_fdata() / template.get_fdata().max()
    noise = np.random.default_rng(seed).random(brain.shape)
    write_image(path, np.where(brain > 0.05, 1200 - 1000 * brain + noise, 0), template.affine, dtype="int16")
