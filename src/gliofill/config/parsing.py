"""The whole configuration: read, checked across its keys, with absolute paths; and the files that come with it."""

import json
from collections.abc import Mapping
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from gliofill.config.reading import read_section
from gliofill.config.settings import PROGRAMS, PreprocessSettings, Settings
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


def parse_config(config: Mapping[str, Any], start: Path | None = None, *, file: Path | None = None) -> Settings:
    """Check a configuration and turn it into settings.

    Parameters
    ----------
    config
        The merged content of configuration files and ``--config`` values.
    start
        Folder that relative paths start from; the current one if None.
    file
        Where most of it was read from, for the messages.

    Returns
    -------
    Settings
        With absolute paths, and labels without ``sub-`` and ``ses-``.

    Raises
    ------
    GliofillError
        Naming the first key that is unknown, missing or has a wrong value.
    """
    plain = json.loads(json.dumps(config, default=str))
    for name in ("participants", "exclude_participants", "sessions"):
        if isinstance(plain.get(name), str | int):  # --config participants=01 arrives as one word, or as a number
            plain[name] = str(plain[name]).split(",")
    try:
        settings = read_section(Settings, plain, start=start)
        preprocess = _check_brain(settings.preprocess, start or Path.cwd())
    except GliofillError as error:
        raise GliofillError(f"configuration{f' {file}' if file else ''}: {error}") from error
    return replace(
        settings,
        participants=_labels(settings.participants, "sub-"),
        exclude_participants=_labels(settings.exclude_participants, "sub-"),
        sessions=_labels(settings.sessions, "ses-"),
        preprocess=preprocess,
    )


def _labels(words: tuple[str, ...], prefix: str) -> tuple[str, ...]:
    return tuple(word.removeprefix(prefix) for word in words)


def _check_brain(settings: PreprocessSettings, start: Path) -> PreprocessSettings:
    """Refuse a head template, third-party tool or weights that are missing, or would not be used.

    Returns
    -------
    PreprocessSettings
        With the absolute path of the tool, unless it is looked for by its name alone: that may be in a container.
    """
    heads = {name: getattr(settings, name) for name in ("head_template", "head_template_mask")}
    for name, path in heads.items():
        if path is not None and not path.is_file():
            raise GliofillError(f"preprocess.{name}: {path}: no such file (see gliofill fetch)")
    if None in heads.values() and any(heads.values()):
        raise GliofillError("preprocess.head_template and head_template_mask go together; set both or none")
    if settings.head_template and settings.brain_mask != "template":
        raise GliofillError("preprocess.head_template is used only by brain_mask: template; set that too, or remove it")
    program = settings.brain_program
    if settings.runs_program:
        _ = settings.weights  # raises what is wrong with them
    elif program:
        raise GliofillError(
            f"preprocess.brain_program is used only by brain_mask: {' and '.join(PROGRAMS)}; set that too, or remove it"
        )
    return (
        replace(settings, brain_program=str((start / Path(program).expanduser()).resolve()))
        if "/" in program
        else settings
    )
