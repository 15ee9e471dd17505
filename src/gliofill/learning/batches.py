"""Batches: slices drawn at random from the training volumes, the same ones whenever an iteration is repeated."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gliofill.errors import GliofillError
from gliofill.learning.recipe import Recipe
from gliofill.learning.volumes import Volume


@dataclass(frozen=True)
class Batch:
    """Slices of several volumes, each of shape (B, 1, H, W), float32: images in [-1, 1], lesion 0 or 1."""

    source: Tensor
    target: Tensor
    lesion: Tensor


class SliceSource:
    """The slices to draw from, held on the device as float16.

    Parameters
    ----------
    volumes
        All with the same in-plane crop.
    recipe
        How many slices of how many volumes make a batch.
    device
        Where the slices are kept.
    """

    def __init__(self, volumes: Sequence[Volume], recipe: Recipe, device: torch.device) -> None:
        self.recipe = recipe
        self.images = [
            tuple(torch.from_numpy(array).to(device) for array in (volume.source, volume.target, volume.lesion))
            for volume in volumes
        ]
        self.usable = [volume.usable_slices(recipe.smallest_brain_fraction) for volume in volumes]
        for volume, usable in zip(volumes, self.usable, strict=True):
            if usable.size == 0:
                raise GliofillError(f"{volume.case.brain}: no slice has enough brain to train on")

    def draw(self, iteration: int) -> Batch:
        """Return the batch of an iteration: the same one whenever it is asked for."""
        generator = np.random.default_rng((self.recipe.seed, iteration))
        chosen = generator.choice(
            len(self.images), self.recipe.batch_size, replace=len(self.images) < self.recipe.batch_size
        )
        parts = []
        for index in chosen:
            usable = self.usable[index]
            slices = generator.choice(
                usable, self.recipe.batch_samples, replace=usable.size < self.recipe.batch_samples
            )
            parts.append([image[torch.from_numpy(slices).to(image.device)] for image in self.images[index]])
        source, target, lesion = (torch.cat(images).float().unsqueeze(1) for images in zip(*parts, strict=True))
        if self.recipe.flip:
            mirrored = torch.from_numpy(generator.random(len(source)) < 0.5).to(source.device)[:, None, None, None]
            source, target, lesion = (torch.where(mirrored, x.flip(2), x) for x in (source, target, lesion))
        return Batch(2 * source - 1, 2 * target - 1, lesion)
