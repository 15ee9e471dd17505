"""The built-in head: the MNI brain that nilearn ships, with CSF, skull, scalp and a simple face grown around it.

The template brain has no skull. Raw images do, so a registration that carries a brain mask to a patient, and a
generated cohort that looks like raw images, both need one. The shells around the brain are schematic: their
thicknesses are those of an adult head, their shapes follow the brain.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from gliofill.contrasts import Contrast
from gliofill.simulation.hull import BRIDGE_MM, close, outline_mm
from gliofill.template import grey_matter_map, template_affine, template_brain, white_matter_map

#: what remains to 1 in a voxel is air; ``dura`` holds the venous sinuses too, ``marrow`` is that of the skull
TISSUES: tuple[str, ...] = ("white_matter", "grey_matter", "csf", "dura", "skull", "marrow", "muscle", "scalp")

#: typical intensity of each tissue, on a scale where 1 is the brightest tissue of the image
INTENSITIES: Mapping[Contrast, Mapping[str, float]] = MappingProxyType(
    {
        contrast: MappingProxyType(dict(zip(TISSUES, values, strict=True)))
        for contrast, values in {
            Contrast.T1W: (0.62, 0.45, 0.14, 0.35, 0.05, 0.45, 0.36, 0.90),
            Contrast.T1POST: (0.62, 0.47, 0.14, 0.90, 0.05, 0.50, 0.42, 0.95),
            Contrast.T2W: (0.30, 0.44, 0.95, 0.15, 0.04, 0.30, 0.18, 0.60),
            Contrast.FLAIR: (0.42, 0.54, 0.08, 0.30, 0.04, 0.30, 0.25, 0.70),
        }.items()
    }
)

# outer radius of each shell, in millimetres from the brain surface: 2.5 mm of CSF, 5.5 mm of skull, 7 mm of scalp
_CSF_MM, _SKULL_MM, _SCALP_MM = 2.5, 8.0, 15.0
# tissue maps of an averaged brain are blurred; this power brings the edges of a single brain back
_SHARPENING = 2.0


@dataclass(frozen=True)
class Head:
    """A head as tissue fractions.

    Attributes
    ----------
    fractions
        For each of `TISSUES` an ndarray, shape (I, J, K), float32 in [0, 1]; their sum is at most 1, the rest is air.
    brain
        ndarray, shape (I, J, K), bool: the brain with the CSF inside it, as a brain extraction should return it.
    affine
        ndarray, shape (4, 4): voxel indices to RAS millimetres.
    """

    fractions: Mapping[str, NDArray[np.float32]]
    brain: NDArray[np.bool_]
    affine: NDArray[np.float64]


@cache
def built_in_head() -> Head:
    """Grow the head around the ICBM 2009a symmetric brain, on its 1 mm grid of 197 x 233 x 189 voxels.

    Returns
    -------
    Head
        The arrays are shared by all callers and read-only.
    """
    brain, affine = template_brain(), template_affine()
    fractions = grow_shells(brain, affine)
    fractions |= _brain_tissues(white_matter_map(), grey_matter_map(), fractions.pop("inside"))
    for array in fractions.values():
        array.flags.writeable = False
    return Head(MappingProxyType({tissue: fractions[tissue] for tissue in TISSUES}), brain, affine)


def render(head: Head, contrast: Contrast) -> NDArray[np.float32]:
    """Return the head as one contrast shows it, without noise or texture.

    Returns
    -------
    ndarray, shape (I, J, K), float32
        Intensities in [0, 1]; air is 0.
    """
    image = np.zeros(head.brain.shape, dtype=np.float32)
    for tissue, intensity in INTENSITIES[contrast].items():
        image += np.float32(intensity) * head.fractions[tissue]
    return image


def grow_shells(brain: NDArray[np.bool_], affine: NDArray[np.float64]) -> dict[str, NDArray[np.float32]]:
    """Grow CSF, dura, skull, scalp and face around a brain.

    Parameters
    ----------
    brain
        Shape (I, J, K), voxels of 1 mm along right, anterior and superior.
    affine
        Shape (4, 4), voxel indices to RAS millimetres of the template.

    Returns
    -------
    dict
        The fractions of the tissues outside the brain, and as ``inside`` that of each voxel within the dura.
    """
    return _shells(_distance_mm(brain), affine)


def _within(distance: NDArray[np.float32], radius_mm: float) -> NDArray[np.float32]:
    """Return the fraction of each 1 mm voxel that lies closer than a radius, with partial volume at the edge."""
    fraction = np.subtract(np.float32(radius_mm + 0.5), distance)
    return np.clip(fraction, 0, 1, out=fraction)


def _distance_mm(brain: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the distance of each 1 mm voxel from the brain whose sulci were bridged; negative inside."""
    # the shells are smooth, so half the resolution serves, at an eighth of the time; the brain reaches the lowest slice
    # and goes on below it, hence the padding with its last slice
    pad = int(BRIDGE_MM + _SCALP_MM)
    half = np.pad(brain, ((0, 1), (0, 1), (pad, 0)), mode="edge")[::2, ::2, ::2]
    bridged = close(half, BRIDGE_MM, 2.0)
    signed = ndimage.distance_transform_edt(~bridged, sampling=2.0) - ndimage.distance_transform_edt(
        bridged, sampling=2.0
    )
    smooth = ndimage.gaussian_filter(signed.astype(np.float32), 1.0)
    return _double(smooth)[: brain.shape[0], : brain.shape[1], pad : pad + brain.shape[2]]


def _double(coarse: NDArray[np.float32]) -> NDArray[np.float32]:
    """Interpolate linearly to half the spacing; the first samples coincide."""
    for axis in range(3):
        after = np.concatenate([np.take(coarse, range(1, coarse.shape[axis]), axis), np.take(coarse, [-1], axis)], axis)
        pairs = np.stack([coarse, (coarse + after) / 2], axis=axis + 1)
        shape = tuple(2 * n if i == axis else n for i, n in enumerate(coarse.shape))
        coarse = pairs.reshape(shape)
    return coarse


def _shells(distance: NDArray[np.float32], affine: NDArray[np.float64]) -> dict[str, NDArray[np.float32]]:
    """Return the tissues outside the brain, and as ``inside`` the fraction of each voxel within the dura."""
    x, y, z = (
        (affine[i, i] * np.arange(n) + affine[i, 3]).astype(np.float32).reshape([-1 if j == i else 1 for j in range(3)])
        for i, n in enumerate(distance.shape)
    )
    inside = _within(distance, _CSF_MM)
    # the sagittal sinus runs in the midline over the top and down the back
    course = np.clip(4.5 - np.abs(x), 0, 1) * ((z > 20) | (y < -70))
    sinus = course * (_within(distance, _CSF_MM + 3) - _within(distance, _CSF_MM - 1.5))
    inside -= np.minimum(inside, sinus)
    dura = np.maximum(_within(distance, _CSF_MM + 0.8) - _within(distance, _CSF_MM), sinus)
    within_skull = _within(distance, _SKULL_MM)
    bone = np.maximum(within_skull - inside - dura, 0)
    diploe = 0.8 * (_within(distance, _SKULL_MM - 1.7) - _within(distance, _CSF_MM + 2.0))
    marrow = np.minimum(diploe, bone)
    outline = outline_mm(distance, z.ravel())
    soft = np.maximum(_within(outline, _SCALP_MM) - within_skull, 0)
    fat = _within(outline, _SCALP_MM - 1.0) - _within(outline, _SKULL_MM + 1.5)
    eyes = _carve_face(soft, fat, np.abs(x), y, z)
    return {
        "inside": inside + eyes,
        "dura": dura,
        "skull": bone - marrow,
        "marrow": marrow,
        "muscle": soft * (1 - fat),
        "scalp": soft * fat,
    }


def _carve_face(soft: NDArray[np.float32], fat: NDArray[np.float32], *axes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Put orbits into the soft tissue, take out the air of nose and sinuses, and return the CSF of the eyeballs.

    Parameters
    ----------
    soft, fat
        Shape (I, J, K): the fraction of soft tissue, and that of fat within it; both are changed in place.
    axes
        Distance from the midline, anterior and superior coordinate in millimetres, of shapes that broadcast.
    """

    def ellipsoid(centre: tuple[float, float, float], radii: tuple[float, float, float]) -> NDArray[np.float32]:
        squared = sum(((c - m) / r) ** 2 for c, m, r in zip(region, centre, radii, strict=True))
        return np.clip((1 - np.sqrt(squared)) * np.float32(min(radii)) + 0.5, 0, 1).astype(np.float32)

    start, stop = int(np.searchsorted(axes[1].ravel(), 0)), int(np.searchsorted(axes[2].ravel(), -20))
    front = np.s_[:, start:, :stop]
    region = (axes[0], axes[1][:, start:], axes[2][..., :stop])
    air = np.maximum(ellipsoid((5, 52, -52), (8, 28, 16)), ellipsoid((28, 46, -72), (12, 16, 14)))
    eyeballs = ellipsoid((32, 60, -40), (12, 12, 12)) * (1 - air) * soft[front]
    fat[front] = np.maximum(fat[front], ellipsoid((30, 52, -40), (17, 24, 16)))
    soft[front] = soft[front] * (1 - air) - eyeballs
    eyes = np.zeros_like(soft)
    eyes[front] = eyeballs
    return eyes


def _brain_tissues(
    white: NDArray[np.float32], grey: NDArray[np.float32], inside: NDArray[np.float32]
) -> dict[str, NDArray[np.float32]]:
    """Share the space inside the dura out among white matter, grey matter and CSF."""
    csf = np.clip(1 - white - grey, 0, 1)
    powers = [part**_SHARPENING for part in (white, grey, csf)]
    share = inside / np.maximum(powers[0] + powers[1] + powers[2], np.float32(1e-6))
    return {tissue: part * share for tissue, part in zip(TISSUES[:3], powers, strict=True)}
