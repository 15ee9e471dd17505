"""What a source image looks like, in a few numbers: intensities, noise, sharpness, and the size of the brain."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from gliofill.files.nifti import is_same_grid, spacing_mm
from gliofill.learning.volumes.framing import Scale
from gliofill.template import grey_matter_map, template_affine, template_brain, white_matter_map

#: quantiles of the brain's intensities that make the profile of an image
LEVELS = tuple(round(0.05 * step, 2) for step in range(1, 20))

#: parts of the template whose median intensity is taken; this many voxels at least
TISSUES = ("white_matter", "grey_matter", "csf")
_LEAST_VOXELS = 200

AXES = ("left_right", "back_front", "foot_head")

# probabilities above which a template voxel is one tissue, and below which it is none of the two
_WHITE, _GREY, _NEITHER = 0.95, 0.8, 0.05
# where the lateral ventricles lie in the template, millimetres: elsewhere CSF is too thin for a rigid alignment
_VENTRICLES_MM = ((-35, 35), (-50, 35), (0, 35))
# layers of voxels at the rim of the brain that do not count for noise and roughness
_RIM = 3
# median of the absolute value of a standard normal variable
_MEDIAN_DEVIATION = 0.6745
# in-plane second difference across both axes, scaled so that white noise keeps its deviation (Immerkaer 1996)
_RESIDUAL = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], dtype=np.float32)[:, :, None] / 6


@dataclass(frozen=True)
class Appearance:
    """Measures of one source image.

    Attributes
    ----------
    quantiles
        Shape (19,): intensities inside the brain at `LEVELS`, on the [0, 1] scale of the image itself.
    tissues
        Shape (3,): median intensity where the template has each of `TISSUES`; None on another grid.
    numbers
        ``noise`` (deviation of the noise on the [0, 1] scale), ``roughness_AXIS`` (mean absolute second difference over
        mean absolute first difference along each axis: low where slices are thick or the image is blurred, 1.7 in
        white noise), ``brain_volume_ml``, ``brain_AXIS_mm``, and ``acquired_spacing_mm`` (longest voxel edge before
        preprocessing) where it is known. All are positive.
    """

    quantiles: NDArray[np.float64]
    tissues: NDArray[np.float64] | None
    numbers: Mapping[str, float]

    @classmethod
    def of(
        cls,
        source: NDArray[np.floating],
        brain: NDArray[np.bool_],
        affine: NDArray[np.float64],
        *,
        acquired_mm: float | None = None,
    ) -> "Appearance":
        """Measure a preprocessed image.

        Parameters
        ----------
        source
            Shape (I, J, K), in any unit.
        brain
            Same shape.
        affine
            Voxel indices to RAS millimetres.
        acquired_mm
            Longest voxel edge of the acquired image; None if it is not known.

        Raises
        ------
        GliofillError
            If the brain is empty, or the image is not finite or constant inside it.
        """
        unit = np.where(brain, Scale.of(source, brain).to_unit(source), 0).astype(np.float32)
        numbers = {**_texture(unit, brain), **_anatomy(brain, affine)}
        if acquired_mm is not None:
            numbers["acquired_spacing_mm"] = acquired_mm
        quantiles = np.asarray(np.quantile(unit[brain], LEVELS), dtype=np.float64)
        return cls(quantiles, _tissue_medians(unit, brain, affine), numbers)


def _texture(unit: NDArray[np.float32], brain: NDArray[np.bool_]) -> dict[str, float]:
    box = ndimage.find_objects(brain.astype(np.uint8))[0]
    image, inside = unit[box], ndimage.binary_erosion(brain[box], iterations=_RIM)
    inside = inside if inside.sum() >= _LEAST_VOXELS else brain[box]
    residual = np.abs(ndimage.convolve(image, _RESIDUAL))[inside]
    # the least numbers stand for none at all, so that logarithms exist
    measured = {"noise": max(float(np.median(residual)) / _MEDIAN_DEVIATION, 1e-5)}
    for axis, name in enumerate(AXES):
        measured[f"roughness_{name}"] = max(_roughness(np.moveaxis(image, axis, 0), np.moveaxis(inside, axis, 0)), 1e-3)
    return measured


def _roughness(image: NDArray[np.float32], inside: NDArray[np.bool_]) -> float:
    triples = inside[2:] & inside[1:-1] & inside[:-2]
    if not triples.any():
        return 0.0
    steps = np.diff(image, axis=0)
    slope = float(np.abs(steps[1:])[triples].mean())
    return float(np.abs(np.diff(steps, axis=0))[triples].mean()) / slope if slope > 0 else 0.0


def _anatomy(brain: NDArray[np.bool_], affine: NDArray[np.float64]) -> dict[str, float]:
    edges = spacing_mm(affine)
    box = ndimage.find_objects(brain.astype(np.uint8))[0]
    lengths = [(part.stop - part.start) * float(edge) for part, edge in zip(box, edges, strict=True)]
    volume = float(brain.sum()) * float(abs(np.linalg.det(affine[:3, :3]))) / 1000
    return {"brain_volume_ml": volume, **{f"brain_{axis}_mm": mm for axis, mm in zip(AXES, lengths, strict=True)}}


def _tissue_medians(
    unit: NDArray[np.float32], brain: NDArray[np.bool_], affine: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    parts = _template_tissues()
    if not is_same_grid(brain.shape, affine, parts[0].shape, template_affine()):
        return None
    voxels = [unit[part & brain] for part in parts]
    if min(part.size for part in voxels) < _LEAST_VOXELS:
        return None
    return np.array([float(np.median(part)) for part in voxels])


@cache
def _template_tissues() -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the template's white matter, grey matter, and CSF of the ventricles."""
    white, grey, brain, affine = white_matter_map(), grey_matter_map(), template_brain(), template_affine()
    csf = brain & (white < _NEITHER) & (grey < _NEITHER)
    for axis, (low, high) in enumerate(_VENTRICLES_MM):
        position = affine[axis, axis] * np.arange(brain.shape[axis]) + affine[axis, 3]
        keep = (position >= low) & (position <= high)
        csf &= keep.reshape([-1 if other == axis else 1 for other in range(3)])
    return white > _WHITE, grey > _GREY, csf
