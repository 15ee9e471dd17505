"""Declarations of keys: what is declared can be read back, and said in words."""

from dataclasses import dataclass, fields
from typing import Any, Literal

import pytest

from gliofill.config.keys import Declaration, allowed, did_you_mean, key, required


@dataclass(frozen=True)
class Oven:
    """Something to set."""

    name: str = required("What it is called.")
    celsius: float = key(180.0, "How hot.", least=0, most=300)
    racks: dict[str, int] = key({"top": 1}, "Racks by name.")


def test_declared_default_and_meaning_are_those_of_the_field() -> None:
    assert Oven("a").celsius == 180.0
    assert [Declaration.of(item).what for item in fields(Oven)] == ["What it is called.", "How hot.", "Racks by name."]


def test_required_key_has_no_default() -> None:
    with pytest.raises(TypeError, match="name"):
        Oven()


def test_mapping_is_not_shared_between_instances() -> None:
    assert Oven("a").racks == {"top": 1} and Oven("a").racks is not Oven("b").racks


@pytest.mark.parametrize(
    ("declared", "number", "expected"),
    [
        (Declaration(), -1e9, True),
        (Declaration(), float("inf"), True),
        (Declaration(), float("nan"), False),
        (Declaration(least=1), 1, True),
        (Declaration(least=1), 0, False),
        (Declaration(most=5), 5, True),
        (Declaration(most=5), 5.1, False),
        (Declaration(above=0), 0, False),
        (Declaration(above=0), 1e-9, True),
    ],
)
def test_limits_include_both_ends_but_above(declared: Declaration, number: float, expected: bool) -> None:
    assert declared.allows(number) is expected


@pytest.mark.parametrize(
    ("kind", "declared", "words"),
    [
        (bool, Declaration(), ""),
        (int, Declaration(least=3), "at least 3"),
        (float, Declaration(least=-3, most=5), "between -3 and 5"),
        (tuple[float, float], Declaration(above=0), "above 0"),
        (Literal["linear", "sinc"], Declaration(), "one of linear, sinc"),
        (str, Declaration(choices=("a", "b")), "one of a, b"),
        (tuple[str, ...], Declaration(choices=("a", "b")), "one or more of a, b"),
    ],
)
def test_allowed_values_are_said_in_words(kind: Any, declared: Declaration, words: str) -> None:
    assert allowed(kind, declared) == words


def test_all_known_words_are_listed_where_none_is_near() -> None:
    assert did_you_mean("quartz", ["bids_dir", "output_dir"]) == "; known are bids_dir, output_dir"
