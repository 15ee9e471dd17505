"""The look of generated heads: intensities of every tissue, realistic or at random, and texture."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from gliofill.contrasts import Contrast
from gliofill.simulation.head import INTENSITIES
from gliofill.simulation.heads.random import Draw
from gliofill.simulation.tumour import LESION_INTENSITIES

# of the tissues that the built-in head does not have: vessel, gland, mucosa, skin, eye, cavity
_MORE: Mapping[Contrast, tuple[float, ...]] = {
    Contrast.T1W: (0.30, 0.50, 0.45, 0.50, 0.14, 0.18),
    Contrast.T1POST: (0.95, 0.65, 0.85, 0.55, 0.15, 0.18),
    Contrast.T2W: (0.08, 0.50, 0.80, 0.30, 0.98, 0.90),
    Contrast.FLAIR: (0.15, 0.50, 0.75, 0.35, 0.12, 0.15),
}
_SAME = {"white_matter": "white_matter", "grey_matter": "grey_matter", "csf": "csf", "dura": "dura", "bone": "skull"}
_SAME |= {"marrow": "marrow", "muscle": "muscle", "fat": "scalp"}
# outside the brain hardly two scanners agree: fat may be suppressed, vessels flow, marrow differs with age
_VARIABLE = ("fat", "marrow", "vessel", "dura", "skin", "muscle", "mucosa", "gland", "enhancing", "necrosis", "cavity")
_BRAIN = ("white_matter", "grey_matter", "csf")


def paint(fractions: Mapping[str, Tensor], draw: Draw) -> Tensor:
    """Return an image of a head without bias and noise.

    Parameters
    ----------
    fractions
        Tissues, each of shape (I, J, K), in [0, 1].
    draw
        Source of all choices; another draw paints the same head in another contrast.

    Returns
    -------
    Tensor, shape (I, J, K)
        Air is 0, the brightest tissue about 1.
    """
    means = _realistic(draw) if draw.chance(0.8) else _random(draw, fractions)
    brain = sum(fractions[tissue] for tissue in _BRAIN)
    image = torch.zeros_like(fractions["csf"])
    for tissue, fraction in fractions.items():
        image += means[tissue] * fraction
    rough, soft = draw.uniform(0.02, 0.3), draw.uniform(0.01, 0.08)
    texture = rough + (soft - rough) * brain
    mix = draw.uniform(0, 1)
    grain = mix * draw.field(image.shape, 2.5) + (1 - mix) * draw.field(image.shape, draw.uniform(5, 14))
    return (image * (1 + texture * grain)).clamp_min_(0)


def _realistic(draw: Draw) -> dict[str, float]:
    """Return intensities as one of the four contrasts has them, and vary them."""
    contrast = draw.choice(tuple(Contrast))
    means = {tissue: INTENSITIES[contrast][own] for tissue, own in _SAME.items()}
    means |= dict(zip(("vessel", "gland", "mucosa", "skin", "eye", "cavity"), _MORE[contrast], strict=True))
    means |= LESION_INTENSITIES[contrast]
    for tissue in means:
        means[tissue] *= math.exp(draw.normal(0.35 if tissue in _VARIABLE else 0.12))
    # between wholly suppressed and as it is
    means["fat"] *= draw.uniform(0.1, 1.1)
    if draw.chance(0.3):
        means["bone"] = draw.uniform(0, 0.2)
    return means


def _random(draw: Draw, fractions: Mapping[str, Tensor]) -> dict[str, float]:
    """Return intensities without any order; the bone stays darker than half, as in every sequence for soft tissue."""
    means = {tissue: draw.uniform(0, 1) for tissue in fractions}
    means["bone"] *= 0.5
    return means
