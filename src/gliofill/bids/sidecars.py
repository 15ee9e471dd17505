"""Sidecars after BIDS inheritance: every JSON above an image that applies to it, each read once."""

import errno
import json
import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from sys import intern
from typing import Any

from gliofill.bids.names import BidsName, parse_name

#: larger files are no sidecars; reading them would cost memory for nothing
LARGEST_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Sidecar:
    """One JSON file.

    Attributes
    ----------
    path
        Where it lies.
    content
        Its fields; empty if it could not be read.
    warning
        Why it could not be read, empty if it could.
    """

    path: Path
    content: Mapping[str, Any]
    warning: str = ""


@dataclass(frozen=True, slots=True)
class Inherited:
    """What all sidecars together say of one image; the deepest one has the last word, field by field."""

    metadata: Mapping[str, Any] = field(default_factory=dict)
    sidecars: tuple[Path, ...] = ()
    warnings: tuple[str, ...] = ()


def read_sidecar(path: Path) -> Sidecar:
    """Read one sidecar; damage becomes a warning, as one bad file must not stop a cohort."""
    try:
        content = json.loads(_read_small(path))
    except OSError as error:
        return Sidecar(path, {}, f"sidecar {path.name} cannot be read ({error.strerror}); ignored")
    except (ValueError, RecursionError):
        return Sidecar(path, {}, f"sidecar {path.name} cannot be read as JSON; ignored")
    if not isinstance(content, dict):
        return Sidecar(path, {}, f"sidecar {path.name} is not a JSON object; ignored")
    # thousands of sidecars repeat the same words: keep each once
    return Sidecar(path, {intern(key): intern(v) if type(v) is str else v for key, v in content.items()})


def _read_small(path: Path) -> bytes:
    """Read a regular file of at most `LARGEST_BYTES`, with the fewest calls: tens of thousands are read in one scan.

    Raises
    ------
    OSError
        If the file is not there, not regular, or too large.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # does not wait for a writer if the file is a pipe
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        if status.st_size > LARGEST_BYTES:
            raise OSError(errno.EFBIG, "larger than 1 MB")
        return os.read(handle, status.st_size)
    finally:
        os.close(handle)


class SidecarFolder:
    """The JSON files of one folder, each read when it is first needed and never again.

    Parameters
    ----------
    folder
        Path of the folder.
    filenames
        Names of the JSON files in it; those that are no BIDS names apply to nothing.
    """

    def __init__(self, folder: str, filenames: Iterable[str]) -> None:
        self._folder = folder
        self._read: dict[str, Sidecar] = {}
        # by suffix and participant, as some cohorts keep the sidecars of all participants in the root
        self._names: dict[tuple[str, str | None], list[tuple[str, BidsName]]] = {}
        for filename in filenames:
            try:
                name = parse_name(filename)
            except ValueError:
                continue
            self._names.setdefault((name.suffix, name.entities.get("sub")), []).append((filename, name))

    def applying_to(self, image: BidsName) -> list[Sidecar]:
        """Return the sidecars that apply to an image, the most specific last.

        One applies if it has the image's suffix and no entity that the image does not have.
        """
        if not self._names:
            return []
        near = [pair for sub in (None, image.entities.get("sub")) for pair in self._names.get((image.suffix, sub), ())]
        matching = {filename: len(n.entities) for filename, n in near if n.entities.items() <= image.entities.items()}
        return [self._sidecar(filename) for filename in sorted(matching, key=lambda f: (matching[f], f))]

    def _sidecar(self, filename: str) -> Sidecar:
        if filename not in self._read:
            self._read[filename] = read_sidecar(Path(f"{self._folder}/{filename}"))
        return self._read[filename]


def inherit(image: BidsName, folders: Sequence[SidecarFolder]) -> Inherited:
    """Collect what the sidecars say of an image.

    Parameters
    ----------
    image
        Name of the image.
    folders
        From the root of the dataset down to the folder of the image.
    """
    sidecars = [sidecar for folder in folders for sidecar in folder.applying_to(image)]
    read = [sidecar for sidecar in sidecars if not sidecar.warning]
    metadata: Mapping[str, Any] = {}
    if len(read) == 1:
        metadata = read[0].content  # shared, not copied: a root sidecar may serve thousands of images
    elif read:
        metadata = {key: value for sidecar in read for key, value in sidecar.content.items()}
    warnings = tuple(sidecar.warning for sidecar in sidecars if sidecar.warning)
    return Inherited(metadata, tuple(sidecar.path for sidecar in read), warnings)
