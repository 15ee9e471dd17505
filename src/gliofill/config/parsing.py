"""Reading a configuration: checked against ``workflow/schemas/config.schema.yaml``, with paths made absolute."""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from gliofill.config.settings import (
    PROGRAMS,
    AuditSettings,
    EvaluateSettings,
    ImputeSettings,
    PreprocessSettings,
    Settings,
    SplitSettings,
    ThreadSettings,
    TrainSettings,
    TuneSettings,
    UsabilitySettings,
    did_you_mean,
    frozen,
    weights_problem,
)
from gliofill.errors import GliofillError


def share_folder() -> Path:
    """Return the folder with Snakefile, ``workflow/`` and ``config/``: package data, or the clone."""
    packaged = Path(str(files("gliofill"))) / "share"
    return packaged if packaged.is_dir() else Path(__file__).resolve().parents[3]


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
        plain[name] = section(**frozen(plain.get(name, {})))
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
            "configuration: preprocess.head_template is used only by brain_mask: template; set that too, or remove it"
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
