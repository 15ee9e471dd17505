"""NIfTI files in and out: read whole, compare grids, write under the final name only what is complete."""

import errno
import gzip
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import ArrayLike, NDArray

from gliofill.errors import GliofillError

#: how the names of files begin that are not yet whole
TEMPORARY = ".tmp-"


def read_image(path: Path) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Read a 3-D image.

    Parameters
    ----------
    path
        A ``.nii`` or ``.nii.gz`` file; trailing dimensions of length 1 are dropped.

    Returns
    -------
    data : ndarray, shape (I, J, K), float32
    affine : ndarray, shape (4, 4)
        Voxel indices to RAS millimetres.

    Raises
    ------
    GliofillError
        If the file cannot be read or is not 3-D.
    """
    try:
        image = nib.Nifti1Image.from_filename(path)
        data = np.asanyarray(image.dataobj, dtype=np.float32)
    except Exception as error:  # nibabel, zlib and numpy raise a dozen types on damaged files
        raise GliofillError(f"{path}: cannot be read as NIfTI ({error})") from error
    while data.ndim > 3 and data.shape[-1] == 1:
        data = data[..., 0]
    if data.ndim != 3:
        raise GliofillError(f"{path}: is {data.ndim}-D with shape {data.shape}; a 3-D image is needed")
    assert image.affine is not None
    return data, np.asarray(image.affine, dtype=np.float64)


def write_image(
    path: Path, data: ArrayLike, affine: ArrayLike, *, dtype: str = "float32", description: str = ""
) -> None:
    """Write a 3-D image that appears under `path` only when it is complete.

    Parameters
    ----------
    path
        Final name, ending in ``.nii.gz``; the folder is made.
    data
        Voxels, shape (I, J, K).
    affine
        Shape (4, 4), voxel indices to RAS millimetres.
    dtype
        Type on disk; integers are stored without scaling.
    description
        NIfTI ``descrip`` field, at most 79 characters.
    """
    image = nib.Nifti1Image(np.asarray(data).astype(dtype), np.asarray(affine, dtype=np.float64))
    image.header.set_xyzt_units("mm")
    image.header["descrip"] = description.encode("ascii", "replace")[:79]
    # mtime 0 and no name in the gzip header: the same voxels give the same bytes
    with whole_file(path) as temporary, temporary.open("wb") as raw:
        with gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=4, mtime=0) as packed:
            packed.write(image.to_bytes())


def is_same_grid(
    shape: tuple[int, ...],
    affine: ArrayLike,
    other_shape: tuple[int, ...],
    other_affine: ArrayLike,
    *,
    tolerance_mm: float = 1e-2,
) -> bool:
    """Tell whether two images have the same voxels: equal shapes, and corners within `tolerance_mm` of each other."""
    if tuple(shape) != tuple(other_shape):
        return False
    corners = np.array(np.meshgrid(*[(0, n - 1) for n in shape], [1], indexing="ij")).reshape(4, -1)
    apart = (np.asarray(affine) - np.asarray(other_affine)) @ corners
    return bool(np.abs(apart).max() <= tolerance_mm)


def canonical_grid(shape: tuple[int, ...], affine: ArrayLike) -> tuple[tuple[int, ...], NDArray[np.float64]]:
    """Return shape and affine of an image once its axes are ordered and turned to right, front, up.

    The voxels keep their places: programs that only reorient an image leave this grid as it was.
    """
    affine = np.asarray(affine, dtype=np.float64)
    orientation = nib.orientations.io_orientation(affine)
    order = np.argsort(orientation[:, 0])
    turned = affine @ nib.orientations.inv_ornt_aff(orientation, shape)
    return tuple(shape[int(axis)] for axis in order), turned


def spacing_mm(affine: ArrayLike) -> NDArray[np.float64]:
    """Return the voxel edge lengths in millimetres, shape (3,)."""
    return np.linalg.norm(np.asarray(affine, dtype=np.float64)[:3, :3], axis=0)


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a temporary name beside `path`, and rename it to `path` if the block succeeds.

    After that the file is there even if the power fails.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=TEMPORARY, suffix=f"-{path.name}", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        settle(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def settle(temporary: Path, path: Path) -> None:
    """Rename a file that is whole, so that neither its content nor its name is lost if the power fails."""
    _synchronise(temporary)
    temporary.replace(path)
    try:
        _synchronise(path.parent)
    except OSError as error:
        # file systems that synchronise no folders, and folders that may not be read
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EACCES):
            raise


def _synchronise(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _umask() -> int:
    value = os.umask(0)
    os.umask(value)
    return value


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file, whole or not at all, readable and with the keys in the given order."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises
    ------
    GliofillError
        If the file is missing, not JSON, or not an object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise GliofillError(f"{path}: no such file") from error
    except (OSError, ValueError, RecursionError) as error:
        raise GliofillError(f"{path}: cannot be read as JSON ({error})") from error
    if not isinstance(content, dict):
        raise GliofillError(f"{path}: holds a JSON {type(content).__name__}, an object is needed")
    return content


def sha256(path: Path) -> str:
    """Return the SHA-256 checksum of a file, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
