"""How each method looks in every figure: its words, its colour and its marker."""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass

from gliofill.evaluation.baselines import BASELINES
from gliofill.evaluation.scoring import method_order

#: what a network has to beat, drawn in grey
COMPARATORS = ("linear", "histogram", "l1")

GREY = "#8a8a8a"


@dataclass(frozen=True)
class MethodStyle:
    """Words, colour and marker of one method.

    Attributes
    ----------
    label
        What a reader sees.
    colour
        Of the palette of Okabe and Ito (2008), which colour-blind readers can tell apart; grey for comparators.
    marker
        Tells methods apart in a black-and-white print.
    """

    label: str
    colour: str
    marker: str


STYLES = {
    "input": MethodStyle("input", "#1a1a1a", "o"),
    "zeros": MethodStyle("all zeros", GREY, "x"),
    "linear": MethodStyle("linear map", GREY, "v"),
    "histogram": MethodStyle("histogram map", GREY, "^"),
    "l1": MethodStyle("L1 only", GREY, "P"),
    "nolesion": MethodStyle("GAN, no mask loss", "#E69F00", "s"),
    "lesion": MethodStyle("GAN, mask loss", "#0072B2", "D"),
    "best": MethodStyle("best", "#009E73", "p"),
    "paper": MethodStyle("paper", "#CC79A7", "h"),
}

OTHER_COLOURS = ("#D55E00", "#56B4E9", "#882255", "#999933")
OTHER_MARKERS = ("d", "<", ">", "*")


def style_of(method: str) -> MethodStyle:
    """Return the look of a method; that of an unknown label follows from its name alone, so that it never changes.

    Examples
    --------
    >>> style_of("lesion").colour
    '#0072B2'
    >>> style_of("my-recipe") == style_of("my-recipe")
    True
    """
    if method in STYLES:
        return STYLES[method]
    number = zlib.crc32(method.encode())
    colour = OTHER_COLOURS[number % len(OTHER_COLOURS)]
    return MethodStyle(method, colour, OTHER_MARKERS[number // len(OTHER_COLOURS) % len(OTHER_MARKERS)])


def networks(methods: Iterable[str]) -> list[str]:
    """Return the networks that stand for the method itself, in order: neither baselines nor comparators.

    Examples
    --------
    >>> networks(["l1", "input", "lesion", "nolesion"])
    ['nolesion', 'lesion']
    """
    return [method for method in method_order(methods) if method not in (*BASELINES, *COMPARATORS)]


def main_network(methods: Iterable[str]) -> str | None:
    """Return the network of which one-model figures tell: the one with lesion-mask loss, else the last, if any.

    Examples
    --------
    >>> main_network(["input", "paper", "nolesion", "lesion"]), main_network(["input", "l1"]), main_network(["input"])
    ('lesion', 'l1', None)
    """
    present = set(methods)
    candidates = networks(present) or [method for method in present if method == "l1"]
    return "lesion" if "lesion" in present else (candidates[-1] if candidates else None)
