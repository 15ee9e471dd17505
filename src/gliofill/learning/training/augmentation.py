"""Random changes of training slices: the variety of scanners and heads that few volumes do not show."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from gliofill.config.recipe import Recipe

#: grid of the random values from which a bias field is interpolated
FIELD_SHAPE = (3, 3)


@dataclass(frozen=True)
class Augmentation:
    """What is done to each of B slices, drawn on the host so that every device sees the same.

    Attributes
    ----------
    mirrored
        Shape (B,), bool: whether left and right are exchanged.
    gamma
        Shape (B,): exponent of the source's intensities.
    field
        Shape (B, 1, 3, 3): logarithm of a factor on the source, at coarse points.
    affine
        Shape (B, 2, 3): in-plane rotation and zoom, as `torch.nn.functional.affine_grid` takes it; None for none.
    """

    mirrored: Tensor
    gamma: Tensor
    field: Tensor
    affine: Tensor | None

    @classmethod
    def draw(cls, generator: np.random.Generator, count: int, recipe: Recipe, *, aspect: float) -> Self:
        """Draw the changes of `count` slices whose width is `aspect` times their height."""
        mirrored = generator.random(count) < (0.5 if recipe.flip else 0.0)
        gamma = np.exp(recipe.augment_contrast * generator.standard_normal(count))
        field = recipe.augment_bias * generator.standard_normal((count, 1, *FIELD_SHAPE))
        angle, zoom = recipe.augment_affine * generator.standard_normal((2, count))
        affine = _affine(angle, np.exp(zoom), aspect) if recipe.augment_affine else None
        return cls(
            torch.from_numpy(mirrored),
            torch.from_numpy(gamma).float(),
            torch.from_numpy(field).float(),
            affine,
        )

    def apply_to_source(self, source: Tensor) -> Tensor:
        """Change the intensities of source slices, shape (B, C, H, W), in [0, 1]; 0 stays 0."""
        changed = source
        if not bool((self.gamma == 1).all()):
            changed = changed ** self.gamma.to(source.device)[:, None, None, None]
        if bool(self.field.any()):
            field = functional.interpolate(
                self.field.to(source.device), source.shape[2:], mode="bicubic", align_corners=True
            )
            changed = (changed * field.exp()).clamp(0, 1)
        return changed

    def move(self, images: Tensor, *, is_mask: bool = False) -> Tensor:
        """Mirror, turn and zoom slices, shape (B, C, H, W); masks by nearest neighbour, zeros from outside."""
        moved = images
        if bool(self.mirrored.any()):
            moved = torch.where(self.mirrored.to(images.device)[:, None, None, None], moved.flip(2), moved)
        if self.affine is None:
            return moved
        grid = functional.affine_grid(self.affine.to(images.device), list(images.shape), align_corners=False)
        return functional.grid_sample(moved, grid, mode="nearest" if is_mask else "bilinear", align_corners=False)


def _affine(angle: np.ndarray, zoom: np.ndarray, aspect: float) -> Tensor:
    # affine_grid measures both axes from -1 to 1, so that a rotation of pixels has the aspect ratio in it
    matrix = np.zeros((len(angle), 2, 3))
    matrix[:, 0, 0] = matrix[:, 1, 1] = np.cos(angle) * zoom
    matrix[:, 0, 1] = -np.sin(angle) * zoom / aspect
    matrix[:, 1, 0] = np.sin(angle) * zoom * aspect
    return torch.from_numpy(matrix).float()
