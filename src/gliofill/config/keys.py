"""Keys of configuration and recipes: each is declared once, as a field of a frozen dataclass.

A field has a type, a default, a meaning and, where its type allows too much, limits::

    min_slices: int = key(10, "Fewest voxels along any axis.", least=1)

Its type is one of JSON, ``Literal`` for choices, ``Path`` for files and folders, or `Json`.
"""

import difflib
from collections.abc import Collection
from dataclasses import Field, dataclass, field
from typing import Any, Literal, TypeVar, get_args, get_origin

T = TypeVar("T")


class Json(str):
    """JSON text of a mapping, for a subcommand that reads it itself."""


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """What is declared of a key beside its type and its default.

    Attributes
    ----------
    what
        Its meaning, in a sentence.
    least, most
        Smallest and largest number, both allowed.
    above
        Number that it must exceed.
    choices
        Names that a text, each item of a list, or each key of a mapping must be one of, if any.
    part_of
        Of a mapping of mappings: the section whose keys the inner ones may have.
    """

    what: str = ""
    least: float | None = None
    most: float | None = None
    above: float | None = None
    choices: tuple[str, ...] = ()
    part_of: type | None = None

    @classmethod
    def of(cls, item: "Field[Any]") -> "Declaration":
        """Return what a field declares."""
        declared: Declaration = item.metadata.get("declaration", cls())
        return declared

    def allows(self, number: float) -> bool:
        """Tell whether a number is within the limits, which NaN is not."""
        return (
            number == number
            and (self.least is None or number >= self.least)
            and (self.most is None or number <= self.most)
            and (self.above is None or number > self.above)
        )


def key(
    default: T,
    what: str,
    *,
    least: float | None = None,
    most: float | None = None,
    above: float | None = None,
    choices: Collection[str] = (),
    part_of: type | None = None,
) -> T:
    """Declare a key with its default; see `Declaration`."""
    declared = Declaration(
        what=what, least=least, most=most, above=above, choices=tuple(map(str, choices)), part_of=part_of
    )
    if isinstance(default, dict):
        return field(default_factory=default.copy, metadata={"declaration": declared})  # type: ignore[return-value]
    return field(default=default, metadata={"declaration": declared})


def required(what: str, *, least: float | None = None, most: float | None = None) -> Any:
    """Declare a key that has no default; see `Declaration`."""
    return field(metadata={"declaration": Declaration(what=what, least=least, most=most)})


def allowed(kind: Any, declared: Declaration) -> str:
    """Return in words what the value of a key may be; empty for all that its type allows.

    Examples
    --------
    >>> allowed(int, Declaration(least=1)), allowed(float, Declaration(least=0, most=0.5))
    ('at least 1', 'between 0 and 0.5')
    >>> allowed(tuple[Literal["template", "native"], ...], Declaration())
    'one or more of template, native'
    """
    if get_origin(kind) is tuple:
        return allowed(get_args(kind)[0], declared).replace("one of", "one or more of")
    if get_origin(kind) is Literal:
        return f"one of {', '.join(get_args(kind))}"
    if kind is str and declared.choices:
        return f"one of {', '.join(declared.choices)}"
    if declared.above is not None:
        return f"above {declared.above}"
    if declared.least is None:
        return ""
    return f"at least {declared.least}" if declared.most is None else f"between {declared.least} and {declared.most}"


def did_you_mean(word: str, known: Collection[str]) -> str:
    """Return the end of an error message that suggests the nearest known word, or lists all.

    Examples
    --------
    >>> did_you_mean("bids_dri", ["bids_dir", "output_dir"])
    "; did you mean 'bids_dir'?"
    """
    near = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(known)}"
