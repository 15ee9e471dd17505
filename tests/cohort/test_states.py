"""The table of states: every state is shown, and no two can be taken for each other."""

import re

from gliofill.cohort.states import LOOKS, State


def test_every_state_has_a_look_and_a_mark_of_its_own() -> None:
    assert set(LOOKS) == set(State)
    assert len({look.mark for look in LOOKS.values()}) == len({look.label for look in LOOKS.values()}) == len(State)


def test_colours_are_colours() -> None:
    colours = [colour for look in LOOKS.values() for colour in (look.light, look.dark, look.picture)]
    assert all(re.fullmatch("#[0-9a-f]{6}", colour) for colour in colours)
