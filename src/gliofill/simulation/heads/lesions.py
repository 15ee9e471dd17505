"""Lesions of generated heads, the brain's edge included: tumours, resection cavities, white-matter lesions."""

import torch
from torch import Tensor

from gliofill.simulation.heads.random import Draw, within

_BRAIN = ("white_matter", "grey_matter", "csf", "vessel")


def add_lesions(
    fractions: dict[str, Tensor], draw: Draw, *, distance: Tensor, room: Tensor, spacing_mm: float
) -> Tensor:
    """Add none, one or two focal lesions, and sometimes many small ones, in place.

    Parameters
    ----------
    fractions
        Tissues, each of shape (I, J, K).
    draw
        Source of all choices.
    distance
        Signed distance from the surface of the brain mask in millimetres, negative inside.
    room
        Distance to the dura from within, in millimetres; lesions fill the space up to it.
    spacing_mm
        Of the voxels.

    Returns
    -------
    Tensor, shape (I, J, K)
        The distance from the brain with its lesions, which count as brain as far as the dura.
    """
    for _ in range(draw.choice((0, 1, 1, 1, 2))):
        distance = _add_focus(fractions, draw, distance=distance, room=room, spacing_mm=spacing_mm)
    if draw.chance(0.3):
        spots = (draw.field(distance.shape, draw.uniform(3, 7)) - draw.uniform(1.2, 2.2)).clamp_(0, 1)
        _cover(fractions, "oedema", spots * (fractions["white_matter"] > 0.3) * draw.uniform(0.4, 1))
    return distance


def _add_focus(
    fractions: dict[str, Tensor], draw: Draw, *, distance: Tensor, room: Tensor, spacing_mm: float
) -> Tensor:
    # at the edge or deep: where the distance from the surface is about what was drawn
    wanted = -draw.uniform(-1, 8) if draw.chance(0.5) else -draw.uniform(8, 35)
    candidates = torch.nonzero((distance - wanted).abs() < spacing_mm)
    if not len(candidates):
        return distance
    centre = candidates[draw.choice(range(len(candidates)))].tolist()
    radius = draw.uniform(5, 30)
    pairs = zip(distance.shape, centre, strict=True)
    axes = [spacing_mm * (torch.arange(n) - c) * draw.uniform(0.75, 1.3) for n, c in pairs]
    squared = axes[0].square()[:, None, None] + axes[1].square()[:, None] + axes[2].square()
    rough = squared.sqrt_() + 0.22 * radius * draw.field(distance.shape, 9) + 1.2 * draw.field(distance.shape, 3)
    inside = within(-room, 0, spacing_mm)
    core = within(rough, radius, spacing_mm) * inside
    spread = within(rough, radius + draw.uniform(0, 18), 4 * spacing_mm) * inside * (1 - fractions["csf"])
    if draw.chance(0.75):
        _cover(fractions, "oedema", spread * draw.uniform(0.5, 1))
    _cover(fractions, draw.choice(("enhancing", "enhancing", "oedema", "cavity")), core)
    if draw.chance(0.7):
        hollow = within(rough + 2 * draw.field(distance.shape, 5), radius * draw.uniform(0.3, 0.85), spacing_mm)
        _cover(fractions, draw.choice(("necrosis", "cavity")), hollow * inside)
    return torch.minimum(distance, torch.maximum(rough - radius, -room))


def _cover(fractions: dict[str, Tensor], tissue: str, share: Tensor) -> None:
    """Replace brain and CSF, and what lesions there are, by a part of a lesion."""
    taken = torch.zeros_like(share)
    for each in (*_BRAIN, "oedema", "enhancing", "necrosis", "cavity"):
        lost = fractions[each] * share
        fractions[each] = fractions[each] - lost
        taken += lost
    fractions[tissue] = fractions[tissue] + taken
