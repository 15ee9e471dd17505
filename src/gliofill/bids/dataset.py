"""Value objects that describe what a BIDS folder holds. No input or output happens here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from gliofill.contrasts import Contrast


def printable(text: str) -> str:
    r"""Return a text on one line that every table, log and terminal can take: what cannot be printed is escaped.

    Examples
    --------
    >>> print(printable(chr(10) + "é"))
    \né
    """
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)


@dataclass(frozen=True)
class Scan:
    """One image file that can serve as one of the four contrasts.

    Attributes
    ----------
    path
        Absolute path of the image.
    contrast
        What the name and the sidecar say the image is.
    entities
        BIDS entities of the file name in their order, for instance ``{"sub": "01", "run": "1"}``.
    metadata
        Sidecar fields after BIDS inheritance.
    sidecars
        The JSON files that contributed to `metadata`, from the root of the dataset downward.
    warnings
        What was odd about this file, for instance a sidecar that is not JSON.
    """

    path: Path
    contrast: Contrast
    entities: Mapping[str, str]
    metadata: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    sidecars: tuple[Path, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Unrecognised:
    """A file that looks like an anatomical image but was not taken as one of the four contrasts."""

    path: Path
    reason: str

    def describe(self, root: Path) -> str:
        """Return path below `root` and reason on one printable line; names of files may hold anything."""
        return printable(f"{self.path.relative_to(root)}: {self.reason}")


@dataclass(frozen=True)
class Session:
    """One visit of one participant.

    Attributes
    ----------
    participant, session
        BIDS labels without ``sub-`` and ``ses-``; `session` is empty if the dataset has no sessions.
    scans
        All candidates, best first within each contrast.
    """

    participant: str
    session: str
    scans: tuple[Scan, ...] = ()

    @property
    def folder(self) -> str:
        """Path of the session below a BIDS root.

        Examples
        --------
        >>> Session("01", "pre").folder, Session("01", "").folder
        ('sub-01/ses-pre', 'sub-01')
        """
        return f"sub-{self.participant}/ses-{self.session}" if self.session else f"sub-{self.participant}"

    @property
    def prefix(self) -> str:
        """First entities of every file name of the session.

        Examples
        --------
        >>> Session("01", "pre").prefix
        'sub-01_ses-pre'
        """
        return self.folder.replace("/", "_")

    def candidates(self, contrast: Contrast) -> tuple[Scan, ...]:
        """Return the scans of one contrast, best first."""
        return tuple(scan for scan in self.scans if scan.contrast is contrast)


@dataclass(frozen=True)
class Dataset:
    """A scanned BIDS dataset.

    Attributes
    ----------
    root
        Absolute path of the dataset.
    sessions
        Sorted by participant and session; every visited session is there, also one without usable images.
    unrecognised
        Anatomical-looking files that were left out, each with the reason.
    """

    root: Path
    sessions: tuple[Session, ...]
    unrecognised: tuple[Unrecognised, ...] = ()
