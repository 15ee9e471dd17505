"""Generated heads as tissue fractions: a deformed brain, and around it what a procedure grows."""

from dataclasses import dataclass

import torch
from torch import Tensor

from gliofill.simulation.heads.face import add_face
from gliofill.simulation.heads.lesions import add_lesions
from gliofill.simulation.heads.random import Draw, within
from gliofill.simulation.heads.template import CORD_TOP_Z_MM, Template

#: tissues of a generated head; what remains to 1 in a voxel is air
TISSUES = (
    *("white_matter", "grey_matter", "csf", "dura", "vessel", "bone", "marrow", "muscle", "gland", "mucosa", "fat"),
    *("skin", "eye", "oedema", "enhancing", "necrosis", "cavity"),
)
#: voxels of a generated head: (right, anterior, superior), of this many millimetres
SPACING_MM = 2.0

#: about which heads are turned and scaled, RAS millimetres of the template
CENTRE_MM = (0.0, -17.0, 10.0)


@dataclass(frozen=True)
class GeneratedHead:
    """A head on a grid of 2 mm.

    Attributes
    ----------
    fractions
        For each of `TISSUES` a tensor, shape (I, J, K), in [0, 1]; their sum is at most 1, the rest is air.
    distance
        Shape (I, J, K), signed distance from the surface of the brain mask in millimetres, negative inside.
    points
        Shape (3, I, J, K), where each voxel lies in the template, RAS millimetres.
    """

    fractions: dict[str, Tensor]
    distance: Tensor
    points: Tensor


def grow_head(template: Template, draw: Draw, shape: tuple[int, int, int]) -> GeneratedHead:
    """Draw a head: its place and pose, its brain, skull, scalp and face, and what is wrong with it.

    Parameters
    ----------
    template
        What the brain is deformed from.
    draw
        Source of all choices.
    shape
        Voxels of 2 mm along right, anterior and superior.
    """
    points, size = _deformed_points(draw, shape)
    white, grey, distance, hull, outline = template.sample(points)
    distance, hull, outline = (each * size for each in (distance, hull, outline))
    distance = torch.maximum(distance, size * (CORD_TOP_Z_MM - points[2]))
    fractions, dura_mm, bone_mm = _cranium(draw, points, hull)
    _fill_cranium(fractions, draw, white=white, grey=grey, distance=distance)
    add_face(fractions, draw, points=points, hull=hull, outline=outline, bone_mm=bone_mm, spacing_mm=SPACING_MM)
    distance = add_lesions(fractions, draw, distance=distance, room=dura_mm - hull, spacing_mm=SPACING_MM)
    # organs may overlap a little
    total = torch.stack(list(fractions.values())).sum(dim=0).clamp_min_(1)
    return GeneratedHead({tissue: part / total for tissue, part in fractions.items()}, distance, points)


def _deformed_points(draw: Draw, shape: tuple[int, int, int]) -> tuple[Tensor, float]:
    """Return where voxels lie in the template, and the mean factor by which the head is larger than it."""
    axes = [SPACING_MM * (torch.arange(n, dtype=torch.float32) - (n - 1) / 2) for n in shape]
    points = torch.stack(torch.meshgrid(*axes, indexing="ij"))
    # the template is larger than most brains: these have about 1.0 to 1.9 L
    size = draw.uniform(0.83, 1.01)
    sizes = torch.tensor([size * draw.uniform(0.95, 1.05) for _ in range(3)])
    matrix = _rotation(draw) / sizes[:, None]
    # wide enough that heads are cut by the border of the grid, as crops of large images are
    shift = torch.tensor([draw.normal(6), draw.normal(8), draw.normal(10)])
    points = torch.einsum("ij,jabc->iabc", matrix, points - shift.reshape(3, 1, 1, 1))
    points += torch.tensor(CENTRE_MM).reshape(3, 1, 1, 1)
    coarse, fine = draw.uniform(0.5, 5), draw.uniform(0, 1.8)
    for axis in range(3):
        points[axis] += coarse * draw.field(shape, 30) + fine * draw.field(shape, 9)
    _push(points, draw)
    return points, float(sizes.mean())


def _rotation(draw: Draw) -> Tensor:
    """Return a rotation: nodding more than turning, turning more than tilting."""
    matrix = torch.eye(3)
    for axis, deviation in enumerate((0.16, 0.07, 0.1)):
        angle = torch.tensor(draw.normal(deviation)).clamp(-0.5, 0.5)
        first, second = (i for i in range(3) if i != axis)
        turn = torch.eye(3)
        turn[first, first] = turn[second, second] = torch.cos(angle)
        turn[first, second], turn[second, first] = -torch.sin(angle), torch.sin(angle)
        matrix = turn @ matrix
    return matrix


def _push(points: Tensor, draw: Draw) -> None:
    """Widen or narrow the ventricles, and add the mass effect of something somewhere, in place."""
    ventricles = draw.uniform(-0.15, 0.45)
    pushes = [((side * 13.0, y, 12.0), ventricles, 13.0) for side in (-1, 1) for y in (-22.0, 10.0)]
    somewhere = (draw.uniform(-50, 50), draw.uniform(-70, 40), draw.uniform(-10, 60))
    pushes.append((somewhere, draw.uniform(0, 0.35), draw.uniform(10, 25)))
    before = points.clone()
    for centre, strength, width_mm in pushes:
        offset = before - torch.tensor(centre).reshape(3, 1, 1, 1)
        points -= strength * torch.exp(-offset.square().sum(dim=0) / (2 * width_mm**2)) * offset


def _cranium(draw: Draw, points: Tensor, hull: Tensor) -> tuple[dict[str, Tensor], Tensor, Tensor]:
    """Return what lies within the skull's outer surface, and the distances of dura and of that surface from the hull.

    ``csf`` is all the space inside the dura.
    """
    shape = hull.shape
    thin_base = torch.sigmoid((-15 - points[2]) / 6)
    dura = _thickness(draw, shape, 0.2, 4.5, 0.4)
    table = dura + draw.uniform(0.4, 1.3)
    diploe = table + _thickness(draw, shape, 0.8, 2.2, 0.2)
    outer = diploe + _thickness(draw, shape, 0.3, 5, 0.5) * (1 - 0.8 * thin_base)
    bone = outer + _thickness(draw, shape, 0.8, 2.2, 0.2) * (1 - 0.6 * thin_base)
    inside, to_table, to_diploe, to_outer, to_bone = (
        within(hull, radius, SPACING_MM) for radius in (dura, table, diploe, outer, bone)
    )
    marrow = to_outer - to_diploe
    fractions = {tissue: torch.zeros(shape) for tissue in TISSUES}
    fractions |= {"csf": inside, "dura": to_table - inside, "marrow": marrow, "bone": to_bone - to_table - marrow}
    # the sagittal sinus over the top and down the back, the transverse ones from there to the sides
    x, y, z = points
    sagittal = (draw.uniform(3, 6) - x.abs()).clamp(0, 1) * ((z > 20) | (y < -70))
    transverse = (draw.uniform(2, 5) - (z + draw.uniform(15, 28)).abs()).clamp(0, 1) * (y < -45)
    depth = within(hull, dura + draw.uniform(1, 4), SPACING_MM) - within(hull, dura - draw.uniform(1, 4), SPACING_MM)
    _overlay(fractions, "vessel", torch.maximum(sagittal, transverse) * depth.clamp_min(0))
    return fractions, dura, bone


def _thickness(draw: Draw, shape: torch.Size, low: float, high: float, roughness: float) -> Tensor:
    """Return a thickness in millimetres that varies over the head."""
    return draw.uniform(low, high) * (1 + roughness * draw.field(shape, 18)).clamp_(0.15, 3)


def _overlay(fractions: dict[str, Tensor], tissue: str, share: Tensor) -> None:
    for each in fractions.values():
        each *= 1 - share
    fractions[tissue] += share


def _fill_cranium(fractions: dict[str, Tensor], draw: Draw, *, white: Tensor, grey: Tensor, distance: Tensor) -> None:
    """Share the space inside the dura out among white matter, grey matter, CSF and the vessels in the sulci."""
    inside, shape = fractions["csf"], distance.shape
    # tissue maps of an averaged brain are blurred: a power brings edges back
    power = draw.uniform(1.2, 3.0)
    parts = [part.clamp(0, 1) ** power for part in (white, grey, 1 - white - grey)]
    share = inside / (parts[0] + parts[1] + parts[2]).clamp_min(1e-4)
    # folds that the average has lost
    depth_mm, width, amount = draw.uniform(3, 16), draw.uniform(0.1, 0.5), draw.uniform(0.2, 1)
    near_surface = torch.sigmoid((distance + depth_mm) / 2)
    sulcus = amount * near_surface * (1 - draw.field(shape, draw.uniform(5, 9)).abs() / width).clamp_(0, 1)
    fractions["white_matter"] = parts[0] * share * (1 - sulcus)
    fractions["grey_matter"] = parts[1] * share * (1 - sulcus)
    csf = (inside - fractions["white_matter"] - fractions["grey_matter"]).clamp_(0, 1)
    vessel = near_surface * (1 - draw.field(shape, 6).abs() / draw.uniform(0.02, 0.25)).clamp_(0, 1) * csf
    fractions["csf"] = csf - vessel
    fractions["vessel"] += vessel
