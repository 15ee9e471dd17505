"""Recipe: every setting of a training run, read from a YAML file and checked."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

import yaml

from gliofill.config.keys import Declaration, key, required
from gliofill.config.reading import as_mapping, check_names, read_keys, read_section
from gliofill.contrasts import TASKS, Task
from gliofill.errors import GliofillError

#: what a variant changes in a recipe
VARIANTS: Mapping[str, Mapping[str, float]] = {
    "lesion": {},
    "nolesion": {"lesion_weight": 0.0},
    "l1": {"lesion_weight": 0.0, "adversarial_weight": 0.0, "ssim_weight": 0.0},
}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All settings of one training run; the defaults are those of the paper where it states them.

    Raises
    ------
    GliofillError
        If a value has the wrong type or is out of range; the message starts with the name of the key.
    """

    name: str = required("Name of the recipe; it becomes part of the model's identifier.")
    learning_rate: float = required("Of both Adam optimisers.", least=1e-9, most=1.0)
    batch_size: int = required("Volumes per batch.", least=1, most=1024)
    batch_samples: int = required("Slices drawn from each volume of a batch.", least=1, most=1024)
    l1_weight: float = required(
        "Coefficient of the generator's L1 loss, on intensities in [-1, 1].", least=0.0, most=1e6
    )
    lesion_weight: float = required("Coefficient of the generator's L1 loss in the lesion.", least=0.0, most=1e6)
    adversarial_weight: float = key(1.0, "Coefficient of the generator's adversarial loss.", least=0.0, most=1e6)
    iterations: int = key(5000, "Number of generator (and discriminator) updates.", least=1, most=10_000_000)
    generator_width: int = key(64, "Channels of the generator's first layer (ngf).", least=1, most=512)
    generator_blocks: int = key(9, "Residual blocks in the middle of the generator.", least=0, most=32)
    discriminator_width: int = key(64, "Channels of the discriminator's first layer (ndf).", least=1, most=512)
    upsampling: Literal["transposed", "resize"] = key(
        "transposed",
        "`transposed` convolution as in pix2pix, or `resize` (nearest neighbour, then convolution: no checkerboard).",
    )
    adversarial: Literal["vanilla", "lsgan"] = key("vanilla", "`vanilla` (cross-entropy) or `lsgan` (least squares).")
    decay_fraction: float = key(
        0.0,
        "Share of the iterations, at the end, over which the learning rate falls linearly to 0.",
        least=0.0,
        most=1.0,
    )
    flip: bool = key(False, "Whether slices are mirrored left-right at random.")
    beta1: float = key(0.5, "First moment of Adam; the second is 0.999.", least=0.0, most=0.9999)
    ema_decay: float = key(
        0.0,
        "Decay of the moving average of the generator's weights that is saved in their place; 0 saves the weights.",
        least=0.0,
        most=0.999999,
    )
    smallest_brain_fraction: float = key(
        0.02, "Slices in which the brain covers a smaller share of the crop are not drawn.", least=0.0, most=0.5
    )
    context_slices: int = key(
        0,
        "Neighbours on each side that the generator sees beside the slice that it translates (2.5-D).",
        least=0,
        most=3,
    )
    residual: bool = key(
        False,
        "Whether the generator starts from the source slice and learns what to change, instead of the whole image.",
    )
    ssim_weight: float = key(0.0, "Coefficient of one minus the mean SSIM inside the brain.", least=0.0, most=1e6)
    gradient_penalty: float = key(
        0.0,
        "Coefficient of the discriminator's squared gradient at acquired slices (R1, Mescheder 2018).",
        least=0.0,
        most=1e6,
    )
    lesion_share: float = key(
        0.0,
        "Share of the slices that are drawn among those with lesion; 0 draws all slices alike.",
        least=0.0,
        most=1.0,
    )
    augment_contrast: float = key(
        0.0, "Deviation of the logarithm of a random gamma on the source.", least=0.0, most=1.0
    )
    augment_bias: float = key(
        0.0, "Deviation of the logarithm of a smooth random field on the source.", least=0.0, most=1.0
    )
    augment_affine: float = key(
        0.0,
        "Deviation of a random in-plane rotation, in radians, and of the logarithm of a random zoom, on all images.",
        least=0.0,
        most=0.5,
    )
    ensemble: int = key(
        1, "Networks that are trained one after the other, from different seeds, and averaged.", least=1, most=16
    )
    validate_every: int = key(
        0,
        "Iterations between two scores on the held-out sessions; 0 scores at the end alone.",
        least=0,
        most=10_000_000,
    )
    precision: Literal["auto", "fp32", "bf16"] = key(
        "auto", "`fp32`, `bf16`, or `auto`: bf16 where the processor computes in it."
    )
    seed: int = key(0, "Of the initial weights and of every draw.", least=0, most=2**63 - 1)
    save_half: bool = key(False, "Whether the weights are stored as float16.")
    demonstration: bool = key(False, "Whether the model must be marked as one for demonstration, not for research.")

    def __post_init__(self) -> None:
        for name, value in read_keys(type(self), vars(self)).items():
            object.__setattr__(self, name, value)
        if not re.fullmatch("[A-Za-z0-9_-]+", self.name):
            raise GliofillError(f"name is {self.name!r}; it must be letters, digits, - and _: it is part of file names")

    def variant(self, name: str) -> "Recipe":
        """Return the recipe of a variant: what the evaluation compares.

        Parameters
        ----------
        name
            ``lesion``: as it is; ``nolesion``: without lesion-mask loss; ``l1``: the L1 term alone, a plain regression.

        Raises
        ------
        GliofillError
            If there is no such variant, or the lesion-mask loss is asked for and its weight is 0.
        """
        if name not in VARIANTS:
            raise GliofillError(f"variant {name!r} is not one of {', '.join(VARIANTS)}")
        if name == "lesion" and not self.lesion_weight:
            raise GliofillError(f"recipe {self.name}: lesion_weight is 0, so there is no variant with lesion-mask loss")
        return read_section(Recipe, {**vars(self), "name": f"{self.name}-{name}", **VARIANTS[name]})

    def as_dict(self) -> dict[str, Any]:
        """Return the settings as plain values, in the order of the class."""
        return asdict(self)


def largest(name: str) -> float | None:
    """Return the largest value that a recipe may give a key; None if it has no limit.

    Examples
    --------
    >>> largest("ensemble")
    16
    """
    return next(Declaration.of(item).most for item in fields(Recipe) if item.name == name)


def load_recipe(path: Path, task: Task) -> Recipe:
    """Read the settings of one task from a recipe file.

    The file has a ``name``, a mapping ``common`` that holds for every task, and under ``tasks`` a mapping for each
    task (for instance ``T2w-to-FLAIR``) whose settings override the common ones. Its ``search`` is read by
    `gliofill.learning.tuning.search_space.load_search`.

    Raises
    ------
    GliofillError
        If the file cannot be read, lacks the task, or a key is unknown, missing, of the wrong type or out of range.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise GliofillError(f"{path}: no such recipe file") from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise GliofillError(f"{path}: cannot be read as YAML ({' '.join(str(error).split())})") from error
    try:
        return _build(content, task)
    except GliofillError as error:
        raise GliofillError(f"{path}: {error}") from error


def _build(content: object, task: Task) -> Recipe:
    top = as_mapping(content, "")
    check_names(top, ("name", "common", "tasks", "search"))
    tasks = as_mapping(top.get("tasks"), "tasks")
    check_names(tasks, [known.name for known in TASKS], "tasks")
    if task.name not in tasks:
        raise GliofillError(f"tasks.{task.name} is missing; the file has {', '.join(tasks) or 'none'}")
    values: dict[str, object] = {"name": top["name"]} if "name" in top else {}
    for where, settings in (("common", top.get("common")), (f"tasks.{task.name}", tasks[task.name])):
        section = as_mapping({} if settings is None else settings, where)
        check_names(section, [item.name for item in fields(Recipe) if item.name != "name"], where)
        values |= read_keys(Recipe, section, where)
    return read_section(Recipe, values)
