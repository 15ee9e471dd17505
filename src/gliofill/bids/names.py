"""BIDS file names: taken apart, put together, and put in order."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from sys import intern

#: short entity names of BIDS with the long names that filters of fMRIPrep and pybids use
ENTITIES = {
    "sub": "subject",
    "ses": "session",
    "sample": "sample",
    "task": "task",
    "tracksys": "tracking_system",
    "acq": "acquisition",
    "nuc": "nucleus",
    "voi": "volume_of_interest",
    "ce": "ceagent",
    "trc": "tracer",
    "stain": "stain",
    "rec": "reconstruction",
    "dir": "direction",
    "run": "run",
    "mod": "modality",
    "echo": "echo",
    "flip": "flip",
    "inv": "inversion",
    "mt": "mtransfer",
    "part": "part",
    "proc": "processing",
    "hemi": "hemisphere",
    "space": "space",
    "split": "split",
    "recording": "recording",
    "chunk": "chunk",
    "seg": "segmentation",
    "res": "resolution",
    "den": "density",
    "label": "label",
    "desc": "description",
}
#: entities whose label is a number, so that 02 and 2 are the same
INDICES = frozenset({"run", "echo", "flip", "inv", "split", "chunk"})

_SHORT_NAMES = {long: short for short, long in ENTITIES.items()} | {short: short for short in ENTITIES}
_STEM = re.compile(r"(?:[a-z]+-[0-9A-Za-z+]+_)*[0-9A-Za-z]+")
_KEY = re.compile(r"[a-z]+")
_LABEL = re.compile(r"[0-9A-Za-z+]+")
_SUFFIX = re.compile(r"[0-9A-Za-z]+")
_DIGITS = re.compile(r"([0-9]+)")


@dataclass(frozen=True, slots=True)
class BidsName:
    """A file name in its BIDS parts.

    Attributes
    ----------
    entities
        Labels by short entity name, in the order of the name.
    suffix
        Last part before the extension, for instance ``T1w``.
    extension
        With its dot, ``.nii.gz`` in one piece; empty if there is none.
    """

    entities: Mapping[str, str]
    suffix: str
    extension: str

    def __str__(self) -> str:
        """Return the file name."""
        parts = [f"{key}-{label}" for key, label in self.entities.items()]
        return "_".join([*parts, self.suffix]) + self.extension


def parse_name(filename: str) -> BidsName:
    """Take a BIDS file name apart.

    Parameters
    ----------
    filename
        Name without folder. Entities may be unknown to BIDS and in any order, and there may be none (``T1w.json``).

    Raises
    ------
    ValueError
        If the name is no chain of ``key-label`` pairs and a suffix; the message says where it breaks.

    Examples
    --------
    >>> parse_name("sub-01_run-2_T1w.nii.gz")
    BidsName(entities={'sub': '01', 'run': '2'}, suffix='T1w', extension='.nii.gz')
    """
    stem, extension = _split_extension(filename)
    entities, suffix = _parse_stem(stem)
    return BidsName(entities, suffix, intern(extension))


@lru_cache(maxsize=1024)  # an image and its sidecar share their stem
def _parse_stem(stem: str) -> tuple[Mapping[str, str], str]:
    if not _STEM.fullmatch(stem):
        raise ValueError(_what_breaks(stem))
    *pairs, suffix = stem.split("_")
    entities = {}
    for pair in pairs:
        key, _, label = pair.partition("-")
        entities[intern(key)] = label
    if len(entities) < len(pairs):
        raise ValueError("an entity appears twice in the name")
    return entities, intern(suffix)


def _split_extension(filename: str) -> tuple[str, str]:
    stem, dot, last = filename.rpartition(".")
    if not dot:
        return filename, ""
    if last == "gz" and "." in stem:
        stem, _, inner = stem.rpartition(".")
        return stem, f".{inner}.gz"
    return stem, f".{last}"


def _what_breaks(stem: str) -> str:
    *pairs, suffix = stem.split("_")
    for pair in pairs:
        key, dash, label = pair.partition("-")
        if not dash:
            return f"part {pair!r} of the name is not of the form key-label"
        if not _KEY.fullmatch(key):
            return f"entity {key!r} of the name is not in lower case letters"
        if not _LABEL.fullmatch(label):
            return f"label {label!r} of entity {key!r} is not made of letters and digits"
    if "-" in suffix:
        return f"the name ends with {suffix!r}; a suffix such as T1w is missing"
    assert not _SUFFIX.fullmatch(suffix)
    return f"suffix {suffix!r} of the name is not made of letters and digits"


def is_label(text: str) -> bool:
    """Tell whether BIDS allows `text` as the label of an entity.

    Examples
    --------
    >>> is_label("01"), is_label("0_1")
    (True, False)
    """
    return _LABEL.fullmatch(text) is not None


def short_entity(name: str) -> str:
    """Return the short name of an entity that is given by its short or long name.

    Raises
    ------
    ValueError
        If BIDS has no such entity.

    Examples
    --------
    >>> short_entity("acquisition"), short_entity("acq")
    ('acq', 'acq')
    """
    try:
        return _SHORT_NAMES[name]
    except KeyError:
        raise ValueError(f"{name!r} is not an entity of BIDS") from None


def natural(text: str) -> tuple[tuple[str | int, ...], str]:
    """Return a sort key that puts 2 before 10, and different texts never on one place.

    Examples
    --------
    >>> sorted(["10", "2", "pre", "02"], key=natural)
    ['02', '2', '10', 'pre']
    """
    pieces = _DIGITS.split(text)  # text and digits alternate, so that two keys compare like with like
    return tuple(int(piece) if place % 2 else piece for place, piece in enumerate(pieces)), text
