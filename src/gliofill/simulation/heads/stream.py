"""The stream of generated images that the network learns from; a seed determines every one of them."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.utils.data import Dataset

from gliofill.simulation.heads.head import GeneratedHead, grow_head
from gliofill.simulation.heads.random import Draw
from gliofill.simulation.heads.scanner import scan
from gliofill.simulation.heads.template import Template

#: images of each head: growing it takes ten times as long as painting it
PAINTINGS = 4
#: voxels of 2 mm of an image: a head without its neck
SHAPE = (88, 104, 88)


class GeneratedImages(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """Images by number.

    Parameters
    ----------
    template
        What heads are deformed from.
    count
        How many.
    seed
        Of all heads.
    shape
        Voxels of 2 mm.
    """

    def __init__(self, template: Template, count: int, *, seed: int, shape: Sequence[int] = SHAPE) -> None:
        self.template, self.count, self.seed = template, count, seed
        i, j, k = shape
        self.shape = (i, j, k)
        self._last: tuple[int, GeneratedHead] | None = None

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return an image, the distance from the brain's surface, and the field of view, each (1, I, J, K)."""
        number, painting = divmod(index, PAINTINGS)
        if self._last is None or self._last[0] != number:
            with torch.no_grad():
                self._last = number, grow_head(self.template, Draw(self.seed, number), self.shape)
        head = self._last[1]
        with torch.no_grad():
            example = scan(head, Draw(self.seed, number, painting))
        return example.image[None], head.distance[None], example.measured[None]
