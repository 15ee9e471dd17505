"""What a scanner and its owners do to a generated head: slices, blur, bias, noise, cut borders, lost faces."""

from dataclasses import dataclass

import torch
from torch import Tensor

from gliofill.simulation.heads.contrast import paint
from gliofill.simulation.heads.head import SPACING_MM, GeneratedHead
from gliofill.simulation.heads.random import Draw, normalise, within


@dataclass(frozen=True)
class Example:
    """One image to train on.

    Attributes
    ----------
    image
        Shape (I, J, K), as `normalise` scales it.
    measured
        Shape (I, J, K), bool: the field of view; elsewhere there is no loss.
    """

    image: Tensor
    measured: Tensor


def scan(head: GeneratedHead, draw: Draw) -> Example:
    """Paint a head, and scan it.

    Parameters
    ----------
    head
        On its grid of 2 mm.
    draw
        Source of all choices.
    """
    image = paint(head.fractions, draw)
    shape = image.shape
    image *= torch.exp(draw.uniform(0, 0.35) * draw.field(shape, draw.uniform(40, 90)))
    image = _removed(image, head, draw)
    for axis in range(3):
        image = _blur(image, axis, draw.uniform(0, 0.25))
    image, measured = _slices(image, draw)
    if draw.chance(0.35):
        image *= sum(head.fractions.values()) > 0.05
    if draw.chance(0.5):
        image = image ** draw.uniform(0.7, 1.4)
    _cut(measured, draw)
    return Example(normalise(image * measured), measured)


def _removed(image: Tensor, head: GeneratedHead, draw: Draw) -> Tensor:
    """Deface some images, and strip a few: what was removed is 0."""
    kind = draw.uniform(0, 1)
    if kind < 0.07:
        return image * within(head.distance, draw.uniform(-0.5, 4), SPACING_MM)
    if kind < 0.4:
        x, y, z = head.points
        # a plane in front of the brain, from the brow downward and backward
        plane = (y - draw.uniform(55, 85)) - draw.uniform(0.3, 1.1) * (z + draw.uniform(10, 40))
        gone = (plane > 0) & (z < draw.uniform(0, 50)) & (head.distance > draw.uniform(3, 12))
        if draw.chance(0.3):
            gone |= (x.abs() > draw.uniform(70, 85)) & (head.distance > 8)
        return image * ~gone
    return image


def _blur(image: Tensor, axis: int, weight: float) -> Tensor:
    """Mix each voxel with its two neighbours along an axis; the border keeps its value."""
    n = image.shape[axis]
    first, last = image.narrow(axis, 0, 1), image.narrow(axis, n - 1, 1)
    before = torch.cat([first, image.narrow(axis, 0, n - 1)], axis)
    after = torch.cat([image.narrow(axis, 1, n - 1), last], axis)
    return image * (1 - 2 * weight) + weight * (before + after)


def _slices(image: Tensor, draw: Draw) -> tuple[Tensor, Tensor]:
    """Measure slices along one axis with noise, and interpolate between them as the network's input will be."""
    axis = draw.choice((2, 2, 2, 1, 0))
    thickness = draw.uniform(1, 3) if draw.chance(0.4) else draw.uniform(3, 7)
    # most images have little
    noise = 0.07 * draw.uniform(0, 1) ** 2
    if thickness < SPACING_MM:
        return _rician(image, noise, draw), torch.ones_like(image, dtype=torch.bool)
    step = thickness * (draw.uniform(1, 1.3) if draw.chance(0.3) else 1.0)
    n = image.shape[axis]
    place = SPACING_MM * torch.arange(n, dtype=torch.float32)
    middles = torch.arange(draw.uniform(0, step), SPACING_MM * (n - 1) + 0.01, step)
    profile = ((thickness / 2 - (place - middles[:, None]).abs()) / SPACING_MM + 0.5).clamp_(0, 1)
    profile /= profile.sum(dim=1, keepdim=True).clamp_min(1e-3)
    between = (1 - (place[:, None] - middles).abs() / step).clamp_min_(0)
    covered = between.sum(dim=1) > 0.99
    moved = image.movedim(axis, 0)
    slices = _rician(torch.tensordot(profile, moved, dims=1), noise, draw)
    back = torch.tensordot(between, slices, dims=1).movedim(0, axis)
    shape = [n if i == axis else 1 for i in range(3)]
    return back.contiguous(), covered.reshape(shape).expand(image.shape).clone()


def _rician(image: Tensor, noise: float, draw: Draw) -> Tensor:
    """Return the magnitude of an image with noise in both channels."""
    return torch.hypot(image + noise * draw.noise(image.shape), noise * draw.noise(image.shape))


def _cut(measured: Tensor, draw: Draw) -> None:
    """End the field of view early: below often, above and at the sides sometimes; in place."""
    i, j, k = measured.shape
    if draw.chance(0.45):
        measured[..., : int(draw.uniform(0, 0.3) * k)] = False
    if draw.chance(0.12):
        measured[..., int(draw.uniform(0.82, 1) * k) :] = False
    if draw.chance(0.08):
        measured[: int(draw.uniform(0, 0.18) * i)] = False
    if draw.chance(0.08):
        measured[:, int(draw.uniform(0.85, 1) * j) :] = False
