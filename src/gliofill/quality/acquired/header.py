"""What a NIfTI header claims before anything is read by it: damaged ones ask for gigabytes."""

import gzip
import math
import struct
from pathlib import Path
from typing import BinaryIO

_HEADER, _DIM, _OFFSET, _MAGIC, _EXTENDED = 348, 40, 108, 344, 348
#: bytes that every single file has in front of its voxels
_FIRST = 352
#: bytes in front of the voxels; headers with all their extensions have a few thousand
MAX_OFFSET = 1 << 24


def claim_problem(path: Path) -> str:
    """Return why a header must not be followed, or an empty text; a few hundred bytes are read.

    A reader that believes the header would unpack as many bytes as it claims lie in front of the voxels, or belong to
    an extension.

    Raises
    ------
    OSError, EOFError, zlib.error
        If the file cannot be read or unpacked.
    """
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        head = file.read(_FIRST)
        if len(head) < _HEADER:
            return "ends too early" if head else "is empty"
        order = "<" if 1 <= struct.unpack_from("<h", head, _DIM)[0] <= 7 else ">"
        (offset,) = struct.unpack_from(f"{order}f", head, _OFFSET)
        if head[_MAGIC:_EXTENDED] == b"ni1\0":
            return "is the header of a pair of files (.hdr and .img), which BIDS does not have"
        # readers differ in what they make of an offset inside the header: the voxels would be out of step
        if not math.isfinite(offset) or not _FIRST <= offset <= MAX_OFFSET:
            return f"header claims that the voxels begin at byte {offset:.4g}"
        if len(head) == _FIRST and head[_EXTENDED]:
            return _extension_problem(file, order, int(offset))
    return ""


def _extension_problem(file: BinaryIO | gzip.GzipFile, order: str, end: int) -> str:
    """Walk along the extensions, which lie between the header and the voxels."""
    place = _FIRST
    while end - place >= 16:
        file.seek(place)
        size = struct.unpack(f"{order}i", file.read(8)[:4].ljust(4, b"\0"))[0]
        if not 8 <= size <= end - place:
            return f"header claims an extension of {size} bytes where {end - place} are left"
        place += size
    return ""


def read_to_end(path: Path, *, most: int) -> int:
    """Unpack a gzip file to its end, where its checksum is compared; readers of images stop at the last voxel.

    Parameters
    ----------
    path
        A ``.gz`` file.
    most
        Bytes after which to stop: what goes on is no image, and may go on for long.

    Returns
    -------
    int
        Unpacked bytes up to there.

    Raises
    ------
    OSError, EOFError, zlib.error
        If the file is cut short or damaged.
    """
    done = 0
    with gzip.open(path) as file:
        while done <= most and (piece := file.read(1 << 20)):
            done += len(piece)
    return done
