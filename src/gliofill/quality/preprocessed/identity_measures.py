"""Where tissues lie in the template, and how bright a patient's image is there: the evidence for what an image is.

The template is aligned rigidly, so that its maps fit a patient's brain only roughly: every measure is a median or a
percentile over many voxels, and none needs the exact border of a tissue.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Image = NDArray[np.floating]
Mask = NDArray[np.bool_]

#: measures are taken on blocks of this many voxels along each axis: 2 mm on the template's grid
BLOCK = 2
#: CSF spaces lie at least this deep below the surface of the template's brain, and are at least this large
CSF_DEPTH_BLOCKS, CSF_BLOCKS = 6, 200
#: fewer blocks than this tell nothing about a tissue
LEAST_BLOCKS = 500
#: the smallest difference between two images that counts, as a share of white matter: finer ones are noise
NOISE_FLOOR = 0.02
#: difference images are freed of what varies over longer distances than this: bias fields and scaling
LOCAL_BLOCKS = 4.0


def reduce(data: NDArray[Any]) -> NDArray[np.float32]:
    """Return the means of blocks of `BLOCK` voxels along each axis; an odd last slice is dropped.

    Examples
    --------
    >>> reduce(np.arange(8.0).reshape(2, 2, 2)).tolist()
    [[[3.5]]]
    """
    i, j, k = (n // BLOCK for n in data.shape)
    even = data[: i * BLOCK, : j * BLOCK, : k * BLOCK].astype(np.float32)
    return even.reshape(i, BLOCK, j, BLOCK, k, BLOCK).mean(axis=(1, 3, 5))


@dataclass(frozen=True)
class TissueMaps:
    """The template's tissues on the reduced grid.

    Attributes
    ----------
    white, grey
        ndarray, shape (I, J, K), float32: probabilities in [0, 1].
    fluid_spaces
        ndarray, shape (I, J, K), bool: ventricles and deep cisterns with a margin, so that those of a patient lie
        inside, together with brain.
    """

    white: NDArray[np.float32]
    grey: NDArray[np.float32]
    fluid_spaces: Mask

    @classmethod
    def from_probabilities(cls, white: Image, grey: Image, brain: Mask) -> Self:
        """Reduce the template's 1 mm maps and find its CSF spaces.

        Parameters
        ----------
        white, grey
            Shape (I, J, K), probabilities in [0, 1].
        brain
            Brain mask, CSF included.
        """
        small_white, small_grey, inside = reduce(white), reduce(grey), reduce(brain) > 0.9
        deep = erode(inside, CSF_DEPTH_BLOCKS)
        labels, _ = ndimage.label(deep & (1 - small_white - small_grey > 0.6))
        large = np.flatnonzero(np.bincount(labels.ravel()) > CSF_BLOCKS)
        spaces = np.isin(labels, large[large > 0])
        return cls(small_white, small_grey, ndimage.binary_dilation(spaces, iterations=2))


@dataclass(frozen=True)
class Regions:
    """The template's tissues inside the brain mask of a patient; see `TissueMaps`."""

    brain: Mask
    white: Mask
    grey: Mask
    fluid_spaces: Mask

    @classmethod
    def of(cls, brain: Mask, maps: TissueMaps) -> Self:
        """Lay the template's tissues into a brain mask on its 1 mm grid, without the rim, where skull may be."""
        whole = reduce(brain) > 0.9
        inner = erode(whole, 2)
        return cls(whole, (maps.white > 0.85) & inner, (maps.grey > 0.6) & inner, maps.fluid_spaces & inner)

    @property
    def are_sufficient(self) -> bool:
        """Whether every tissue has enough voxels to be measured."""
        return min(int(mask.sum()) for mask in (self.white, self.grey, self.fluid_spaces)) >= LEAST_BLOCKS

    def guided(self, t2w: Image) -> "Regions":
        """Return the regions with grey and white matter as a T2w tells them apart, free of CSF.

        If too little remains, as after a swap that was not recognised, the regions are returned unchanged.
        """
        level = np.median(t2w[self.white])
        grey = self.grey & (t2w > 1.1 * level) & (t2w < 1.6 * level)
        white = self.white & (t2w < np.percentile(t2w[self.white], 60))
        if min(grey.sum(), white.sum()) < LEAST_BLOCKS:
            return self
        return Regions(self.brain, white, grey, self.fluid_spaces)


def erode(mask: Mask, steps: int) -> Mask:
    """Return a mask without its outer layers."""
    eroded: Mask = ndimage.binary_erosion(mask, iterations=steps)
    return eroded


def csf_brightness(image: Image, regions: Regions) -> float:
    """Return how bright the neighbourhood of CSF is, white matter being 1: above 1 if CSF is brighter than brain.

    The geometric mean of its 5th and 90th percentile: dark CSF pulls the former down, bright CSF the latter up.

    Parameters
    ----------
    image
        Reduced image, shape (I, J, K), non-negative.
    regions
        On the same grid.
    """
    low, high = np.maximum(np.percentile(image[regions.fluid_spaces], (5, 90)), 0)
    return float(np.sqrt(low * high) / max(float(np.median(image[regions.white])), 1e-6))


def grey_ratio(image: Image, regions: Regions) -> float:
    """Return the brightness of grey matter over that of white matter, as 60th percentiles."""
    grey, white = (float(np.percentile(image[mask], 60)) for mask in (regions.grey, regions.white))
    return grey / max(white, 1e-6)


def grey_over_white(image: Image, regions: Regions) -> float:
    """Return the chance that a voxel of grey matter is brighter than one of white matter, in [0, 1]."""
    grey, white = image[regions.grey], np.sort(image[regions.white])
    below = np.searchsorted(white, grey, side="left") + np.searchsorted(white, grey, side="right")
    return float(below.mean() / (2 * white.size))


def enhancement(before: Image, after: Image, regions: Regions) -> float:
    """Return how much more tissue is brighter in `after` than in `before` than the other way round.

    Vessels, choroid plexus, dura and many lesions take up gadolinium: the difference of the two images has a long
    positive tail. The number is the logarithm of the positive over the negative tail (the extreme 0.5 % on each side),
    averaged between the whole brain and its inside; it changes its sign if the images are exchanged, and is 0 for two
    images alike.

    Parameters
    ----------
    before, after
        Reduced T1w images, shape (I, J, K).
    regions
        On the same grid.
    """
    first, second = (image / max(float(np.median(image[regions.white])), 1e-6) for image in (before, after))
    scores = [_tail_ratio(second - first, erode(regions.brain, depth)) for depth in (1, 3)]
    return float(np.mean(scores))


def _tail_ratio(difference: Image, mask: Mask) -> float:
    weight = mask.astype(np.float32)
    smooth = ndimage.gaussian_filter(np.clip(difference, -0.3, 0.3) * weight, LOCAL_BLOCKS)
    spread = np.maximum(ndimage.gaussian_filter(weight, LOCAL_BLOCKS), 1e-3)
    low, high = np.percentile((difference - smooth / spread)[mask], (0.5, 99.5))
    return float(np.log((max(high, 0) + NOISE_FLOOR) / (max(-low, 0) + NOISE_FLOOR)))
