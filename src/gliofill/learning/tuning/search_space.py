"""Search space: which settings of a recipe are tuned, and between which bounds."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from gliofill.config.keys import did_you_mean
from gliofill.config.recipe import Recipe, load_recipe
from gliofill.contrasts import TASKS, Task
from gliofill.errors import GliofillError

#: the settings that the paper tuned, in the order of its Methods
HYPERPARAMETERS = ("batch_size", "batch_samples", "learning_rate", "l1_weight", "lesion_weight")
SCALES = ("linear", "log")


@dataclass(frozen=True)
class Range:
    """Bounds of one setting, both included; whole numbers where the recipe has a whole number.

    Attributes
    ----------
    low, high
        Of the type of the recipe's setting.
    scale
        ``linear``, or ``log``: before anything is known, every factor is as likely.
    """

    low: float
    high: float
    scale: str = "linear"

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


def load_search(path: Path, task: Task) -> dict[str, Range]:
    """Read the search space of one task from a recipe file.

    It is the mapping ``search`` with ``common``, that holds for every task, and ``tasks``, whose ranges override it.
    A range is a mapping with ``low``, ``high`` and, if it is not linear, ``scale``.

    Returns
    -------
    dict of str to Range
        In the order of `HYPERPARAMETERS`; settings that are not named keep the recipe's value.

    Raises
    ------
    GliofillError
        If the recipe is wrong, has no range for the task, or a range has an unknown or missing key or a wrong bound.
    """
    recipe = load_recipe(path, task)
    content = yaml.safe_load(path.read_text(encoding="utf-8")).get("search")
    if content is None:
        raise GliofillError(f"{path}: search, the ranges to tune in, is missing; see config/recipes/paper.yaml")
    _check_keys(path, "search", content, ("common", "tasks"))
    tasks = content.get("tasks") or {}
    _check_keys(path, "search.tasks", tasks, [known.name for known in TASKS])
    sections = {"search.common": content.get("common") or {}, f"search.tasks.{task.name}": tasks.get(task.name) or {}}
    ranges: dict[str, Range] = {}
    for section, settings in sections.items():
        _check_keys(path, section, settings, HYPERPARAMETERS)
        ranges |= {name: _range(path, section, name, value, recipe) for name, value in settings.items()}
    if not ranges:
        raise GliofillError(f"{path}: search has no range for {task.name}; tune some of {', '.join(HYPERPARAMETERS)}")
    return {name: ranges[name] for name in HYPERPARAMETERS if name in ranges}


def own_settings(recipe: Recipe, ranges: Mapping[str, Range]) -> dict[str, float]:
    """Return the recipe's own values of what is tuned: the first settings to try.

    Raises
    ------
    GliofillError
        If one is outside its range.
    """
    own = {name: getattr(recipe, name) for name in ranges}
    for name, value in own.items():
        if value not in ranges[name]:
            raise GliofillError(
                f"recipe {recipe.name}: {name} is {value}, outside the range [{ranges[name].low}, {ranges[name].high}] "
                "to search in; widen the range"
            )
    return own


def _range(path: Path, section: str, name: str, value: Any, recipe: Recipe) -> Range:
    where = f"{section}.{name}"
    _check_keys(path, where, value, ("low", "high", "scale"))
    for key in ("low", "high"):
        if key not in value:
            raise GliofillError(f"{path}: {where}.{key} is missing")
    try:
        # as the recipe checks the setting itself
        low, high = (getattr(dataclasses.replace(recipe, **{name: value[key]}), name) for key in ("low", "high"))
    except GliofillError as error:
        raise GliofillError(f"{path}: {section}.{error}") from error
    scale = value.get("scale", "linear")
    if scale not in SCALES:
        raise GliofillError(f"{path}: {where}.scale: {scale!r} is not one of {', '.join(SCALES)}")
    if low >= high:
        raise GliofillError(f"{path}: {where}: low is {low} and high is {high}; low must be the smaller one")
    if scale == "log" and low <= 0:
        raise GliofillError(f"{path}: {where}: low is {low}, but a logarithmic scale starts above 0")
    return Range(low, high, scale)


def _check_keys(path: Path, where: str, content: Any, known: list[str] | tuple[str, ...]) -> None:
    if not isinstance(content, Mapping):
        raise GliofillError(f"{path}: {where} is {content!r}, a mapping is needed")
    for key in content:
        if key not in known:
            raise GliofillError(f"{path}: unknown key {where}.{key}{did_you_mean(str(key), list(known))}")
