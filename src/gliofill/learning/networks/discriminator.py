"""The discriminator: judges patches of a slice, given the source slice."""

import torch
from torch import Tensor, nn

from gliofill.learning.networks.generator import initialise
from gliofill.learning.networks.normalisation import InstanceNorm


class Discriminator(nn.Module):
    """PatchGAN of pix2pix: each output judges a patch of 70x70 pixels, C64-C128-C256-C512 at `width` 64.

    Parameters
    ----------
    width
        Channels of the first layer (ndf).
    """

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(2, width, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2, inplace=True),
            *_step(nn.Conv2d(width, 2 * width, 4, stride=2, padding=1)),
            *_step(nn.Conv2d(2 * width, 4 * width, 4, stride=2, padding=1)),
            *_step(nn.Conv2d(4 * width, 8 * width, 4, stride=1, padding=1)),
            nn.Conv2d(8 * width, 1, 4, stride=1, padding=1),
        )
        initialise(self)

    def forward(self, source: Tensor, image: Tensor) -> Tensor:
        """Judge whether `image` is the acquired counterpart of `source`.

        Parameters
        ----------
        source, image
            Shape (B, 1, H, W), in [-1, 1].

        Returns
        -------
        Tensor, shape (B, 1, H / 8 - 2, W / 8 - 2)
            Logits, higher for acquired; no sigmoid is applied.
        """
        return self.layers(torch.cat([source, image], dim=1))


def _step(convolution: nn.Module) -> tuple[nn.Module, ...]:
    return convolution, InstanceNorm(), nn.LeakyReLU(0.2, inplace=True)
