"""The configuration: one frozen dataclass per section, checked against ``workflow/schemas/config.schema.yaml``."""

import difflib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Self

import jsonschema
import yaml

from gliofill.errors import GliofillError


class Section:
    """A configuration section that travels between rules and verbs as JSON."""

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Make the section from a JSON object; absent keys keep their defaults.

        Raises
        ------
        GliofillError
            If the text is not a JSON object or has a key that the section lacks.
        """
        try:
            content = json.loads(text)
        except ValueError as error:
            raise GliofillError(f"--settings is not JSON ({error})") from error
        known = [item.name for item in fields(cls)]  # type: ignore[arg-type]
        for key in content:
            if key not in known:
                raise GliofillError(f"--settings: unknown key {key!r}{did_you_mean(key, known)}")
        return cls(**_frozen(content))

    def to_json(self) -> str:
        """Return the section as one line of JSON."""
        return json.dumps(asdict(self))  # type: ignore[call-overload]


def _frozen(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values with lists made tuples, as frozen sections hold them."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in content.items()}


@dataclass(frozen=True)
class UsabilitySettings(Section):
    """When an acquired image counts as unusable; what each key means stands in the schema."""

    min_slices: int = 10
    max_spacing_mm: float = 8.0
    max_pixel_mm: float = 3.0
    max_anisotropy: float = 20.0
    plane: str = "any"
    max_gap: float = 0.5
    min_field_mm: float = 100.0
    max_cut: float = 0.6
    max_slice_drop: float = 0.35
    max_saturation: float = 0.02
    max_wrap: float = 0.25
    max_stripes: float = 0.05
    max_noise: float = 0.15
    max_motion: float = 2.5
    cohort_outliers: bool = True
    cohort_minimum: int = 20
    by_contrast: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def for_contrast(self, contrast: str) -> Self:
        """Return the thresholds for one contrast: its own where it has some, else the common ones."""
        return replace(self, by_contrast={}, **self.by_contrast.get(str(contrast), {}))


#: values of ``preprocess.brain_mask`` that stand for a program of others, and what its weights are
PROGRAMS: Mapping[str, str] = {
    "synthstrip": "the file of SynthStrip's weights, as synthstrip.1.pt",
    "hd-bet": "the folder of HD-BET's weights, as release_2.0.0",
}
#: what that folder has; where the first is missing, HD-BET would download
_HD_BET_FILES = ("fold_all/checkpoint_final.pth", "dataset.json", "plans.json")


def weights_problem(brain_mask: str, brain_model: str) -> str:
    """Return what is wrong with the weights of a program; empty if nothing is.

    Parameters
    ----------
    brain_mask
        One of `PROGRAMS`.
    brain_model
        Path of the weights.
    """
    wanted = f"give {PROGRAMS[brain_mask]}, which gliofill does not download"
    if not brain_model:
        return f"is empty; {wanted}"
    files = [Path(brain_model, name) for name in _HD_BET_FILES] if brain_mask == "hd-bet" else [Path(brain_model)]
    missing = next((file for file in files if not file.is_file()), None)
    return f"{missing}: no such file; {wanted}" if missing else ""


@dataclass(frozen=True)
class PreprocessSettings(Section):
    """How a session is preprocessed."""

    output_spaces: tuple[str, ...] = ("template",)
    align_sessions: str = "template"
    derivatives: Mapping[str, str] = field(default_factory=dict)
    brain_mask: str = "network"
    brain_model: str = ""
    brain_border_mm: float = 1.0
    brain_program: str = ""
    brain_device: str = "cpu"
    brain_mask_pattern: str = "derivatives/brainmasks/{folder}/anat/{prefix}_{ce}desc-{suffix}brain_mask.nii.gz"
    head_template: str = ""
    head_template_mask: str = ""
    lesion_pattern: str = "derivatives/lesions/{folder}/anat/{prefix}_label-lesion_dseg.nii.gz"
    interpolation: str = "linear"
    bias_correction: bool = True

    @property
    def runs_program(self) -> bool:
        """Whether a program of others finds the brain."""
        return self.brain_mask in PROGRAMS

    @property
    def measures_brain(self) -> bool:
        """Whether the distance from the brain is measured in an image, so that contrasts can vote."""
        return self.brain_mask == "network" or self.runs_program


@dataclass(frozen=True)
class ImputeSettings(Section):
    """Which models fill which gap, and how."""

    models: Mapping[str, str] = field(default_factory=lambda: {"T2w-to-FLAIR": "demo", "T1post-to-T1w": "demo"})
    device: str = "auto"
    batch_size: int = 8
    flip_average: bool = True


@dataclass(frozen=True)
class AuditSettings(Section):
    """On how many complete sessions of the cohort the models are tried."""

    sessions: int = 20
    seed: int = 0


@dataclass(frozen=True)
class SplitSettings(Section):
    """How patients are divided into those to learn from, to validate on and to test on."""

    scheme: str = "fractions"
    fractions: tuple[float, ...] = (265, 67, 84)
    folds: int = 5
    seed: int = 0
    strata: tuple[str, ...] = ()
    alias: str = ""
    table: str = ""


@dataclass(frozen=True)
class TrainSettings(Section):
    """What is trained, and on what."""

    derivatives: str = ""
    tasks: tuple[str, ...] = ("T2w-to-FLAIR", "T1post-to-T1w")
    recipe: str = "paper"
    variants: tuple[str, ...] = ("lesion", "nolesion")
    compare: tuple[str, ...] = ()
    device: str = "auto"


@dataclass(frozen=True)
class TuneSettings(Section):
    """How hyperparameters are searched."""

    recipe: str = "paper"
    trials: int = 40
    workers: int = 1
    top: int = 3
    repeats: int = 3


@dataclass(frozen=True)
class EvaluateSettings(Section):
    """What the tables are broken down by."""

    strata: tuple[str, ...] = ()


@dataclass(frozen=True)
class ThreadSettings(Section):
    """Threads that each rule declares and obeys."""

    coverage: int = 8
    preprocess: int = 1
    impute: int = 4
    train: int = 8


@dataclass(frozen=True)
class Settings:
    """The whole configuration."""

    bids_dir: Path
    output_dir: Path
    work_dir: str = ""
    participants: tuple[str, ...] = ()
    exclude_participants: tuple[str, ...] = ()
    sessions: tuple[str, ...] = ()
    bids_filter: Mapping[str, Any] = field(default_factory=dict)
    review_table: Path | None = None
    stop_on_first_crash: bool = False
    check_space: bool = True
    usability: UsabilitySettings = field(default_factory=UsabilitySettings)
    preprocess: PreprocessSettings = field(default_factory=PreprocessSettings)
    impute: ImputeSettings = field(default_factory=ImputeSettings)
    audit: AuditSettings = AuditSettings()
    split: SplitSettings = SplitSettings()
    train: TrainSettings = TrainSettings()
    tune: TuneSettings = TuneSettings()
    evaluate: EvaluateSettings = EvaluateSettings()
    threads: ThreadSettings = ThreadSettings()

    @property
    def scratch(self) -> str:
        """Absolute path of `work_dir`; empty for a hidden folder in the output folder."""
        return self.work_dir and str(Path(self.work_dir).expanduser().resolve())


def share_folder() -> Path:
    """Return the folder with Snakefile, ``workflow/`` and ``config/``: package data, or the clone."""
    packaged = Path(str(files("gliofill"))) / "share"
    return packaged if packaged.is_dir() else Path(__file__).resolve().parents[2]


def recipe_file(recipe: str, start: Path | None = None) -> Path:
    """Return the file of a recipe: a name from ``config/recipes``, or a path that starts from `start`.

    Raises
    ------
    GliofillError
        If there is neither.
    """
    folder = share_folder() / "config" / "recipes"
    known = {path.stem: path for path in sorted(folder.glob("*.yaml"))}
    if recipe in known:
        return known[recipe]
    path = ((start or Path.cwd()) / Path(recipe).expanduser()).resolve()
    if not path.is_file():
        raise GliofillError(f"recipe {recipe!r} is neither a file nor one of {', '.join(known)}")
    return path


@cache
def config_schema() -> dict[str, Any]:
    """Return the JSON schema of the configuration."""
    text = (share_folder() / "workflow" / "schemas" / "config.schema.yaml").read_text(encoding="utf-8")
    schema: dict[str, Any] = yaml.safe_load(text)
    return schema


def parse_config(config: Mapping[str, Any], start: Path | None = None) -> Settings:
    """Check a configuration and turn it into settings.

    Parameters
    ----------
    config
        The merged content of configuration files and ``--config`` values.
    start
        Folder that relative paths start from; the current one if None.

    Returns
    -------
    Settings
        With absolute paths.

    Raises
    ------
    GliofillError
        Naming the first key that is unknown, missing or has a wrong value.
    """
    plain = json.loads(json.dumps(config))
    for key in ("participants", "exclude_participants", "sessions"):
        if isinstance(plain.get(key), str | int):  # --config participants=01 arrives as one word, or as a number
            plain[key] = str(plain[key]).split(",")
    plain = _as_written(plain, config_schema())
    errors = sorted(
        jsonschema.Draft202012Validator(config_schema()).iter_errors(plain),
        key=lambda e: list(map(str, e.absolute_path)),
    )
    if errors:
        raise GliofillError(f"configuration: {_explain(errors[0])}")
    for key in ("participants", "exclude_participants"):
        plain[key] = tuple(label.removeprefix("sub-") for label in plain.get(key, ()))
    plain["sessions"] = tuple(label.removeprefix("ses-") for label in plain.get("sessions", ()))
    _make_absolute(plain.get("preprocess", {}), start or Path.cwd())
    sections = {
        "usability": UsabilitySettings,
        "preprocess": PreprocessSettings,
        "impute": ImputeSettings,
        "audit": AuditSettings,
        "split": SplitSettings,
        "train": TrainSettings,
        "tune": TuneSettings,
        "evaluate": EvaluateSettings,
        "threads": ThreadSettings,
    }
    for name, section in sections.items():
        plain[name] = section(**_frozen(plain.get(name, {})))
    for key in ("bids_dir", "output_dir"):
        plain[key] = ((start or Path.cwd()) / Path(plain[key]).expanduser()).resolve()
    table = plain.get("review_table")
    plain["review_table"] = ((start or Path.cwd()) / Path(table).expanduser()).resolve() if table else None
    return Settings(**plain)


def _make_absolute(preprocess: dict[str, Any], start: Path) -> None:
    """Make the paths of a section absolute: steps run in another folder, and on other machines.

    Raises
    ------
    GliofillError
        If a head template comes without its mask, is not there, or would not be used, or likewise a program's weights.
    """
    if preprocess.get("brain_model"):
        preprocess["brain_model"] = str((start / Path(preprocess["brain_model"]).expanduser()).resolve())
    for key in ("head_template", "head_template_mask"):
        if preprocess.get(key):
            path = (start / Path(preprocess[key]).expanduser()).resolve()
            if not path.is_file():
                raise GliofillError(f"configuration: preprocess.{key}: {path}: no such file (see gliofill fetch)")
            preprocess[key] = str(path)
    if bool(preprocess.get("head_template")) != bool(preprocess.get("head_template_mask")):
        raise GliofillError(
            "configuration: preprocess.head_template and head_template_mask go together; set both or none"
        )
    if preprocess.get("head_template") and preprocess.get("brain_mask") != "template":
        raise GliofillError(
            "configuration: preprocess.head_template is used by brain_mask: template only; set that too, or take it out"
        )
    _check_program(preprocess, start)
    for name, path in preprocess.get("derivatives", {}).items():
        preprocess["derivatives"][name] = str((start / Path(path).expanduser()).resolve())


def _check_program(preprocess: dict[str, Any], start: Path) -> None:
    method, program = preprocess.get("brain_mask", "network"), preprocess.get("brain_program", "")
    if method not in PROGRAMS:
        if program:
            raise GliofillError(
                f"configuration: preprocess.brain_program is used by brain_mask: {' and '.join(PROGRAMS)} only; set "
                "that too, or take it out"
            )
        return
    if problem := weights_problem(method, preprocess.get("brain_model", "")):
        raise GliofillError(f"configuration: preprocess.brain_model: {problem}")
    if "/" in program:  # where it is looked for by its name alone, that may be in a container
        preprocess["brain_program"] = str((start / Path(program).expanduser()).resolve())


def _as_written(value: Any, schema: Mapping[str, Any]) -> Any:
    """Return numbers and truth values that ``snakemake --config`` hands over as text inside a mapping or a list."""
    if isinstance(value, dict):
        known = schema.get("properties", {})
        return {key: _as_written(item, known.get(key, {})) for key, item in value.items()}
    if isinstance(value, list):
        return [_as_written(item, schema.get("items", {})) for item in value]
    if isinstance(value, str) and schema.get("type") in ("integer", "number", "boolean"):
        return yaml.safe_load(value)
    return value


def _explain(error: Any) -> str:
    where = ".".join(map(str, error.absolute_path))
    if error.validator == "additionalProperties":
        known = list(error.schema["properties"])
        key = next(key for key in error.instance if key not in known)
        return f"unknown key {'.'.join(filter(None, (where, key)))!r}{did_you_mean(key, known)}"
    if error.validator == "required":
        missing = next(key for key in error.validator_value if key not in error.instance)
        return f"key {'.'.join(filter(None, (where, missing)))!r} is missing; set it in the configuration"
    if error.validator == "enum":
        return f"key {where!r} is {error.instance!r}; it must be one of {', '.join(map(repr, error.validator_value))}"
    return f"key {where!r}: {error.message}"


def did_you_mean(word: str, known: list[str]) -> str:
    """Return the end of an error message that suggests the nearest known word, or lists all.

    Examples
    --------
    >>> did_you_mean("bids_dri", ["bids_dir", "output_dir"])
    "; did you mean 'bids_dir'?"
    """
    near = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(known)}"
