"""What was read from YAML or JSON becomes values of the declared types, or one line that names the key."""

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar, Union, get_args, get_origin, get_type_hints

import yaml

from gliofill.config.keys import Declaration, Json, allowed, did_you_mean
from gliofill.errors import GliofillError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

S = TypeVar("S", bound="DataclassInstance")

_NAMES: Mapping[Any, str] = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}


@dataclass(frozen=True)
class Section:
    """A section of the configuration, which travels between rules and subcommands as JSON."""

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Make the section from a JSON object; absent keys keep their defaults.

        Raises
        ------
        GliofillError
            If the text is not JSON, or a key is unknown or has a wrong value.
        """
        try:
            content = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise GliofillError(f"--settings is not JSON ({error})") from error
        try:
            return read_section(cls, content)
        except GliofillError as error:
            raise GliofillError(f"--settings: {error}") from error

    def to_json(self) -> str:
        """Return the section as one line of JSON."""
        return json.dumps(asdict(self), default=str)


def read_section(section: type[S], content: object, where: str = "", *, start: Path | None = None) -> S:
    """Make a dataclass of keys from what was read from YAML or JSON.

    Parameters
    ----------
    section
        The dataclass.
    content
        A mapping with its keys; absent ones keep their defaults.
    where
        Name of the section; empty for all of a file.
    start
        Folder that relative paths start from; the current one if None.

    Raises
    ------
    GliofillError
        Naming the key that is unknown, missing or has a wrong value.
    """
    values = read_keys(section, content, where, start=start)
    for item in fields(section):
        if item.name not in values and item.default is MISSING and item.default_factory is MISSING:
            raise GliofillError(f"{_dotted(where, item.name)} is missing")
    return section(**values)


def read_keys(
    section: "type[DataclassInstance]", content: object, where: str = "", *, start: Path | None = None
) -> dict[str, Any]:
    """Return the values of those keys that `content` has; as `read_section`, except that none needs to be there."""
    mapping, kinds = as_mapping(content, where), get_type_hints(section)
    known = {item.name: Declaration.of(item) for item in fields(section)}
    check_names(mapping, known, where)
    return {
        name: _Place(_dotted(where, name), declared, start).read(kinds[name], mapping[name])
        for name, declared in known.items()
        if name in mapping
    }


def as_mapping(content: object, where: str) -> Mapping[str, object]:
    """Return content that is a mapping.

    Raises
    ------
    GliofillError
        If it is none.
    """
    if not isinstance(content, Mapping):
        raise GliofillError(f"{where or 'the content'} is {_shown(content)}; it must be a mapping of keys to values")
    return content


def check_names(content: Mapping[str, object], known: Collection[str], where: str = "") -> None:
    """Refuse a mapping with keys that are not known.

    Raises
    ------
    GliofillError
        Naming the first of them, and the known one that is nearest.
    """
    for name in content:
        if name not in known:
            raise GliofillError(f"unknown key {_dotted(where, name)}{did_you_mean(str(name), known)}")


@dataclass(frozen=True)
class _Place:
    """A key, or an item below it: its full name, what is declared of it, and where relative paths start."""

    name: str
    declared: Declaration
    start: Path | None

    def read(self, kind: Any, value: object) -> Any:
        """Return the value as the type that is declared."""
        if isinstance(kind, type) and issubclass(kind, Section):
            return read_section(kind, value, self.name, start=self.start)
        if get_origin(kind) is tuple:
            return tuple(self._items(kind, value))
        if get_origin(kind) is Mapping:
            return dict(self._entries(get_args(kind)[1], value))
        if get_origin(kind) in (Union, UnionType):
            return self._either(get_args(kind), value)
        if kind is Path:
            return self._path(value)
        if kind is Json:
            return Json(json.dumps(as_mapping(value, self.name)))
        return self._one(kind, value)

    def _below(self, name: object) -> "_Place":
        return _Place(_dotted(self.name, name), self.declared, self.start)

    def _refusal(self, value: object, wanted: str) -> GliofillError:
        return GliofillError(f"{self.name} is {_shown(value)}; it must be {wanted}")

    def _items(self, kind: Any, value: object) -> Iterator[Any]:
        kinds = get_args(kind)
        if not isinstance(value, list | tuple):
            raise self._refusal(value, "a list")
        if kinds[-1] is Ellipsis:
            # of choices, none would be no choice
            if not value and (choices := allowed(kind, self.declared)):
                raise self._refusal(value, choices)
            kinds = kinds[:1] * len(value)
        if len(value) != len(kinds):
            raise self._refusal(value, f"a list of {len(kinds)}")
        for number, (own, item) in enumerate(zip(kinds, value, strict=True)):
            yield self._below(number).read(own, item)

    def _entries(self, kind: Any, value: object) -> Iterator[tuple[str, Any]]:
        content, section = as_mapping(value, self.name), self.declared.part_of
        check_names(content, self.declared.choices or content, self.name)
        for name, item in content.items():
            below = self._below(name)
            yield name, below.read(kind, item) if section is None else read_keys(section, item, below.name)

    def _either(self, kinds: tuple[Any, ...], value: object) -> Any:
        """Return None for what is empty where that is allowed, a choice as it is, and of anything else the path."""
        if NoneType in kinds and (value is None or value == ""):
            return None
        choices = [choice for kind in kinds if get_origin(kind) is Literal for choice in get_args(kind)]
        return value if value in choices else self._path(value)

    def _path(self, value: object) -> Path:
        if value == "" or not isinstance(value, str | Path):
            raise self._refusal(value, "a path")
        try:
            return ((self.start or Path.cwd()) / Path(value).expanduser()).resolve()
        except (ValueError, RuntimeError) as error:  # a NUL in the name, an unknown user
            raise self._refusal(value, "a path") from error

    def _one(self, kind: Any, value: object) -> Any:
        if isinstance(value, str) and kind in (int, float, bool):
            value = _from_text(kind, value)
        if kind is float and type(value) is int:
            with suppress(OverflowError):
                value = float(value)
        choices = get_args(kind) or self.declared.choices
        if choices and value not in choices:
            raise self._refusal(value, f"one of {', '.join(choices)}")
        if not choices and type(value) is not kind:
            raise self._refusal(value, _NAMES[kind])
        if isinstance(value, int | float) and not self.declared.allows(value):
            raise self._refusal(value, allowed(kind, self.declared) or _NAMES[kind])
        return value


def _from_text(kind: type, text: str) -> object:
    """Return a number or truth value; ``snakemake --config`` hands them over as text, and YAML takes 2e-4 as text."""
    try:
        return float(text) if kind is float else yaml.safe_load(text)
    except (ValueError, RecursionError, yaml.YAMLError):
        return text


def _dotted(*names: object) -> str:
    return ".".join(name if name.isprintable() else repr(name) for name in map(str, names) if name)


def _shown(value: object) -> str:
    return "empty" if value is None or value == "" else repr(value)
