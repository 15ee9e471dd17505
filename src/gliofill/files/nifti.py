"""NIfTI files in and out: read whole, compare grids, write under the final name only what is complete."""

import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import ArrayLike, NDArray

from gliofill.errors import GliofillError
from gliofill.files.atomic import whole_file


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
