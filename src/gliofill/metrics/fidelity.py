"""How faithful a predicted image is: signal to noise, edges, stripes and lesions, on a fixed [0, 1] scale.

Volumes are axial slices, shape (K, H, W), as in training; what is outside the brain is 0 in prediction and target.
Structural similarity and absolute error are in `gliofill.metrics.similarity`.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import prewitt

from gliofill.errors import GliofillError
from gliofill.metrics.similarity import mask_box, ssim_map

Image = NDArray[np.floating]
Mask = NDArray[np.bool_]

#: Xue's 170 for intensities to 255, on the [0, 1] scale: gradients well below its root count as flat
GRADIENT_CONSTANT = 170 / 255**2

#: white matter darker than this share of the intensity range is no reference: a contrast to it is one to this level
DARKEST_REFERENCE = 0.05

#: on the [0, 1] scale; noise and a slightly different scale of the two images stay below
LEAST_ENHANCEMENT = 0.2
LEAST_ENHANCING_VOXELS = 100


def _pair(prediction: Image, target: Image, mask: Mask) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if not mask.any():
        raise GliofillError("the mask is empty: there is no voxel to compare")
    return prediction[mask].astype(np.float64), target[mask].astype(np.float64)


def psnr_db(prediction: Image, target: Image, mask: Mask) -> float:
    """Return the peak signal-to-noise ratio inside a mask in decibels, for a peak of 1; higher is better.

    Equality gives infinity.

    Examples
    --------
    >>> round(psnr_db(np.array([0.5, 9.0]), np.array([0.4, 0.0]), np.array([True, False])), 6)
    20.0
    """
    x, y = _pair(prediction, target, mask)
    error = float(np.mean((x - y) ** 2))
    return math.inf if error == 0 else -10 * math.log10(error)


def nmse(prediction: Image, target: Image, mask: Mask) -> float:
    """Return the squared error over the squared target inside a mask; lower is better, 0 is equality, 1 is all zeros.

    Raises
    ------
    GliofillError
        If the mask is empty, or the target is 0 in all of it.
    """
    x, y = _pair(prediction, target, mask)
    energy = float(np.sum(y**2))
    if energy == 0:
        raise GliofillError("the target is 0 inside the whole mask: an error relative to it has no meaning")
    return float(np.sum((x - y) ** 2)) / energy


def mean_bias(prediction: Image, target: Image, mask: Mask) -> float:
    """Return the mean of prediction minus target inside a mask; 0 is right, positive is too bright.

    Examples
    --------
    >>> mean_bias(np.array([0.5, 0.5]), np.array([0.25, 0.75]), np.array([True, True]))
    0.0
    """
    x, y = _pair(prediction, target, mask)
    return float(np.mean(x - y))


def gradient_deviation(prediction: Image, target: Image, mask: Mask) -> float:
    """Return the gradient magnitude similarity deviation inside a mask; lower is better, 0 is equality.

    Where edges are missing or invented, the similarity of the gradients falls; its standard deviation tells blur and
    artefacts that differ from place to place. In three dimensions, at full resolution (Xue halves photographs first).

    References
    ----------
    Xue et al., Gradient magnitude similarity deviation, IEEE Trans Image Process 2014.
    """
    if not mask.any():
        raise GliofillError("the mask is empty: there is no voxel to compare")
    box = mask_box(mask, margin=2)
    x, y = (_gradient_magnitude(image[box].astype(np.float64)) for image in (prediction, target))
    similarity = (2 * x * y + GRADIENT_CONSTANT) / (x**2 + y**2 + GRADIENT_CONSTANT)
    return float(similarity[mask[box]].std())


def _gradient_magnitude(data: NDArray[np.float64]) -> NDArray[np.float64]:
    # Prewitt sums over the other axes; Xue's masks average, so that an image that is constant along one axis keeps
    # the gradient that it has in two dimensions
    weight = 3.0 ** (data.ndim - 1)
    return np.sqrt(sum((prewitt(data, axis) / weight) ** 2 for axis in range(data.ndim)))


def slice_roughness(prediction: Image, target: Image, mask: Mask) -> float:
    """Return the mean step between neighbouring slices, relative to the target's; 1 is right, more is striping.

    A blurred prediction has less than 1.

    Parameters
    ----------
    prediction, target, mask
        Shape (K, H, W); steps between two voxels of the mask count.

    Returns
    -------
    float
        NaN if the mask has no two neighbouring slices or the target does not change between them.
    """
    both = mask[1:] & mask[:-1]
    if not both.any():
        return math.nan
    steps = [float(np.abs(np.diff(image.astype(np.float64), axis=0))[both].mean()) for image in (prediction, target)]
    return steps[0] / steps[1] if steps[1] > 0 else math.nan


def slice_step_error(prediction: Image, target: Image, mask: Mask) -> float:
    """Return how wrong the steps between neighbouring slices are, relative to the target's; lower is better.

    `slice_roughness` is 1 also where stripes make up for what blur took away; here both count as error. 0 is equality,
    1 is a prediction without any step.

    Parameters
    ----------
    prediction, target, mask
        Shape (K, H, W); steps between two voxels of the mask count.

    Returns
    -------
    float
        NaN if the mask has no two neighbouring slices or the target does not change between them.
    """
    both = mask[1:] & mask[:-1]
    if not both.any():
        return math.nan
    steps = [np.diff(image.astype(np.float64), axis=0)[both] for image in (prediction, target)]
    size = float(np.abs(steps[1]).mean())
    return float(np.abs(steps[0] - steps[1]).mean()) / size if size > 0 else math.nan


def enhancement_left(prediction: Image, source: Image, target: Image, mask: Mask) -> float:
    """Return the share of the enhancement of a post-gadolinium source that a synthetic pre-gadolinium image keeps.

    Over the voxels in which the source is brighter than the target by `LEAST_ENHANCEMENT`, vessels, choroid plexus and
    the rim of a tumour, against the rest of the brain: an image that is too bright everywhere does not enhance. No mean
    over the brain shows them.

    Parameters
    ----------
    prediction, source, target
        Same shape, on the [0, 1] scale.
    mask
        The brain, same shape.

    Returns
    -------
    float
        0 is right, 1 is a copy of the source, less than 0 is darker than its surroundings should be; NaN for fewer than
        `LEAST_ENHANCING_VOXELS` that enhance, or that do not.

    Examples
    --------
    >>> target = np.full(400, 0.4)
    >>> source = np.where(np.arange(400) < 200, 0.9, target)
    >>> prediction = np.where(np.arange(400) < 200, 0.6, 0.5)
    >>> round(enhancement_left(prediction, source, target, np.ones(400, dtype=bool)), 6)
    0.2
    """
    enhancing = mask & (source.astype(np.float32) - target > LEAST_ENHANCEMENT)
    rest = mask & ~enhancing
    if min(np.count_nonzero(enhancing), np.count_nonzero(rest)) < LEAST_ENHANCING_VOXELS:
        return math.nan
    kept, all_of_it = (
        mean_bias(image, target, enhancing) - mean_bias(image, target, rest) for image in (prediction, source)
    )
    return kept / all_of_it


def masked_ssim(prediction: Image, target: Image, mask: Mask) -> float:
    """Return the mean SSIM of two whole volumes after both were multiplied by a mask; higher is better.

    This is how in-lesion SSIM was reported in ISMRM 2022, abstract 3460. It is blind: outside the mask all is 0 and
    therefore equal, so that for a lesion of usual size even an empty prediction reaches about 0.99. Read it beside the
    score of all zeros, and beside `gliofill.metrics.similarity.brain_ssim` with the lesion as mask.
    """
    box = mask_box(mask)
    inside = mask[box]
    similarity = ssim_map(np.where(inside, prediction[box], 0), np.where(inside, target[box], 0))
    # no window outside the box reaches the mask, so the similarity there is exactly 1
    return 1 - float((1 - similarity).sum()) / mask.size


def lesion_contrast(image: Image, lesion: Mask, white_matter: Mask) -> float:
    """Return how much brighter a lesion is than white matter: (mean in lesion - median in white matter) / the latter.

    Parameters
    ----------
    image
        On the [0, 1] scale.
    lesion
        Same shape.
    white_matter
        Healthy white matter, same shape. Where its median is below `DARKEST_REFERENCE`, as in an empty prediction, that
        level is divided by.

    Examples
    --------
    >>> lesion_contrast(np.array([0.75, 0.5, 0.5]), np.array([True, False, False]), np.array([False, True, True]))
    0.5
    """
    if not (lesion.any() and white_matter.any()):
        raise GliofillError("the mask is empty: there is no voxel to compare")
    reference = float(np.median(image[white_matter].astype(np.float64)))
    return (float(image[lesion].astype(np.float64).mean()) - reference) / max(reference, DARKEST_REFERENCE)
