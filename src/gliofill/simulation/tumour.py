"""Generated gliomas: a core with an enhancing rim and necrosis, oedema along the white matter, and mass effect."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from gliofill.contrasts import Contrast
from gliofill.simulation.head import Head
from gliofill.simulation.noise import smooth_noise

#: labels of the lesion segmentation, as in BraTS 2023; a glioma that takes up no gadolinium is all ``oedema``
LESION_LABELS: Mapping[str, int] = {"necrosis": 1, "oedema": 2, "enhancing": 3}

#: intensity of each part of a lesion, on the scale of `gliofill.simulation.head.INTENSITIES`
LESION_INTENSITIES: Mapping[Contrast, Mapping[str, float]] = {
    Contrast.T1W: {"necrosis": 0.25, "oedema": 0.42, "enhancing": 0.40},
    Contrast.T1POST: {"necrosis": 0.26, "oedema": 0.42, "enhancing": 0.97},
    Contrast.T2W: {"necrosis": 0.86, "oedema": 0.74, "enhancing": 0.56},
    Contrast.FLAIR: {"necrosis": 0.42, "oedema": 0.86, "enhancing": 0.74},
}

_REACH_MM = 48
# distance over which one part of a lesion gives way to the next
_EDGE = 0.06


@dataclass(frozen=True)
class Push:
    """A local swelling of the tissue about a centre.

    Attributes
    ----------
    centre
        RAS millimetres.
    strength
        Fraction by which lengths near the centre grow (below 0: shrink); at most about 0.5, or space would fold.
    width_mm
        Standard deviation of the Gaussian over which the swelling fades.
    """

    centre: tuple[float, float, float]
    strength: float
    width_mm: float


@dataclass(frozen=True)
class Tumour:
    """One or more foci of a glioma within the template brain.

    Attributes
    ----------
    fractions
        For each of `LESION_LABELS` an ndarray, shape (I, J, K), float32 in [0, 1], on the grid of the head.
    pushes
        The mass effect, one push per focus.
    enhancing
        Whether the tumour takes up gadolinium.
    """

    fractions: Mapping[str, NDArray[np.float32]]
    pushes: tuple[Push, ...]
    enhancing: bool


def grow_tumour(head: Head, rng: np.random.Generator) -> Tumour:
    """Grow a glioma of random grade, number of foci, place, size and shape in the white matter of the cerebrum."""
    enhancing = bool(rng.random() < 0.75)
    foci = 2 if enhancing and rng.random() < 0.25 else 1
    fractions = {part: np.zeros(head.brain.shape, dtype=np.float32) for part in LESION_LABELS}
    pushes = []
    for focus in range(foci):
        radius = rng.uniform(10, 19) if focus == 0 else rng.uniform(6, 9)
        centre = _choose_centre(head, rng, clear_mm=radius if focus == 0 else radius / 2)
        _add_focus(fractions, head, rng, centre=centre, radius_mm=radius, enhancing=enhancing)
        x, y, z = (head.affine @ [*centre, 1])[:3]
        pushes.append(Push((float(x), float(y), float(z)), rng.uniform(0.1, 0.3), 1.3 * radius))
    return Tumour(fractions, tuple(pushes), enhancing)


def _choose_centre(head: Head, rng: np.random.Generator, *, clear_mm: float) -> NDArray[np.intp]:
    """Return a voxel, shape (3,), deep in cerebral white matter, and `clear_mm` or more from the midline."""
    white = head.fractions["white_matter"][::4, ::4, ::4]
    depth = ndimage.gaussian_filter(white, 1.5)
    x, _, z = (
        head.affine[i, i] * 4 * np.indices(white.shape, dtype=np.float32)[i] + head.affine[i, 3] for i in range(3)
    )
    # above the cerebellum and the brain stem, and not under the vertex
    candidates = np.argwhere((depth > 0.5) & (np.abs(x) > clear_mm + 4) & (z > 2) & (z < 50))
    return 4 * candidates[rng.integers(len(candidates))]


def _add_focus(
    fractions: Mapping[str, NDArray[np.float32]],
    head: Head,
    rng: np.random.Generator,
    *,
    centre: NDArray[np.intp],
    radius_mm: float,
    enhancing: bool,
) -> None:
    """Add one focus to `fractions` in place; what an earlier focus holds stays its own."""
    lower = np.maximum(centre - _REACH_MM, 0)
    box = tuple(slice(a, b) for a, b in zip(lower, np.minimum(centre + _REACH_MM, head.brain.shape), strict=True))
    white, csf = (head.fractions[tissue][box] for tissue in ("white_matter", "csf"))
    offset = np.indices(white.shape, dtype=np.float32) + (lower - centre).astype(np.float32).reshape(3, 1, 1, 1)
    stretch = rng.uniform(0.8, 1.25, 3).astype(np.float32).reshape(3, 1, 1, 1)
    distance = np.sqrt(((offset * stretch) ** 2).sum(axis=0))
    lobes, ragged, hollow = (smooth_noise(white.shape, rng, width=width) for width in (7.0, 2.5, 4.0))

    # tumours infiltrate tissue, not the ventricles, and stay within the brain
    within = ndimage.gaussian_filter(head.brain[box].astype(np.float32), 1.5)
    tissue = np.clip(2 * within - 1, 0, 1) * np.clip(1.6 - 2 * ndimage.gaussian_filter(csf, 1.2), 0, 1)
    core = tissue * _below(distance / radius_mm + 0.22 * lobes + 0.07 * ragged, 1.0)
    spread = distance / (radius_mm + rng.uniform(7, 16)) + 0.25 * lobes + 0.06 * ragged
    spread += 0.35 * (1 - ndimage.gaussian_filter(white, 1.5))
    infiltrated = tissue * np.clip(1 - csf, 0, 1) * _below(spread, 1.0)
    infiltrated = np.maximum(infiltrated, core)
    necrosis = np.zeros_like(core)
    if enhancing:
        rim = rng.uniform(0.55, 0.75)
        necrosis = core * _below(distance / radius_mm + 0.22 * lobes + 0.16 * hollow, rim)
    else:
        core = np.zeros_like(core)
    free = 1 - sum(part[box] for part in fractions.values())
    for part, share in (("necrosis", necrosis), ("enhancing", core - necrosis), ("oedema", infiltrated - core)):
        fractions[part][box] += np.clip(share, 0, 1) * free


def _below(value: NDArray[np.float32], threshold: float) -> NDArray[np.float32]:
    return np.clip((threshold - value) / _EDGE + 0.5, 0, 1)
