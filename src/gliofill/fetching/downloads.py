"""Downloads that go on where they broke off, and appear under their name only when their checksum is right.

Only the subcommand ``fetch`` imports this module: nothing else in the package opens a connection.
"""

import hashlib
import http.client
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from gliofill import __version__
from gliofill.errors import GliofillError
from gliofill.files.atomic import settle

TRIES = 3
#: seconds without a byte after which a connection counts as broken
PATIENCE_S = 30.0
_BLOCK = 1 << 16


class DownloadError(GliofillError):
    """A download that did not succeed; trying again may help."""


@dataclass(frozen=True)
class RemoteFile:
    """A file on a server, and how to know that it came whole.

    Attributes
    ----------
    address
        URL.
    size
        In bytes.
    algorithm, digest
        Checksum, as ``hashlib`` names it, in hexadecimal digits.
    """

    address: str
    size: int
    algorithm: str
    digest: str

    @property
    def name(self) -> str:
        """Name of the file."""
        return self.address.rsplit("/", 1)[1]

    def problem(self, path: Path) -> str:
        """Return what is wrong with a local copy; empty if nothing is."""
        size = path.stat().st_size
        if size != self.size:
            return f"it has {size} bytes, {self.size} were expected"
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, self.algorithm).hexdigest()
        if digest != self.digest:
            return f"its {self.algorithm.upper()} is {digest}, {self.digest} was expected"
        return ""


def is_there(file: RemoteFile, folder: Path) -> bool:
    """Tell whether a folder has the file, whole and unchanged."""
    path = folder / file.name
    return path.is_file() and not file.problem(path)


def download(file: RemoteFile, folder: Path, *, log: Callable[[str], None], patience_s: float = PATIENCE_S) -> Path:
    """Bring a file into a folder unless it is there.

    What arrived before a connection broke is kept in a hidden file beside it, also for the next call.

    Parameters
    ----------
    file
        What to download.
    folder
        Made if it does not exist.
    log
        Is told what happens.
    patience_s
        Seconds without a byte after which the connection counts as broken.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    DownloadError
        If the server cannot be reached, breaks off again and again, refuses, or sends something else.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path, partial = folder / file.name, folder / f".{file.name}.part"
    with FileLock(folder / f".{file.name}.lock"):
        if is_there(file, folder):
            log(f"{path}: is already there, checksum correct")
            return path
        _receive_all(file, partial, log, patience_s)
        if problem := file.problem(partial):
            partial.unlink()
            raise DownloadError(f"{file.address}: {problem}; the download was discarded")
        settle(partial, path)
    log(f"{path}: {file.size} bytes, checksum correct")
    return path


def _receive_all(file: RemoteFile, partial: Path, log: Callable[[str], None], patience_s: float) -> None:
    reason = ""
    for _ in range(TRIES):
        have = partial.stat().st_size if partial.is_file() else 0
        if have >= file.size:
            return
        if have:
            log(f"{file.address}: continues after {have} of {file.size} bytes")
        try:
            _receive(file, partial, have, patience_s)
            reason = "the server ended the connection"
        except urllib.error.HTTPError as error:
            partial.unlink(missing_ok=True)
            raise DownloadError(f"{file.address}: the server answers {error.code} {error.reason}") from error
        except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError) as error:
            reason = str(getattr(error, "reason", error)) or type(error).__name__
    have = partial.stat().st_size if partial.is_file() else 0
    if have < file.size:
        raise DownloadError(
            f"{file.address}: broke off after {have} of {file.size} bytes ({reason}); the same command continues there"
        )


def _receive(file: RemoteFile, partial: Path, have: int, patience_s: float) -> None:
    """Append what the server sends; from the beginning if it cannot go on in the middle."""
    headers = {"User-Agent": f"gliofill/{__version__}", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    request = urllib.request.Request(file.address, headers=headers)
    with urllib.request.urlopen(request, timeout=patience_s) as response:
        goes_on = response.status == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        with partial.open("ab" if goes_on else "wb") as out:
            # one byte too many is enough to know that it is something else
            while out.tell() <= file.size and (block := response.read1(_BLOCK)):
                out.write(block)
