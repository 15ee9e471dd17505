"""Was an image taken before or after gadolinium? What the file name and the sidecar say of it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

_BRANDS = (
    "gadavist|gado[a-z]{3,}|ablavar|artirem|clariscan|cyclolux|dotagraf|dotarem|elucirem|eovist|magnevist|magnograf|"
    "multihance|omniscan|optimark|primovist|prohance|vueway"
)
_AGENT = "(?:gad|gd(?![a-z])|contrast|ce(?![a-z])|inj)"
_SEQUENCES = (
    "(?:t1|t2|w|2d|3d|mprage|mpr|mp2rage|fspgr|spgr|bravo|vibe|space|cube|tfe|ffe|tse|fse|se|gre|flash|flair|tirm|"
    "axial|ax|sagittal|sag|coronal|cor|tra|iso|fatsat|fs|highres|hr|mm|[0-9])*"
)
#: labels of ce- that say there was no agent
_CE_NONE = re.compile(f"0|false|native|unenhanced|(?:none|non|no|pre|without|wo|before)(?:{_AGENT}[a-z]*)?")
#: labels of ce- that need no comment
_CE_PLAIN = re.compile(f"(?:post)?(?:gado?|gd|contrast|{_BRANDS})?|yes|1", re.IGNORECASE)
#: other labels that tell plainly: an unmistakable word, or sequence names around "pre", "post" or "gd" (not "postop")
_LABEL_NONE = re.compile(f"^{_SEQUENCES}pre{_SEQUENCES}$|(?:non|no|pre|without|wo|before){_AGENT}|unenhanced")
_LABEL_POST = re.compile(
    f"^{_SEQUENCES}(?:post|gado?|gd|ce){_SEQUENCES}$|^t1w?[+]?c$|(?:post|with|after|plus){_AGENT}|{_BRANDS}|contrastenhanced"
)
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_POST_WORDS = frozenset({"gd", "gad", "gado", "ce"})
_TELLING_ENTITIES = ("acq", "rec", "desc")

_UNKNOWN = frozenset({"", "unknown", "n/a", "na", "null"})
_AGENT_NONE = re.compile(r"\W*(?:no|non|none|not|without|w/?o|false)\b", re.IGNORECASE)
_AGENT_POST = re.compile(rf"\bgad|\bgd(?![a-z])|gd-?(?:dtpa|dota|bt|hp|bopta)|\b(?:{_BRANDS})", re.IGNORECASE)


@dataclass(frozen=True)
class Gadolinium:
    """Whether an image is post-gadolinium.

    Attributes
    ----------
    is_post
        True if anything says so, even against another voice: an enhancing image that passes as pre-gadolinium would
        mislead whoever uses it.
    evidence
        What says so, for instance ``ce-gd``; empty without.
    warnings
        Told where the name has no plain ``ce-`` label, or where two sources disagree.
    """

    is_post: bool = False
    evidence: str = ""
    warnings: tuple[str, ...] = ()


_NOTHING_SAID = Gadolinium()


@dataclass(frozen=True)
class _Voice:
    source: str
    is_post: bool
    is_plain: bool = False


def judge_gadolinium(entities: Mapping[str, str], metadata: Mapping[str, Any]) -> Gadolinium:
    """Tell from the entities of a name and the fields of its sidecar whether an image is post-gadolinium.

    Heard are the ``ce-`` label (any but those that deny, such as ``ce-none``), then ``acq-``, ``rec-`` and ``desc-``
    labels that tell plainly, then the DICOM fields ``ContrastBolusIngredient`` (0018,1048) and ``ContrastBolusAgent``
    (0018,0010).

    Examples
    --------
    >>> judge_gadolinium({"sub": "01", "ce": "gd"}, {}).is_post
    True
    >>> judge_gadolinium({"sub": "01", "acq": "T1post"}, {}).warnings
    ('taken as post-gadolinium from acq-T1post',)
    """
    voices = [*_voices_of_name(entities), *_voices_of_sidecar(metadata)]
    posts = [voice for voice in voices if voice.is_post]
    if not posts:
        return _NOTHING_SAID
    best = posts[0]
    deniers = [voice.source for voice in voices if not voice.is_post]
    if deniers:
        warning = f"taken as post-gadolinium from {best.source}, although {' and '.join(deniers)} says there was none"
        return Gadolinium(True, best.source, (warning,))
    return Gadolinium(True, best.source, () if best.is_plain else (f"taken as post-gadolinium from {best.source}",))


def _voices_of_name(entities: Mapping[str, str]) -> Iterator[_Voice]:
    if "ce" in entities:
        label = entities["ce"]
        is_none = _CE_NONE.fullmatch(label.lower()) is not None
        yield _Voice(f"ce-{label}", not is_none, is_plain=_CE_PLAIN.fullmatch(label) is not None)
    for key in _TELLING_ENTITIES:
        if key in entities:
            is_post = _label_tells(entities[key])
            if is_post is not None:
                yield _Voice(f"{key}-{entities[key]}", is_post)


@lru_cache(maxsize=4096)
def _label_tells(label: str) -> bool | None:
    """Tell whether a label means after gadolinium (True), before (False), or nothing of the kind (None)."""
    lower = label.lower()
    if _LABEL_NONE.search(lower):
        return False
    if _LABEL_POST.search(lower) or any(word.lower() in _POST_WORDS for word in _WORDS.findall(label)):
        return True
    return None


def _voices_of_sidecar(metadata: Mapping[str, Any]) -> Iterator[_Voice]:
    for key in ("ContrastBolusIngredient", "ContrastBolusAgent"):
        value = metadata.get(key)
        for text in value if isinstance(value, list) else [value]:
            if not isinstance(text, str) or text.strip().lower() in _UNKNOWN:
                continue
            source = f"{key} {text.strip()[:40]!r} in the sidecar"
            if _AGENT_NONE.match(text):
                yield _Voice(source, False)
            elif _AGENT_POST.search(text) or key == "ContrastBolusIngredient":
                # any ingredient enhances; free text of the agent is believed only where it names gadolinium
                yield _Voice(source, True)
