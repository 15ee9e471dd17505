"""Filters in the manner of fMRIPrep: which files may serve as which contrast."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gliofill.bids.names import ENTITIES, INDICES, BidsName, short_entity
from gliofill.contrasts import Contrast
from gliofill.errors import GliofillError

#: value of a filter that any label meets, as long as there is one
ANY = "*"
_PARTS = ("suffix", "extension", "datatype")

Value = str | int | None


@dataclass(frozen=True)
class ContrastFilter:
    """What the name of a file must be like to serve as one contrast.

    Attributes
    ----------
    contrast
        The contrast.
    wanted
        Allowed values by short entity name, ``suffix``, ``extension`` or ``datatype``. None means absent, ``*`` any.
    suffixes
        Those that may serve: the contrast's own unless the filter names others.
    """

    contrast: Contrast
    wanted: Mapping[str, tuple[Value, ...]]
    suffixes: frozenset[str]

    @property
    def has_suffix(self) -> bool:
        """Whether the filter itself names the suffix."""
        return "suffix" in self.wanted

    def mismatch(self, name: BidsName) -> str:
        """Return the first key that a name does not meet, empty if it meets all."""
        if not self.wanted:
            return ""
        actual = {**name.entities, "suffix": name.suffix, "extension": name.extension, "datatype": "anat"}
        for key, values in self.wanted.items():
            if not any(_meets(key, actual.get(key), value) for value in values):
                return key
        return ""


def _meets(key: str, actual: str | None, value: Value) -> bool:
    if actual is None or value is None:
        return actual is None and value is None
    if value == ANY or actual == str(value).removeprefix(f"{key}-"):
        return True
    # YAML and JSON write the session "01" as the number 1, and run-02 is run-2
    is_number = isinstance(value, int) or (key in INDICES and value.isdecimal())
    # as text, for a number may have more digits than Python converts
    return is_number and actual.isdecimal() and actual.lstrip("0") == str(value).lstrip("0")


def read_filters(bids_filter: Mapping[str, Mapping[str, Any]] | None) -> dict[Contrast, ContrastFilter]:
    """Return a filter for each of the four contrasts, an open one where none is given.

    Parameters
    ----------
    bids_filter
        By contrast, then by long or short entity name: a value, a list of values, null (the entity must be absent) or
        ``*`` (it must be present), for instance ``{"T1w": {"acquisition": "MPRAGE", "run": [1, 2]}}``.

    Raises
    ------
    GliofillError
        If a contrast or an entity is unknown, or a value is of another kind.
    """
    given = bids_filter or {}
    if not isinstance(given, Mapping):
        raise GliofillError("bids_filter: is not a mapping; give contrasts, each with entities and values")
    for key in given:
        if key not in list(Contrast):
            raise GliofillError(f"bids_filter: unknown contrast {key!r}; use one of {', '.join(Contrast)}")
    return {contrast: _read_filter(contrast, given.get(contrast.value)) for contrast in Contrast}


def _read_filter(contrast: Contrast, given: Any) -> ContrastFilter:
    if given is None:
        return ContrastFilter(contrast, {}, frozenset({contrast.suffix}))
    if not isinstance(given, Mapping):
        raise GliofillError(f"bids_filter.{contrast}: is not a mapping; give entities and their values")
    wanted = {_key(contrast, key): _values(contrast, key, given[key]) for key in given}
    return ContrastFilter(contrast, wanted, frozenset(str(value) for value in wanted.get("suffix", (contrast.suffix,))))


def _key(contrast: Contrast, key: str) -> str:
    if key in _PARTS:
        return key
    try:
        return short_entity(key)
    except ValueError:
        known = ", ".join(sorted({*ENTITIES, *ENTITIES.values(), *_PARTS}))
        raise GliofillError(f"bids_filter.{contrast}: unknown entity {key!r}; use one of {known}") from None


def _values(contrast: Contrast, key: str, given: Any) -> tuple[Value, ...]:
    values = tuple(given) if isinstance(given, list | tuple) else (given,)
    is_known = all(v is None or (isinstance(v, str | int) and not isinstance(v, bool)) for v in values)
    is_open_suffix = key == "suffix" and (None in values or ANY in values)
    if not values or not is_known or is_open_suffix:
        wanted = "a suffix or several" if key == "suffix" else "a text, a whole number, null, * or a list of these"
        raise GliofillError(f"bids_filter.{contrast}.{key}: {given!r} is not a value to filter by; give {wanted}")
    return values
