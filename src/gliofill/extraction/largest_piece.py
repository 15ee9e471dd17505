"""Masks in one piece."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Mask = NDArray[np.bool_]


def largest_piece(mask: Mask) -> Mask:
    """Return the largest connected piece of a mask."""
    labels, count = ndimage.label(mask)
    return mask if count < 2 else labels == 1 + np.argmax(np.bincount(labels.ravel())[1:])


def tidy(mask: Mask) -> Mask:
    """Return the largest connected piece of a mask, without holes."""
    return np.asarray(ndimage.binary_fill_holes(largest_piece(mask)), dtype=bool)
