"""Individual anatomy for the generated cohort: a smooth map from each patient to the built-in head, and its look."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from gliofill.contrasts import Contrast
from gliofill.simulation.head import INTENSITIES, Head
from gliofill.simulation.noise import smooth_noise
from gliofill.simulation.tumour import LESION_INTENSITIES, Push, Tumour
from gliofill.template import template_t1w

#: centre of the head in RAS millimetres of the template, about which sizes differ and heads turn
HEAD_CENTRE_MM = (0.0, -17.0, 14.0)

_LATTICE_MM = 4.0
_VENTRICLES_MM = ((-14.0, -22.0, 14.0), (14.0, -22.0, 14.0), (-11.0, 14.0, 10.0), (11.0, 14.0, 10.0))
# how the fine detail of the T1w template shows in the other contrasts
_DETAIL = {Contrast.T1W: 0.8, Contrast.T1POST: 0.8, Contrast.T2W: -0.6, Contrast.FLAIR: -0.4}


@dataclass(frozen=True)
class Warp:
    """A smooth map from points of a patient's anatomy to points of the template head.

    Attributes
    ----------
    displacement
        ndarray, shape (3, A, B, C), float32: millimetres to add to a point of the anatomy.
    affine
        ndarray, shape (4, 4): lattice indices to RAS millimetres of the anatomy.
    """

    displacement: NDArray[np.float32]
    affine: NDArray[np.float64]

    def coordinates(self, shape: tuple[int, ...], to_anatomy: NDArray[np.float64], head: Head) -> NDArray[np.float32]:
        """Return where in the head's voxel grid each voxel of an image lies.

        Parameters
        ----------
        shape
            Voxels of the image.
        to_anatomy
            Shape (4, 4): voxel indices of the image to RAS millimetres of the anatomy.
        head
            The template head.

        Returns
        -------
        ndarray, shape (3, I, J, K), float32
            Voxel indices of the head.
        """
        # the map is smooth, so it is evaluated every 4 mm and interpolated in between
        steps = [max(1, round(_LATTICE_MM / np.linalg.norm(to_anatomy[:3, i]))) for i in range(3)]
        lattice = np.indices([(n - 1) // s + 2 for n, s in zip(shape, steps, strict=True)], dtype=np.float64)
        points = _apply(to_anatomy, lattice * np.reshape(steps, (3, 1, 1, 1)))
        where = _apply(np.linalg.inv(self.affine), points)
        moved = points + [ndimage.map_coordinates(d, where, order=1, mode="nearest") for d in self.displacement]
        voxels = _apply(np.linalg.inv(head.affine), moved).astype(np.float32)
        return np.stack([stretch(component, steps, shape) for component in voxels])


def individual_warp(head: Head, pushes: Sequence[Push], rng: np.random.Generator) -> Warp:
    """Draw sizes of head and ventricles and smooth deformations of a few millimetres, and add the mass effect."""
    affine = np.diag([_LATTICE_MM] * 3 + [1.0])
    affine[:3, 3] = head.affine[:3, 3]
    shape = tuple(int(n / _LATTICE_MM) + 2 for n in head.brain.shape)
    points = _apply(affine, np.indices(shape, dtype=np.float64))
    centre = np.reshape(HEAD_CENTRE_MM, (3, 1, 1, 1))
    size = rng.uniform(0.95, 1.02) * rng.uniform(0.98, 1.02, 3)
    brain = head.brain[::4, ::4, ::4].astype(np.float32)
    brain = np.pad(brain, [(0, m - n) for m, n in zip(shape, brain.shape, strict=True)])
    folds = ndimage.gaussian_filter(ndimage.binary_erosion(brain, iterations=2).astype(np.float32), 1.5)
    displacement = (points - centre) * (1 / size.reshape(3, 1, 1, 1) - 1)
    for component in displacement:
        component += 2.0 * smooth_noise(shape, rng, width=30.0 / _LATTICE_MM)
        # folds of the cortex differ, the skin stays smooth
        component += folds * smooth_noise(shape, rng, width=9.0 / _LATTICE_MM)
    ventricles = rng.uniform(-0.1, 0.3)
    swellings = [Push(place, ventricles, 11.0) for place in _VENTRICLES_MM]
    for push in (*swellings, *pushes):
        offset = points - np.reshape(push.centre, (3, 1, 1, 1))
        fade = np.exp(-(offset**2).sum(axis=0) / (2 * push.width_mm**2))
        displacement -= push.strength * fade * offset
    return Warp(displacement.astype(np.float32), affine)


@dataclass(frozen=True)
class Look:
    """What makes the tissue of one patient look like tissue: two independent textures, and vessels in the sulci.

    Attributes
    ----------
    textures
        Two ndarrays, shape (I, J, K), float32: relative changes of intensity, a few per cent in the brain.
    vessels
        ndarray, shape (I, J, K), float32 in [0, 1].
    detail
        ndarray, shape (I, J, K), float32: what the T1w template shows beyond its tissue maps.
    """

    textures: tuple[NDArray[np.float32], NDArray[np.float32]]
    vessels: NDArray[np.float32]
    detail: NDArray[np.float32]


def individual_look(head: Head, tumour: Tumour, rng: np.random.Generator) -> Look:
    """Draw the texture of a patient."""
    shape = head.brain.shape
    half = tuple(n // 2 + 2 for n in shape)
    fine, coarse, course = (smooth_noise(half, rng, width=width) for width in (0.7, 2.0, 2.5))
    depth = ndimage.gaussian_filter(head.brain[::4, ::4, ::4].astype(np.float32), 3)
    near_surface = stretch(depth, [4] * 3, shape) < 0.85
    vessels = head.fractions["csf"] * near_surface * np.clip(1.5 - 10 * np.abs(stretch(course, [2] * 3, shape)), 0, 1)
    soft = head.fractions["muscle"] + head.fractions["scalp"] + head.fractions["marrow"]
    strength = np.float32(0.035) + 0.12 * soft + 0.08 * sum(tumour.fractions.values())
    textures = (stretch(fine, [2] * 3, shape) * strength, stretch(coarse, [2] * 3, shape) * strength)
    return Look(textures, vessels, _template_detail(head))


def _template_detail(head: Head) -> NDArray[np.float32]:
    """Return what remains of the T1w template's intensities when those of the mixed tissues are taken away."""
    template = template_t1w()
    tissues = [head.fractions[tissue] for tissue in ("white_matter", "grey_matter", "csf")]
    # mean intensity of the template where one tissue fills the voxel
    mixed = sum(np.float32(mean) * part for mean, part in zip((0.87, 0.65, 0.28), tissues, strict=True))
    return np.clip(template - mixed, -0.08, 0.08) * (tissues[0] + tissues[1]) * head.brain


def render_patient(
    head: Head, contrast: Contrast, tumour: Tumour, *, look: Look, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Return one contrast of the patient on the grid of the template head, free of noise and bias.

    Returns
    -------
    ndarray, shape (I, J, K), float32
        About 0 (air) to 1 (brightest tissue).
    """
    # no two patients' tissues are equally bright; the order of the tissues stays
    image = np.zeros(head.brain.shape, dtype=np.float32)
    for tissue, intensity in INTENSITIES[contrast].items():
        image += np.float32(intensity * rng.uniform(0.95, 1.05)) * head.fractions[tissue]
    image += np.float32(_DETAIL[contrast]) * look.detail
    vessel = {Contrast.T1POST: 0.85, Contrast.T2W: 0.15}.get(contrast)
    if vessel is not None:
        image += look.vessels * (vessel - image)
    for part, intensity in LESION_INTENSITIES[contrast].items():
        # oedema infiltrates: the tissue shows through
        opacity = np.float32(rng.uniform(0.6, 0.85) if part == "oedema" else 0.95)
        image += opacity * tumour.fractions[part] * (np.float32(intensity) - image)
    mix = np.float32(rng.uniform(0.3, 0.7))
    image *= 1 + mix * look.textures[0] + (1 - mix) * look.textures[1]
    return np.maximum(image, 0, out=image)


def stretch(coarse: NDArray[np.float32], steps: Sequence[int], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Interpolate linearly between samples that lie `steps` voxels apart, the first on the first voxel.

    Examples
    --------
    >>> stretch(np.array([[[0.0, 2.0, 8.0]]]), [1, 1, 2], (1, 1, 4)).ravel()
    array([0., 1., 2., 5.])
    """
    for axis in (2, 1, 0):
        index, rest = np.divmod(np.arange(shape[axis]), steps[axis])
        weight = (rest / steps[axis]).astype(coarse.dtype).reshape([-1 if i == axis else 1 for i in range(3)])
        lower = np.take(coarse, index, axis)
        upper = np.take(coarse, np.minimum(index + 1, coarse.shape[axis] - 1), axis)
        upper -= lower
        upper *= weight
        upper += lower
        coarse = upper
    return coarse


def _apply(matrix: NDArray[np.floating], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Apply a (4, 4) matrix to points of shape (3, I, J, K)."""
    return np.tensordot(matrix[:3, :3], points, axes=1) + matrix[:3, 3].reshape(3, 1, 1, 1)
