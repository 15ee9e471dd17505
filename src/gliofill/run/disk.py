"""Disks that are full, read-only, gone or silent: reported in one line, and never mistaken for a fault of the data."""

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from gliofill.errors import GliofillError

#: errors of the disk, and what to do about them
REMEDIES = {
    errno.ENOSPC: "make room",
    errno.EDQUOT: "make room, or ask for a larger quota",
    errno.EFBIG: "raise the limit of file sizes (ulimit -f), or choose another disk",
    errno.EROFS: "make it writable, or choose another folder",
    errno.EIO: "check the disk",
    errno.ESTALE: "check the network disk",
    errno.ENODEV: "check the disk",
    errno.ENOTCONN: "check the network disk",
}
#: with less than this a disk counts as full, where a library does not say why it could not write
LEAST_BYTES = 1_000_000
#: a disk that does not answer for this long counts as stalled
PATIENCE_SECONDS = 60.0

#: reads the names in a folder, or writes a file into the nearest that exists; errors are left to whoever works there
_PROBE = """
import os, sys, tempfile
path, writes = sys.argv[1:]
while not os.path.isdir(path) and path != os.path.dirname(path):
    path = os.path.dirname(path)
if writes:
    with tempfile.TemporaryFile(dir=path) as file:
        file.write(b"x")
        file.flush()
        os.fsync(file.fileno())
else:
    os.listdir(path)
"""


def explain_disk(error: OSError) -> str | None:
    """Return what is wrong with a disk and what to do, in one line; None if the disk is not at fault."""
    if error.errno not in REMEDIES:
        return None
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{os.strerror(error.errno)}; {REMEDIES[error.errno]}, then run the same command again"


def disk_problem(text: str, folder: Path) -> str | None:
    """Tell whether a failed step had no disk to work on.

    Parameters
    ----------
    text
        What it said.
    folder
        Where it worked.

    Returns
    -------
    str or None
        The problem and what to do, in one line; None if the disk is not at fault.
    """
    if not folder.is_dir():
        return f"{folder}: has vanished while a step worked there; check the disk, then run the same command again"
    # a raw image that cannot be read (EIO) is a fault of that image: it is recorded, and its session goes on
    number = next((n for n in REMEDIES if n != errno.EIO and os.strerror(n) in text), None)
    if number is None and shutil.disk_usage(folder).free < LEAST_BYTES:
        number = errno.ENOSPC
    return None if number is None else explain_disk(OSError(number, "", str(folder)))


def check_answers(reads: Sequence[Path] = (), writes: Sequence[Path] = ()) -> None:
    """Ask the disks of folders for an answer.

    Other processes ask, since one that waits for a stalled network disk cannot be interrupted.

    Parameters
    ----------
    reads, writes
        Folders that will be read, and written; those to be written need not be there yet.

    Raises
    ------
    GliofillError
        If a disk does not answer for `PATIENCE_SECONDS`.
    """
    ways = [(folder, "") for folder in reads] + [(folder, "w") for folder in writes]
    asked = [(folder, _ask(folder, way)) for folder, way in ways]
    for folder, probe in asked:
        try:
            probe.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            probe.kill()
            raise GliofillError(
                f"{folder}: its disk does not answer (for {PATIENCE_SECONDS:.0f} s); nothing was started; check "
                "the disk, or the network that it is on, then run the same command again"
            ) from None


def _ask(folder: Path, way: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-I", "-S", "-c", _PROBE, str(folder), way]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def free_bytes(path: Path) -> int:
    """Return the room on the disk of a folder, which need not be there yet."""
    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path).free
