"""JSON objects as dataclasses: what is written comes back, and what is wrong is named by file and key."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from gliofill.contrasts import Contrast
from gliofill.errors import GliofillError
from gliofill.files.typed_json import JsonRecord, key


@dataclass(frozen=True)
class Point:
    """A place."""

    x: float
    y: float | None = None

    def __post_init__(self) -> None:
        if self.x < 0:
            raise ValueError("lies on the left")


@dataclass(frozen=True, kw_only=True)
class Track(JsonRecord):
    """Places in their order."""

    name: str = field(metadata=key("Name"))
    contrast: Contrast | None = field(default=None, metadata=key("Contrast"))
    closed: bool = field(default=False, metadata=key("Closed"))
    points: tuple[Point, ...]
    lengths: Mapping[Contrast, Mapping[str, int]] = field(default_factory=dict, metadata=key("Lengths"))
    notes: Mapping[str, object] = field(default_factory=dict, metadata=key("Notes"))


WHOLE = {
    "Name": "a",
    "Contrast": "T1post",
    "Closed": True,
    "points": [{"x": 1, "y": 2.5}, {"x": 0.0, "y": None}],
    "Lengths": {"T2w": {"mm": 3}},
    "Notes": {"any": [1, None, {"thing": "x"}]},
}


def test_a_whole_object_is_read_with_its_types_and_written_in_the_same_order() -> None:
    track = Track.from_json(WHOLE, "f.json")
    assert track.contrast is Contrast.T1POST and track.points[0] == Point(1, 2.5)
    assert track.lengths == {Contrast.T2W: {"mm": 3}} and track.notes == WHOLE["Notes"]
    written = track.to_json()
    assert written == WHOLE and list(written) == list(WHOLE)
    assert type(written["points"]) is list and all(type(name) is str for name in written["Lengths"])


def test_keyed_fields_are_left_out_while_they_have_their_default_and_others_are_not() -> None:
    assert Track(name="a", points=(Point(1),)).to_json() == {"Name": "a", "points": [{"x": 1, "y": None}]}


def test_unknown_keys_are_passed_over() -> None:
    assert Track.from_json({**WHOLE, "Later": 1}, "f.json") == Track.from_json(WHOLE, "f.json")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"Name": 1}, "Name: is a number, text is needed"),
        ({"Name": None}, "Name: is null, text is needed"),
        ({"Contrast": "T3w"}, "Contrast: is none of T1post, T1w, T2w, FLAIR"),
        ({"Closed": 1}, "Closed: is a number, true or false is needed"),
        ({"points": {}}, "points: is an object, a list is needed"),
        ({"points": [{"x": 1}, {"y": 1}]}, "points.1.x: is missing"),
        ({"points": [{"x": True}]}, "points.0.x: is true or false, a number is needed"),
        ({"points": [{"x": float("nan")}]}, "points.0.x: is not a finite number"),
        ({"points": [{"x": 10**400}]}, "points.0.x: is not a finite number"),
        ({"points": [{"x": -1}]}, "points.0: lies on the left"),
        ({"points": ["x"]}, "points.0: is text, an object is needed"),
        ({"Lengths": {"T2w": {"mm": 1.5}}}, "Lengths.T2w.mm: is a number, a whole number is needed"),
        ({"Lengths": {"a\nb": {}}}, "Lengths.'a\\nb': is none of T1post, T1w, T2w, FLAIR"),
        ({"Notes": []}, "Notes: is a list, an object is needed"),
    ],
)
def test_what_is_wrong_is_named_by_file_and_key_in_one_line_with_a_remedy(change: dict, words: str) -> None:
    with pytest.raises(GliofillError) as caught:
        Track.from_json({**WHOLE, **change}, "f.json")
    assert str(caught.value) == f"f.json: {words}; delete the file and run the same command again"


def test_what_is_no_object_at_all_is_named_by_file() -> None:
    with pytest.raises(GliofillError, match=r"^f.json: is a list, an object is needed; delete"):
        Track.from_json([], "f.json")
