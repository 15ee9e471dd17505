"""JSON objects as frozen dataclasses: a key is spelt once, beside the type of its value.

Fields may be text, numbers, ``bool``, enumerations of text, ``object`` (any JSON), other dataclasses, and of these
``X | Y``, ``tuple[X, ...]`` and ``Mapping[K, X]``. Keys that a dataclass does not know are passed over, so that what a
later version adds does not make its files unreadable; no file is written from what was read.
"""

from collections.abc import Callable, Collection, Hashable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum
from functools import cache
from math import isfinite
from pathlib import Path
from types import UnionType
from typing import Any, Self, cast, get_args, get_origin, get_type_hints

from gliofill.errors import GliofillError
from gliofill.files.atomic import read_json

#: how values of JSON are called in messages
_NAMES = {str: "text", bool: "true or false", int: "a number", float: "a number", dict: "an object", list: "a list"}

_Reader = Callable[[Any], Any]


def key(name: str) -> dict[str, str]:
    """Return the metadata of a field that has this key in the file, and is left out there while it has its default."""
    return {"key": name}


class JsonRecord:
    """What a dataclass inherits to be read from a JSON object and written as one."""

    #: what to do about a file that is damaged
    REMEDY = "delete the file and run the same command again"

    @classmethod
    def from_json(cls, content: object, file: Path | str) -> Self:
        """Read a JSON object.

        Raises
        ------
        GliofillError
            If a key is missing or its value has another type; names file and key, and what to do.
        """
        try:
            record: Self = _reader(cast("Hashable", cls))(content)
        except _Misfit as misfit:
            raise GliofillError(f"{file}: {misfit}; {cls.REMEDY}") from None
        return record

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file.

        Raises
        ------
        GliofillError
            If it is missing, no JSON object, or as in `from_json`.
        """
        return cls.from_json(read_json(path), path)

    def to_json(self) -> dict[str, object]:
        """Return plain values, with the keys in the order of the fields."""
        return {name: plain(value) for name, value in _written(self)}


def plain(value: object) -> object:
    """Return dataclasses, mappings, tuples and enumerations as what JSON has."""
    if is_dataclass(value) and not isinstance(value, type):
        return {name: plain(item) for name, item in _written(value)}
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    return value.value if isinstance(value, Enum) else value


def _written(record: Any) -> list[tuple[str, object]]:
    values = [(field, getattr(record, field.name)) for field in fields(record)]
    return [(_key(field), value) for field, value in values if "key" not in field.metadata or value != _default(field)]


def _key(field: "Field[Any]") -> str:
    return str(field.metadata.get("key", field.name))


def _default(field: "Field[Any]") -> object:
    return field.default if field.default_factory is MISSING else field.default_factory()


class _Misfit(Exception):
    """A value that is not of its type; the keys that lead to it are added on the way up."""

    def __init__(self, problem: str) -> None:
        self.problem = problem
        self.keys: list[str] = []

    def below(self, name: str) -> "_Misfit":
        self.keys.insert(0, name if name.isprintable() else repr(name))
        return self

    def __str__(self) -> str:
        return f"{'.'.join(self.keys)}: {self.problem}" if self.keys else self.problem


def _wanted(value: object, name: str) -> _Misfit:
    return _Misfit(f"is {_NAMES.get(type(value), 'null')}, {name} is needed")


@cache
def _reader(kind: Any) -> _Reader:
    """Return the function that reads a value of a type; made once, for records are read by the ten thousand."""
    if kind in _LEAVES:
        return _LEAVES[kind]
    if isinstance(kind, UnionType):
        return _union_reader(get_args(kind))
    if get_origin(kind) is tuple:
        return _list_reader(_reader(get_args(kind)[0]))
    if get_origin(kind) is Mapping:
        name, item = get_args(kind)
        return _mapping_reader(None if name is str else _reader(name), _reader(item))
    if issubclass(kind, Enum):
        return _enum_reader(kind)
    return _object_reader(kind)


def _text(value: Any) -> Any:
    if type(value) is not str:
        raise _wanted(value, "text")
    return value


def _truth(value: Any) -> Any:
    if type(value) is not bool:
        raise _wanted(value, "true or false")
    return value


def _whole(value: Any) -> Any:
    if type(value) is not int:
        raise _wanted(value, "a whole number")
    return value


def _number(value: Any) -> Any:
    if type(value) not in (int, float):
        raise _wanted(value, "a number")
    if not -1e308 < value < 1e308:
        raise _Misfit("is not a finite number")
    return value


_LEAVES: Mapping[Any, _Reader] = {
    str: _text,
    bool: _truth,
    int: _whole,
    float: _number,
    object: lambda value: value,
}


def _are_texts(values: Collection[Any]) -> bool:
    return {*map(type, values)} <= {str}


def _are_numbers(values: Collection[Any]) -> bool:
    return {*map(type, values)} <= {float} and all(map(isfinite, values))


#: for a reader of single values, whether all of many are of its type, which is most of what records hold
_ALL: Mapping[_Reader, Callable[[Collection[Any]], bool]] = {_text: _are_texts, _number: _are_numbers}


def _union_reader(kinds: tuple[Any, ...]) -> _Reader:
    *others, last = [_reader(kind) for kind in kinds if kind is not type(None)]
    is_optional = type(None) in kinds

    def read(value: Any) -> Any:
        if value is None and is_optional:
            return None
        for other in others:
            try:
                return other(value)
            except _Misfit:
                continue
        return last(value)

    return read


def _list_reader(item: _Reader) -> _Reader:
    def read(value: Any) -> Any:
        if type(value) is not list:
            raise _wanted(value, "a list")
        made: list[Any] = []
        try:
            made.extend(map(item, value))
        except _Misfit as misfit:
            raise misfit.below(str(len(made))) from None
        return tuple(made)

    return read


def _mapping_reader(name: _Reader | None, item: _Reader) -> _Reader:
    are_all = _ALL.get(item)

    def read(value: Any) -> Any:
        if type(value) is not dict:
            raise _wanted(value, "an object")
        if name is None and are_all and are_all(value.values()):
            return value
        made, each = {}, ""
        try:
            for each, content in value.items():
                made[name(each) if name else each] = item(content)
        except _Misfit as misfit:
            raise misfit.below(each) from None
        return made

    return read


def _enum_reader(kind: type[Enum]) -> _Reader:
    members = {member.value: member for member in kind}

    def read(value: Any) -> Any:
        if type(value) is not str or value not in members:
            raise _Misfit(f"is none of {', '.join(members)}")
        return members[value]

    return read


def _object_reader(kind: Any) -> _Reader:
    hints = get_type_hints(kind)
    slots = [(_key(each), each.name, hints[each.name], _reader(hints[each.name])) for each in fields(kind)]
    required = {_key(each) for each in fields(kind) if each.default is each.default_factory is MISSING}

    def read(value: Any) -> Any:
        if type(value) is not dict:
            raise _wanted(value, "an object")
        found, name = {}, ""
        try:
            for name, attribute, hint, reader in slots:
                if name in value:
                    item = value[name]
                    # most values are text, for which nothing needs to be called
                    found[attribute] = item if hint is str and type(item) is str else reader(item)
                elif name in required:
                    raise _Misfit("is missing")
        except _Misfit as misfit:
            raise misfit.below(name) from None
        try:
            return kind(**found)
        except ValueError as error:  # what the dataclass itself refuses
            raise _Misfit(str(error)) from None

    return read
