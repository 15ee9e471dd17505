"""Batches: slices drawn at random from the training volumes, the same ones whenever an iteration is repeated."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gliofill.config.recipe import Recipe
from gliofill.errors import GliofillError
from gliofill.learning.training.augmentation import Augmentation
from gliofill.learning.volumes.cases import Volume

#: share of a GPU's free memory that the volumes may fill; the rest is for the networks
GPU_SHARE = 0.5


@dataclass(frozen=True)
class Batch:
    """Slices of several volumes, float32.

    Attributes
    ----------
    source
        Shape (B, 1 + 2 context, H, W), in [-1, 1]; the slice to translate is in the middle.
    target
        Shape (B, 1, H, W), in [-1, 1].
    brain, lesion
        Shape (B, 1, H, W), 0 or 1.
    """

    source: Tensor
    target: Tensor
    brain: Tensor
    lesion: Tensor

    @property
    def middle(self) -> Tensor:
        """The source slices without their neighbours, shape (B, 1, H, W)."""
        context = self.source.shape[1] // 2
        return self.source[:, context : context + 1]


class SliceSource:
    """The slices to draw from: as float16 on the device if they fit, else as they come, mapped from the cache.

    Parameters
    ----------
    volumes
        All with the same in-plane crop.
    recipe
        How many slices of how many volumes make a batch, and what is done to them.
    device
        Where the batches are wanted.

    Raises
    ------
    GliofillError
        If a volume has no slice with enough brain, or there is a lesion-mask loss and no lesion in any slice.
    """

    def __init__(self, volumes: Sequence[Volume], recipe: Recipe, device: torch.device) -> None:
        self.recipe, self.device = recipe, device
        home = device if _fits(volumes, device) else torch.device("cpu")
        self.images = [
            tuple(
                torch.from_numpy(array).to(home)
                for array in (volume.source, volume.target, volume.brain, volume.lesion)
            )
            for volume in volumes
        ]
        self.usable = [volume.usable_slices(recipe.smallest_brain_fraction) for volume in volumes]
        self.with_lesion = [
            usable[volume.lesion[usable].any(axis=(1, 2))] for volume, usable in zip(volumes, self.usable, strict=True)
        ]
        for volume, usable in zip(volumes, self.usable, strict=True):
            if usable.size == 0:
                raise GliofillError(f"{volume.case.brain}: no slice has enough brain to train on")
        if recipe.lesion_weight and not any(slices.size for slices in self.with_lesion):
            raise GliofillError(
                f"lesion_weight is {recipe.lesion_weight:g}, but none of the {len(volumes)} sessions to train on has "
                "a lesion mask; give preprocessing the masks, or train the variant nolesion"
            )

    def draw(self, iteration: int) -> Batch:
        """Return the batch of an iteration: the same one whenever it is asked for."""
        generator = np.random.default_rng((self.recipe.seed, iteration))
        count = self.recipe.batch_size
        chosen = generator.choice(len(self.images), count, replace=len(self.images) < count)
        parts = [self._slices(int(index), self._indices(int(index), generator)) for index in chosen]
        source, target, brain, lesion = (self._on_device(torch.cat(images)) for images in zip(*parts, strict=True))
        changes = Augmentation.draw(generator, len(source), self.recipe, aspect=source.shape[3] / source.shape[2])
        source, target = changes.move(changes.apply_to_source(source)), changes.move(target)
        brain, lesion = (changes.move(mask, is_mask=True) for mask in (brain, lesion))
        return Batch(2 * source - 1, 2 * target - 1, brain, lesion)

    def _on_device(self, images: Tensor) -> Tensor:
        if self.device.type == "cuda" and images.device.type == "cpu":
            images = images.pin_memory()  # copied while the device still computes
        return images.to(self.device, non_blocking=True).float()

    def _indices(self, index: int, generator: np.random.Generator) -> NDArray[np.intp]:
        """Choose slices of one volume, each, with the recipe's probability, among those with lesion."""
        count, usable, lesion = self.recipe.batch_samples, self.usable[index], self.with_lesion[index]
        chosen = generator.choice(usable, count, replace=usable.size < count)
        if self.recipe.lesion_share and lesion.size:
            favoured = generator.random(count) < self.recipe.lesion_share
            chosen = np.where(favoured, generator.choice(lesion, count, replace=lesion.size < count), chosen)
        return chosen

    def _slices(self, index: int, chosen: NDArray[np.intp]) -> list[Tensor]:
        source, *others = self.images[index]
        steps = np.arange(-self.recipe.context_slices, self.recipe.context_slices + 1)
        # the first and the last slice are their own neighbours
        neighbours = np.clip(chosen[:, None] + steps, 0, len(source) - 1)
        return [
            source[torch.from_numpy(neighbours).to(source.device)],
            *(image[torch.from_numpy(chosen).to(image.device)].unsqueeze(1) for image in others),
        ]


def _fits(volumes: Sequence[Volume], device: torch.device) -> bool:
    if device.type != "cuda":
        return True
    size = sum(a.nbytes for v in volumes for a in (v.source, v.target, v.brain, v.lesion))
    return size < GPU_SHARE * torch.cuda.mem_get_info(device)[0]
