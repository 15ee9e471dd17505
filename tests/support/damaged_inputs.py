"""A BIDS dataset of damaged inputs beside good ones, each with what is to be said of it.

As a program it writes the dataset to look at: ``python -m tests.support.damaged_inputs FOLDER``.
"""

import gzip
import itertools
import os
import random
import struct
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np

#: thresholds that the small good images pass
SETTINGS = {"max_pixel_mm": 5, "max_saturation": 1}
GOOD = ("sub-good1", "sub-good2", "sub-good3")

# where fields of a NIfTI-1 header begin, in bytes
_DIM, _TYPE, _PIXDIM, _OFFSET, _SLOPE, _INTER, _UNITS = 40, 70, 76, 108, 112, 116, 123
_QFORM, _SFORM, _QUATERN, _ROWS, _MAGIC, _EXTENDED = 252, 254, 256, 280, 344, 348

OK, UNUSABLE, MISSING = "ok", "unusable", "missing"


@dataclass(frozen=True)
class Damage:
    """One damaged input.

    Attributes
    ----------
    name
        Of the damage, unique.
    make
        Makes it in a session's ``anat`` folder, given that and the beginning of its file names.
    status
        What the coverage table is to say of the session's T2w; ok where every reader repairs the damage in one way.
    says
        Part of the reason, or of the warnings.
    """

    name: str
    make: Callable[[Path, str], object]
    status: str = UNUSABLE
    says: str = ""


def good_image(dtype: str = "<i2") -> nib.Nifti1Image:
    """Return a ball on a small grid."""
    ball = np.linalg.norm(np.indices((30, 30, 30)) - 14.5, axis=0) < 12
    return nib.Nifti1Image((1000 * ball).astype(dtype), np.diag([5.0, 5, 5, 1]))


PLAIN = good_image().to_bytes()


def damages() -> list[Damage]:
    """Return every damage, numbered by its place."""
    found = [*_headers(), *_extensions(), *_containers(), *_flips(), *_voxels(), *_bombs(), *_links(), *_names()]
    return [*found, *_sidecars()]


def write_dataset(root: Path) -> dict[str, Damage]:
    """Write the good sessions and one session for each damage; return the damage of each session."""
    for session in GOOD:
        _write(root / session / "anat" / f"{session}_T2w.nii.gz", gzip.compress(PLAIN, mtime=0))
    placed = {f"sub-bad{number:03d}": damage for number, damage in enumerate(damages(), 1)}
    for session, damage in placed.items():
        anat = root / session / "anat"
        anat.mkdir(parents=True)
        damage.make(anat, session)
    rows = ["participant_id\tage", "sub-good1\t40", "sub-good1\t41", "sub-nobody", "", "\t\t\t"]
    _write(root / "participants.tsv", b"\xef\xbb\xbf" + "\r\n".join(rows).encode())
    _write(root / "dataset_description.json", b"{")
    return placed


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _image(name: str, content: bytes, status: str = UNUSABLE, says: str = "", *, ending: str = ".nii") -> Damage:
    return Damage(name, lambda anat, start: _write(anat / f"{start}_T2w{ending}", content), status, says)


def _patched(*patches: tuple[int, bytes]) -> bytes:
    content = bytearray(PLAIN)
    for place, value in patches:
        content[place : place + len(value)] = value
    return bytes(content)


def _in_both(name: str, content: bytes, status: str = UNUSABLE, says: str = "") -> Iterator[Damage]:
    yield _image(name, content, status, says)
    yield _image(f"{name}, packed", gzip.compress(content, mtime=0), status, says, ending=".nii.gz")


def _headers() -> Iterator[Damage]:
    short, real = struct.Struct("<h").pack, struct.Struct("<f").pack
    for axis, size in itertools.product((1, 2, 3), (0, -1, -32768, 32767)):
        yield from _in_both(f"size {size} along axis {axis}", _patched((_DIM + 2 * axis, short(size))))
    yield from _in_both("terabytes", _patched((_DIM, struct.pack("<8h", 3, *[32767] * 3, 1, 1, 1, 1))), says="size")
    yield from _in_both("4-D terabytes", _patched((_DIM, struct.pack("<8h", 7, *[32767] * 7))))
    for count in (0, 1, 2, 8, -1, 32767):
        yield _image(f"{count} dimensions", _patched((_DIM, short(count))))
    for count in (4, 5):
        shape = (30, 30, 6, *[5 if axis == count else 1 for axis in range(4, 8)])
        yield _image(f"{count}-D", _patched((_DIM, struct.pack("<8h", count, *shape))), says=f"is {count}-D")
    for code, name in ((32, "complex64"), (128, "RGB"), (1792, "complex128"), (2304, "RGBA"), (2048, "complex256")):
        yield from _in_both(f"voxels of type {name}", _patched((_TYPE, short(code))))
    for code in (0, 1, 1536, 9999, -1):
        yield _image(f"type code {code}", _patched((_TYPE, short(code))))
    forms = (_QFORM, short(0)), (_SFORM, short(1))
    for value in (float("nan"), float("inf"), float("-inf"), 1e30, -1e-30):
        yield from _in_both(f"affine with {value}", _patched(*forms, (_ROWS, real(value))))
    for name, rows in (
        ("zero affine", np.zeros((3, 4))),
        ("singular affine", np.ones((3, 4))),
        ("sheared flat", np.array([[5, 5, 0, 0], [0, 1e-12, 0, 0], [0, 0, 5, 0]])),
    ):
        yield from _in_both(name, _patched(*forms, (_ROWS, rows.astype("<f4").tobytes())), says="affine")
    sheared = np.array([[5, 40, 0, 0], [0, 5, 0, 0], [0, 0, 5, 0]], dtype="<f4").tobytes()
    yield _image("sheared affine", _patched(*forms, (_ROWS, sheared)))
    forms = (_QFORM, short(1)), (_SFORM, short(0))
    for value in (0, -5, float("nan"), float("inf"), 1e30, 1e-30):
        status = OK if value == -5 else UNUSABLE  # a sign is dropped by all; 0 is read as 1
        patches = *forms, (_PIXDIM + 4, real(value) * 3), (_PIXDIM, real(1))
        yield _image(f"voxel size {value}", _patched(*patches), status)
    for value in (float("nan"), float("inf"), 2.0):
        yield _image(f"quaternion {value}", _patched(*forms, (_QUATERN, real(value) * 3)))
    for value in (float("nan"), float("inf"), -1e30, 0, 351, 1e9, 1e30):
        yield from _in_both(f"voxels at byte {value}", _patched((_OFFSET, real(value))), says="begin at byte")
    # a slope that is no number counts as none
    yield _image("slope inf", _patched((_SLOPE, real(float("inf")))), OK)
    yield _image("slope 1e+38", _patched((_SLOPE, real(1e38))), says="not finite")
    yield _image("slope 1e-45", _patched((_SLOPE, real(1e-45))), says="is constant")
    yield _image("intercept inf", _patched((_SLOPE, real(1)), (_INTER, real(float("inf")))), says="intercept")
    for code, unit in ((1, "meter"), (3, "micron")):
        yield _image(f"size in {unit}s", _patched((_UNITS, bytes([code]))), says=unit)
    for magic, says in ((b"ABCD", "magic"), (b"\0\0\0\0", "magic"), (b"ni1\0", "pair of files")):
        yield from _in_both(f"magic {magic!r}", _patched((_MAGIC, magic)), says=says)
    for size in (0, 1, 540, -1, 2**31 - 1):  # readers look at the magic
        yield from _in_both(f"header of {size} bytes", _patched((0, struct.pack("<i", size))), OK)
    yield _image("big-endian", _big_endian(), OK)


def _big_endian() -> bytes:
    image = good_image()
    header = image.header.as_byteswapped(">")
    return nib.Nifti1Image(image.get_fdata().astype(">i2"), image.affine, header).to_bytes()


def _extensions() -> Iterator[Damage]:
    for size in (2**31 - 16, -16, 0, 7, 8):
        content = _patched((_EXTENDED, b"\1\0\0\0"), (_OFFSET, struct.pack("<f", 368)))
        content = content[:352] + struct.pack("<ii", size, 4) + bytes(8) + content[352:]
        status, says = (OK, "") if size == 8 else (UNUSABLE, "claims an extension of")
        yield from _in_both(f"extension of {size} bytes", content, status, says)


def _containers() -> Iterator[Damage]:
    packed = gzip.compress(PLAIN, mtime=0)
    for length in (0, 1, 10, 100, 347, 348, 352, len(PLAIN) // 2, len(PLAIN) - 1):
        yield from _in_both(f"cut after {length} bytes", PLAIN[:length])
    for length in (1, 2, 9, 10, 18, 100, len(packed) // 2, len(packed) - 9, len(packed) - 8, len(packed) - 1):
        yield _image(f"packed, cut after {length} bytes", packed[:length], ending=".nii.gz")
    yield _image("empty, packed name", b"", ending=".nii.gz")
    yield _image("packed twice", gzip.compress(packed), ending=".nii.gz")
    yield _image("plain under a packed name", PLAIN, ending=".nii.gz")
    yield _image("packed under a plain name", packed)
    yield _image("junk after the end, packed", packed + b"junk", ending=".nii.gz")
    yield from _in_both("a few bytes after the end", PLAIN + b"junk", OK)
    yield from _in_both("a slice after the end", PLAIN + bytes(1800), says="after its last voxel")
    yield _image("wrong checksum", packed[:-8] + b"\0\0\0\0" + packed[-4:], ending=".nii.gz")
    for name, content in (
        ("text", b"not an image\n"),
        ("HTML", b"<!doctype html><script>alert(1)</script>"),
        ("zip", b"PK\3\4" + bytes(500)),
        ("pickle", b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x02id\x85R."),
        ("DICOM", bytes(128) + b"DICM" + bytes(400)),
    ):
        yield from _in_both(name, content)


def _flips() -> Iterator[Damage]:
    packed, choice = gzip.compress(PLAIN, mtime=0), random.Random(0)
    for number in range(30):
        # behind the header of gzip, whose time and system nobody reads
        yield _flipped(f"{number} of a packed image", packed, choice.randrange(10, len(packed)), choice.randrange(8))
    yield _flipped("of the time of packing", packed, 5, 3, OK)
    for place, bit, status, says in (
        (0, 4, OK, ""),  # size of the header
        (20, 2, OK, ""),  # a field that nobody uses
        (_DIM, 0, UNUSABLE, "2-D"),
        (_DIM, 2, OK, ""),  # seven dimensions, of which four are 1
        (_DIM, 3, UNUSABLE, ""),
        (_DIM + 2, 0, UNUSABLE, "Expected"),
        (_DIM + 2, 1, UNUSABLE, "after its last voxel"),
        (_DIM + 4, 4, UNUSABLE, "after its last voxel"),
        (_DIM + 7, 7, UNUSABLE, "impossible size"),
        (_TYPE, 0, UNUSABLE, "data code"),
        (_TYPE, 3, UNUSABLE, "data code"),
        (_TYPE + 2, 2, OK, ""),  # bits per voxel, which the type tells, too
        (_OFFSET + 2, 4, UNUSABLE, ""),
        (_OFFSET + 3, 6, UNUSABLE, "begin at byte"),
        (_MAGIC + 1, 1, UNUSABLE, "magic"),
        (_UNITS, 0, UNUSABLE, "meter"),
        (_ROWS + 3, 6, UNUSABLE, ""),  # exponent of the first edge
        (_ROWS + 3, 7, OK, ""),  # its sign: mirrored, as an image may be
        (_EXTENDED, 0, OK, ""),  # extensions of which there are none
    ):
        yield _flipped(f"{bit} of byte {place}", PLAIN, place, bit, status, says, ending=".nii")


def _flipped(
    name: str, content: bytes, place: int, bit: int, status: str = UNUSABLE, says: str = "", *, ending: str = ".nii.gz"
) -> Damage:
    changed = bytearray(content)
    changed[place] ^= 1 << bit
    return _image(f"flipped bit {name}", bytes(changed), status, says, ending=ending)


def _voxels() -> Iterator[Damage]:
    for name, dtype, value in (
        ("all zero", "i2", 0),
        ("all -7", "f4", -7),
        ("all NaN", "f4", np.nan),
        ("all infinite", "f8", np.inf),
        ("all minus infinite", "f4", -np.inf),
        ("all of the largest", "u8", 2**64 - 1),
    ):
        yield _image(name, _stored(np.full((30, 30, 30), value, dtype)))
    for name, dtype, value in (
        ("one NaN", "f4", np.nan),
        ("one infinite", "f4", np.inf),
        ("one of 1e308", "f8", 1e308),
        ("one of -1e308", "f8", -1e308),
        ("one of the smallest", "i8", -(2**63)),
    ):
        data = np.asarray(good_image().dataobj).astype(dtype)
        data[15, 15, 15] = value
        yield _image(name, _stored(data), says="not finite" if name != "one of the smallest" else "")


def _stored(data: np.ndarray) -> bytes:
    return nib.Nifti1Image(data, np.diag([5.0, 5, 5, 1]), dtype=data.dtype).to_bytes()


def _bombs() -> Iterator[Damage]:
    """Yield small files that are large once read."""
    zeros = gzip.compress(bytes(1 << 26), 9, mtime=0)
    for name, shape, code, bits in (
        ("a gigabyte of zeros", (1024, 1024, 1000), 2, 8),
        ("eight gigabytes of zeros", (1024, 1024, 1000), 64, 64),
        ("one slice of a gigabyte", (32000, 32000, 1), 2, 8),
    ):
        head = _patched((_DIM, struct.pack("<4h", 3, *shape)), (_TYPE, struct.pack("<2h", code, bits)))[:352]
        yield _image(f"{name}, packed", gzip.compress(head, mtime=0) + 16 * zeros, ending=".nii.gz")
        yield Damage(name, _sparse(head, 352 + int(np.prod(shape)) * bits // 8))
    head = _patched((_EXTENDED, b"\1\0\0\0"), (_OFFSET, struct.pack("<f", 1e9)))[:352]
    extension = gzip.compress(head + struct.pack("<ii", 2**31 - 16, 4), mtime=0) + 16 * zeros
    yield _image("an extension of a gigabyte", extension, ending=".nii.gz")


def _sparse(head: bytes, size: int) -> Callable[[Path, str], object]:
    def make(anat: Path, start: str) -> None:
        with (anat / f"{start}_T2w.nii").open("wb") as file:
            file.write(head)
            file.truncate(size)

    return make


def _links() -> Iterator[Damage]:
    def link(target: str) -> Callable[[Path, str], object]:
        return lambda anat, start: (anat / f"{start}_T2w.nii").symlink_to(target.format(start=start))

    yield Damage("link to itself", link("{start}_T2w.nii"), MISSING, "cannot be followed")
    yield Damage("link to nothing", link("gone.nii"), MISSING, "does not exist")
    yield Damage("link to its folder", link("."), MISSING)
    yield Damage("link to endless zeros", link("/dev/zero"), MISSING, "a link to something that is not a file")
    # permissions do not bind the administrator, who may run the tests; nobody can read the first page of memory
    yield Damage("reading fails", link("/proc/self/mem"), UNUSABLE, "cannot be read")
    yield Damage("pipe", lambda anat, start: os.mkfifo(anat / f"{start}_T2w.nii"), MISSING, "neither a file")
    yield Damage("folder", lambda anat, start: (anat / f"{start}_T2w.nii.gz").mkdir(), MISSING)
    yield Damage("circle of folders", lambda anat, _: (anat / "anat").symlink_to(".."), MISSING)
    yield Damage("no permission", _closed, OK if os.geteuid() == 0 else UNUSABLE)  # it does not bind the administrator


def _closed(anat: Path, start: str) -> None:
    _write(anat / f"{start}_T2w.nii", PLAIN)
    (anat / f"{start}_T2w.nii").chmod(0)


#: names that would do harm in a shell, a page, a table or a log
EVIL = (
    "a b",
    "é漢字🧠",
    "two\nlines",
    "tab\there",
    "'quoted'",
    '"quoted"',
    "$(touch pwned)",
    "`touch pwned`",
    "a;touch pwned",
    "a|b&c",
    "..",
    "..\\..",
    "<img src=x onerror=alert(1)>",
    "{wildcard}",
    "%s%n",
    "-rf",
    "\x1b[31mred",
    "\u202eright to left",
    "bad\udcff bytes",
    "x" * 180,
)


def _names() -> Iterator[Damage]:
    for text in EVIL:

        def make(anat: Path, start: str, text: str = text) -> None:
            _write(anat / f"{start}_acq-{text}_T2w.nii", PLAIN)

        status = OK if text.isascii() and text.isalnum() else MISSING
        yield Damage(f"name with {text!r}", make, status, "" if status == OK else "not a BIDS name")


def _sidecars() -> Iterator[Damage]:
    def beside(name: str, content: bytes, says: str = "") -> Damage:
        def make(anat: Path, start: str) -> None:
            _write(anat / f"{start}_T2w.nii", PLAIN)
            _write(anat / f"{start}_T2w.json", content)

        return Damage(f"sidecar: {name}", make, OK, says)

    for name, content in (
        ("empty", b""),
        ("cut", b'{"A": 1'),
        ("binary", bytes(range(256))),
        ("not UTF-8", b'{"A": "\xff"}'),
        ("deep", b"[" * 100_000),
        ("deep object", b'{"A":' * 100_000),
        ("huge number", b'{"A": ' + b"9" * 5000 + b"}"),
    ):
        yield beside(name, content, "cannot be read as JSON")
    for name, content in (("list", b"[1]"), ("null", b"null"), ("text", b'"T2w"'), ("number", b"1e999")):
        yield beside(name, content, "not a JSON object")
    for name, content in (
        ("byte order mark", b'\xef\xbb\xbf{"A": 1}'),
        ("key twice", b'{"A": 1, "A": 2}'),
        ("not a number", b'{"SliceThickness": NaN, "SpacingBetweenSlices": Infinity}'),
        ("thickness of text", b'{"SliceThickness": "5", "SpacingBetweenSlices": []}'),
        ("agent is an object", b'{"ContrastBolusAgent": {"a": 1}, "ContrastBolusIngredient": [[1], null, 7]}'),
        ("half a character", b'{"ContrastBolusAgent": "Gd\\ud800", "\\udfff": "\\ud83d"}'),
        ("lines", b'{"ContrastBolusAgent": "Gd\\n\\tdota\\u0000"}'),
        ("markup", b'{"ContrastBolusAgent": "gadolinium<script>alert(1)</script>"}'),
    ):
        yield beside(name, content)

    def large(anat: Path, start: str) -> None:
        _write(anat / f"{start}_T2w.nii", PLAIN)
        with (anat / f"{start}_T2w.json").open("wb") as file:
            file.truncate(100_000_000)

    def other(make: Callable[[Path], object]) -> Callable[[Path, str], object]:
        def both(anat: Path, start: str) -> None:
            _write(anat / f"{start}_T2w.nii", PLAIN)
            make(anat / f"{start}_T2w.json")

        return both

    yield Damage("sidecar of 100 MB", large, OK, "larger than 1 MB")
    yield Damage("sidecar is a folder", other(Path.mkdir), OK, "cannot be read")
    yield Damage("sidecar is a pipe", other(os.mkfifo), OK, "not a regular file")
    yield Damage("sidecar links to itself", other(lambda p: p.symlink_to(p.name)), OK, "cannot be read")
    yield Damage("sidecar is endless", other(lambda p: p.symlink_to("/dev/zero")), OK, "not a regular file")

    def contradicting(anat: Path, start: str) -> None:
        _write(anat / f"{start}_acq-pre_T2w.nii", PLAIN)
        _write(anat / f"{start}_acq-pre_T2w.json", b'{"ContrastBolusAgent": "Gadovist"}')

    yield Damage("sidecar contradicts the name", contradicting, OK, "although")


if __name__ == "__main__":
    print(len(write_dataset(Path(sys.argv[1]))), "damaged inputs")
