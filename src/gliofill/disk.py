"""Disks that are full, read-only or gone: told in one line, and never taken for a fault of the data."""

import errno
import os
import shutil
from pathlib import Path

#: errors of the disk, and what to do about them
REMEDIES = {
    errno.ENOSPC: "make room",
    errno.EDQUOT: "make room, or ask for a larger quota",
    errno.EFBIG: "raise the limit of file sizes (ulimit -f), or choose another disk",
    errno.EROFS: "make it writable, or choose another folder",
    errno.EIO: "look after the disk",
    errno.ESTALE: "look after the network disk",
    errno.ENODEV: "look after the disk",
    errno.ENOTCONN: "look after the network disk",
}
#: with less than this a disk counts as full, where a library does not tell why it could not write
LEAST_BYTES = 1_000_000


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
        return f"{folder}: has vanished while a step worked there; look after the disk, then run the same command again"
    # a raw image that cannot be read (EIO) is a fault of that image: it is recorded, and its session goes on
    number = next((n for n in REMEDIES if n != errno.EIO and os.strerror(n) in text), None)
    if number is None and shutil.disk_usage(folder).free < LEAST_BYTES:
        number = errno.ENOSPC
    return None if number is None else explain_disk(OSError(number, "", str(folder)))


def free_bytes(path: Path) -> int:
    """Return the room on the disk of a folder, which need not be there yet."""
    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path).free
