"""Recipe: every setting of a training run, read from a YAML file and checked."""

import dataclasses
import difflib
import math
import types
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from gliofill.contrasts import TASKS, Task
from gliofill.errors import GliofillError

CHOICES = {
    "upsampling": ("transposed", "resize"),
    "adversarial": ("vanilla", "lsgan"),
    "precision": ("auto", "fp32", "bf16"),
}

#: what a variant changes in a recipe
VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "lesion": {},
    "nolesion": {"lesion_weight": 0.0},
    "l1": {"lesion_weight": 0.0, "adversarial_weight": 0.0, "ssim_weight": 0.0},
}

#: smallest and largest value that can be meant, both included
RANGES = {
    "generator_width": (1, 512),
    "generator_blocks": (0, 32),
    "discriminator_width": (1, 512),
    "iterations": (1, 10_000_000),
    "learning_rate": (1e-9, 1.0),
    "batch_size": (1, 1024),
    "batch_samples": (1, 1024),
    "l1_weight": (0.0, 1e6),
    "lesion_weight": (0.0, 1e6),
    "adversarial_weight": (0.0, 1e6),
    "decay_fraction": (0.0, 1.0),
    "beta1": (0.0, 0.9999),
    "ema_decay": (0.0, 0.999999),
    "smallest_brain_fraction": (0.0, 0.5),
    "context_slices": (0, 3),
    "ssim_weight": (0.0, 1e6),
    "gradient_penalty": (0.0, 1e6),
    "lesion_share": (0.0, 1.0),
    "augment_contrast": (0.0, 1.0),
    "augment_bias": (0.0, 1.0),
    "augment_affine": (0.0, 0.5),
    "ensemble": (1, 16),
    "validate_every": (0, 10_000_000),
    "seed": (0, 2**63 - 1),
}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All settings of one training run; the defaults are those of the paper where it states them.

    Attributes
    ----------
    name
        Name of the recipe; it becomes part of the model's identifier.
    learning_rate
        Of both Adam optimisers.
    batch_size, batch_samples
        Volumes per batch, and slices drawn from each of them.
    l1_weight, lesion_weight, adversarial_weight
        Coefficients of the generator's loss terms, on intensities in [-1, 1].
    iterations
        Number of generator (and discriminator) updates.
    generator_width, generator_blocks, discriminator_width
        Channels of the first layer (ngf, ndf) and residual blocks in the middle.
    upsampling
        ``transposed`` convolution as in pix2pix, or ``resize`` (nearest neighbour, then convolution: no checkerboard).
    adversarial
        ``vanilla`` (cross-entropy) or ``lsgan`` (least squares).
    decay_fraction
        Share of the iterations, at the end, over which the learning rate falls linearly to 0.
    flip
        Whether slices are mirrored left-right at random.
    beta1
        First moment of Adam; the second is 0.999.
    ema_decay
        Decay of the moving average of the generator's weights that is saved in their place; 0 saves the weights.
    smallest_brain_fraction
        Slices in which the brain covers a smaller share of the crop are not drawn.
    context_slices
        Neighbours on each side that the generator sees beside the slice that it translates (2.5-D).
    residual
        Whether the generator starts from the source slice and learns what to change, instead of the whole image.
    ssim_weight
        Coefficient of one minus the mean SSIM inside the brain.
    gradient_penalty
        Coefficient of the discriminator's squared gradient at acquired slices (R1, Mescheder 2018).
    lesion_share
        Share of the slices that are drawn among those with lesion; 0 draws all slices alike.
    augment_contrast, augment_bias
        Deviations of the logarithms of a random gamma and of a smooth random field on the source.
    augment_affine
        Deviation of a random in-plane rotation, in radians, and of the logarithm of a random zoom, on all images.
    ensemble
        Networks that are trained one after the other, from different seeds, and averaged.
    validate_every
        Iterations between two scores on the held-out sessions; 0 scores at the end alone.
    precision
        ``fp32``, ``bf16``, or ``auto``: bf16 where the processor computes in it.
    seed
        Of the initial weights and of every draw.
    save_half
        Whether the weights are stored as float16.
    demonstration
        Whether the model must be marked as one for demonstration, not for research.

    Raises
    ------
    GliofillError
        If a value has the wrong type or is out of range; the message starts with the name of the key.
    """

    name: str
    learning_rate: float
    batch_size: int
    batch_samples: int
    l1_weight: float
    lesion_weight: float
    adversarial_weight: float = 1.0
    iterations: int = 5000
    generator_width: int = 64
    generator_blocks: int = 9
    discriminator_width: int = 64
    upsampling: str = "transposed"
    adversarial: str = "vanilla"
    decay_fraction: float = 0.0
    flip: bool = False
    beta1: float = 0.5
    ema_decay: float = 0.0
    smallest_brain_fraction: float = 0.02
    context_slices: int = 0
    residual: bool = False
    ssim_weight: float = 0.0
    gradient_penalty: float = 0.0
    lesion_share: float = 0.0
    augment_contrast: float = 0.0
    augment_bias: float = 0.0
    augment_affine: float = 0.0
    ensemble: int = 1
    validate_every: int = 0
    precision: str = "auto"
    seed: int = 0
    save_half: bool = False
    demonstration: bool = False

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = _typed(field.name, getattr(self, field.name), field.type)
            _check_range(field.name, value)
            object.__setattr__(self, field.name, value)

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
        return dataclasses.replace(self, **{"name": f"{self.name}-{name}", **VARIANTS[name]})

    def as_dict(self) -> dict[str, Any]:
        """Return the settings as plain values, in the order of the class."""
        return dataclasses.asdict(self)


def _typed(key: str, value: Any, kind: Any) -> Any:
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        hint = ""
        if kind is float and isinstance(value, str) and _is_number(value):
            hint = f"; YAML reads {value} as text; write {float(value)!r} or {_dotted(value)}"
        raise GliofillError(f"{key}: {value!r} is a {type(value).__name__}, a {kind.__name__} is needed{hint}")
    return value


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _dotted(text: str) -> str:
    mantissa, exponent = f"{float(text):e}".split("e")
    return f"{float(mantissa)}e{exponent}"


def _check_range(key: str, value: Any) -> None:
    if key in CHOICES and value not in CHOICES[key]:
        raise GliofillError(f"{key}: {value!r} is not one of {', '.join(CHOICES[key])}")
    if key in RANGES and not RANGES[key][0] <= value <= RANGES[key][1]:
        raise GliofillError(f"{key}: {value} is outside [{RANGES[key][0]}, {RANGES[key][1]}]")
    if key == "name" and not (value and value.replace("-", "").replace("_", "").isalnum() and value.isascii()):
        raise GliofillError(f"name: {value!r} must be letters, digits, - and _, because it becomes part of file names")


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
    top = _mapping(path, "the file", content)
    _check_keys(path, "", top, ("name", "common", "tasks", "search"))
    if "name" not in top:
        raise GliofillError(f"{path}: name is missing")
    tasks = _mapping(path, "tasks", top.get("tasks"))
    _check_keys(path, "tasks.", tasks, [known.name for known in TASKS])
    if task.name not in tasks:
        raise GliofillError(f"{path}: tasks.{task.name} is missing; the file has {', '.join(tasks) or 'none'}")
    return _build(path, top, task)


def _build(path: Path, top: Mapping[str, Any], task: Task) -> Recipe:
    sections = {
        "common": _mapping(path, "common", top.get("common") or {}),
        f"tasks.{task.name}": _mapping(path, f"tasks.{task.name}", top["tasks"][task.name] or {}),
    }
    fields = {field.name: field for field in dataclasses.fields(Recipe) if field.name != "name"}
    for section, settings in sections.items():
        _check_keys(path, f"{section}.", settings, list(fields))
    values = {key: value for settings in sections.values() for key, value in settings.items()}
    absent = [key for key, field in fields.items() if key not in values and field.default is dataclasses.MISSING]
    if absent:
        raise GliofillError(f"{path}: {absent[0]} is missing; set it under common or tasks.{task.name}")
    try:
        return Recipe(name=top["name"], **values)
    except GliofillError as error:
        raise GliofillError(f"{path}: {error} (for {task.name})") from error


def _mapping(path: Path, key: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise GliofillError(f"{path}: {key} is {'empty' if value is None else repr(value)}, a mapping is needed")
    return types.MappingProxyType(value)


def _check_keys(path: Path, section: str, settings: Mapping[str, Any], known: list[str] | tuple[str, ...]) -> None:
    for key in settings:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"
            raise GliofillError(f"{path}: unknown key {section}{key}; {hint}")
