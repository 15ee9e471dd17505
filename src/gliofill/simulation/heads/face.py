"""What lies outside the skull of a generated head: scalp, muscles, face, orbits, sinuses and neck."""

import torch
from torch import Tensor

from gliofill.simulation.heads.random import Draw, ellipsoid, within


def add_face(
    fractions: dict[str, Tensor],
    draw: Draw,
    *,
    points: Tensor,
    hull: Tensor,
    outline: Tensor,
    bone_mm: Tensor,
    spacing_mm: float,
) -> None:
    """Add soft tissue outside the skull, in place.

    Parameters
    ----------
    fractions
        Tissues inside the skull, each of shape (I, J, K).
    draw
        Source of all choices.
    points
        Shape (3, I, J, K), RAS millimetres of the template.
    hull, outline
        Distances from the hull of the brain, and from the outline that bounds the skin.
    bone_mm
        Distance of the skull's outer surface from the hull.
    spacing_mm
        Of the voxels.
    """
    shape, (x, y, z) = hull.shape, points
    # chin and nose stand out from the outline of the cranium
    face = torch.exp(-((x / 35) ** 2) - ((y - 75) / 25) ** 2 - ((z + 50) / 30) ** 2)
    outline = outline - draw.uniform(0, 20) * face
    low = torch.sigmoid((-18 - z) / 4)
    temples = torch.sigmoid((x.abs() - 48) / 5) * torch.sigmoid((15 - z) / 8)
    nape = torch.sigmoid((-y - 50) / 8) * torch.sigmoid((-25 - z) / 8)
    muscle = draw.uniform(0.3, 3) + draw.uniform(1, 14) * temples + draw.uniform(3, 15) * nape
    muscle = muscle * (1 + 0.4 * draw.field(shape, 16)).clamp_(0.2, 3)
    fat_mm = 0.0 if draw.chance(0.12) else draw.uniform(0.8, 8)
    fat = fat_mm * (1 + 0.5 * draw.field(shape, 14)).clamp_(0.1, 3)
    radius = bone_mm + muscle + fat + draw.uniform(0.8, 2.5)
    head = within(outline, radius, spacing_mm)
    soft = (head - within(hull, bone_mm, spacing_mm)).clamp_min(0)
    under_skin = within(outline, radius - draw.uniform(0.8, 2.5), spacing_mm)
    skin = torch.minimum((head - under_skin).clamp_min(0), soft)
    fat = torch.minimum((under_skin - within(outline, bone_mm + muscle, spacing_mm)).clamp_min(0), soft - skin)
    deep = soft - skin - fat
    fractions["skin"] += skin
    fractions["fat"] += fat
    fractions["muscle"] += deep * (1 - low)
    _patchwork(fractions, draw, deep * low)
    _organs(fractions, draw, points, soft, spacing_mm)


def _patchwork(fractions: dict[str, Tensor], draw: Draw, space: Tensor) -> None:
    """Share space out among tissues in patches of random size: what a face looks like to who does not know it."""
    tissues = ("muscle", "gland", "mucosa", "fat", "bone", "marrow", "air")
    width = draw.uniform(5, 12)
    weights = torch.stack([draw.field(space.shape, width) for _ in tissues])
    weights += torch.tensor([0.8, 0.0, 0.0, 0.4, 0.0, -0.4, draw.uniform(-1, 0.5)]).reshape(-1, 1, 1, 1)
    shares = torch.softmax(6 * weights, dim=0)
    for tissue, share in zip(tissues, shares, strict=True):
        if tissue != "air":
            fractions[tissue] += space * share


def _organs(fractions: dict[str, Tensor], draw: Draw, points: Tensor, soft: Tensor, spacing_mm: float) -> None:
    """Put eyes with fat around them, and the air of nose, sinuses and mastoids, into what is no brain."""
    outside = 1 - sum(fractions[tissue] for tissue in ("white_matter", "grey_matter", "csf", "vessel", "dura"))
    mirrored = torch.stack([points[0].abs(), points[1], points[2]])
    y, z = draw.uniform(52, 64), draw.uniform(-44, -34)
    orbit = ellipsoid(mirrored, (31, y - 10, z), (17, 26, 17), spacing_mm) * outside
    radius = draw.uniform(10.5, 13.5)
    eye = ellipsoid(mirrored, (32, y, z), (radius, radius, radius), spacing_mm) * outside
    lens = ellipsoid(mirrored, (32, y + radius - 2, z), (4, 2.5, 4), spacing_mm) * outside
    nerve = ellipsoid(mirrored, (24, y - 28, z), (3, 20, 3), spacing_mm) * outside
    for tissue, share in (("fat", orbit), ("muscle", nerve), ("eye", eye), ("muscle", lens)):
        _replace(fractions, tissue, share)
    cavities = [
        ((4, 50, -55), (8, 28, 16), 0.9),  # nose
        ((27, 46, -70), (12, 16, 14), 0.8),  # maxillary sinuses
        ((8, 74, draw.uniform(-12, 8)), (draw.uniform(4, 22), 6, draw.uniform(4, 16)), 0.8),  # frontal
        ((6, 14, -44), (12, 13, 9), 0.8),  # sphenoid
        ((52, -38, -44), (10, 12, 14), 0.8),  # mastoid
        ((0, -5, -95), (9, 8, 30), 0.9),  # pharynx
    ]
    for centre, radii, probability in cavities:
        if draw.chance(probability):
            scale = draw.uniform(0.6, 1.3)
            cavity = ellipsoid(mirrored, centre, [scale * radius for radius in radii], spacing_mm) * outside
            # mastoid cells and inflamed sinuses are not all air
            _replace(fractions, draw.choice(("air", "air", "air", "mucosa")), cavity)


def _replace(fractions: dict[str, Tensor], tissue: str, share: Tensor) -> None:
    for each in ("bone", "marrow", "muscle", "gland", "mucosa", "fat", "skin", "eye"):
        fractions[each] *= 1 - share
    if tissue != "air":
        fractions[tissue] += share
