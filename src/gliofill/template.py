"""The MNI brain on whose grid every session ends, and its tissue maps: ICBM 2009a symmetric, as nilearn ships it.

Fonov et al., NeuroImage 2011. The files come with nilearn; nothing is downloaded.
"""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: edge of the grid's voxels
SPACING_MM = 1


@cache
def template_t1w() -> NDArray[np.float32]:
    """Return the T1w brain, skull-stripped.

    Returns
    -------
    ndarray, shape (197, 233, 189), float32
        Intensities in [0, 1]; read-only, shared by all callers.
    """
    return _voxels(_datasets().load_mni152_template(resolution=SPACING_MM))


@cache
def white_matter_map() -> NDArray[np.float32]:
    """Return the probability of white matter, shape (197, 233, 189), float32 in [0, 1]; read-only."""
    return _voxels(_datasets().load_mni152_wm_template(resolution=SPACING_MM))


@cache
def grey_matter_map() -> NDArray[np.float32]:
    """Return the probability of grey matter, shape (197, 233, 189), float32 in [0, 1]; read-only."""
    return _voxels(_datasets().load_mni152_gm_template(resolution=SPACING_MM))


@cache
def template_brain() -> NDArray[np.bool_]:
    """Return the brain mask, the CSF inside it included, shape (197, 233, 189), bool; read-only."""
    return _read_only(np.asarray(_datasets().load_mni152_brain_mask(resolution=SPACING_MM).dataobj) > 0)


@cache
def template_affine() -> NDArray[np.float64]:
    """Return the affine of all these maps, shape (4, 4), voxel indices to RAS millimetres; read-only."""
    image = _datasets().load_mni152_brain_mask(resolution=SPACING_MM)
    return _read_only(np.array(image.affine, dtype=np.float64))


def _datasets() -> Any:
    from nilearn import datasets  # takes seconds to load

    return datasets


def _voxels(image: Any) -> NDArray[np.float32]:
    return _read_only(image.get_fdata(dtype=np.float32))


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    array.flags.writeable = False
    return array
