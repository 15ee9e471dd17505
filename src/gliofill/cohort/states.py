"""The states of a contrast and how each is shown: the one table that pages, terminal and pictures read."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """What there is of a contrast, in the order of how much a reader should care."""

    FAILED = "failed"
    UNFINISHED = "unfinished"
    UNUSABLE = "unusable"
    FLAGGED = "flagged"
    GAP = "gap"
    SYNTHETIC = "synthetic"
    ACQUIRED = "acquired"


@dataclass(frozen=True)
class Look:
    """How a state is shown.

    Attributes
    ----------
    label, mark
        Its name for people, and the sign before it on pages.
    terminal
        Style of rich.
    light, dark
        Colour of text on light and on dark pages.
    fill
        Colour of an area on pages; that of the text if empty.
    picture
        Colour on black.
    """

    label: str
    mark: str
    terminal: str
    light: str
    dark: str
    picture: str
    fill: str = ""


_RED, _GREY = ("#b3261e", "#ff8f86", "#ff8a80"), ("#5b6570", "#a3adb7", "#bbbbbb")

LOOKS: Mapping[State, Look] = {
    State.FAILED: Look("failed", "✕", "bold red", *_RED),
    State.UNFINISHED: Look("unfinished", "…", "dim", *_GREY, fill="var(--line)"),
    State.UNUSABLE: Look("unusable", "⊘", "red", *_RED),
    State.FLAGGED: Look("flagged", "▲", "magenta", "#8b3a8f", "#e09be3", "#e58fe0"),
    State.GAP: Look("missing", "○", "red", *_RED),
    State.SYNTHETIC: Look("synthetic", "◆", "yellow", "#8a5a00", "#f2bf5c", "#ffc94d", fill="#d99a1c"),
    State.ACQUIRED: Look("acquired", "●", "green", "#24713a", "#7ccf92", "#8fd694"),
}
