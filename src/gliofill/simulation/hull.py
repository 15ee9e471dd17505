"""From a brain to the outline of its head: what both kinds of generated heads are grown from."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

#: the skull does not follow folds narrower than twice this
BRIDGE_MM = 6.0
#: below this height the outline of the head is no longer that of the brain: face and neck continue it downward
FACE_TOP_Z_MM = -14.0
#: each millimetre further down narrows the outline by this much
_NECK_TAPER = 0.2


def close(mask: NDArray[np.bool_], radius_mm: float, spacing_mm: float) -> NDArray[np.bool_]:
    """Close a mask by a ball: fill what is narrower than its diameter."""
    grown = ndimage.distance_transform_edt(~mask, sampling=spacing_mm) <= radius_mm
    return mask | (ndimage.distance_transform_edt(grown, sampling=spacing_mm) > radius_mm)


def outline_mm(distance: NDArray[np.float32], z: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the distance that bounds the skin: from the brain, and below it from the outline of the whole head.

    Parameters
    ----------
    distance
        Shape (I, J, K), from the brain without its folds, in millimetres.
    z
        Shape (K,), height of each slice in the template, RAS millimetres, rising.
    """
    top = int(np.argmin(np.abs(z - FACE_TOP_Z_MM)))
    below = np.maximum(z[top] - z, 0)
    # above the face nothing changes: there the extruded outline is out of reach
    extruded = distance[..., top : top + 1] + _NECK_TAPER * below + np.where(z > z[top], np.float32(1e3), 0)
    return np.minimum(distance, extruded)
