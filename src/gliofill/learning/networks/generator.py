"""The generator: a residual network that translates one axial slice into another contrast."""

import torch
from torch import Tensor, nn

from gliofill.learning.networks.mirrored_edges import MirroredConvolution
from gliofill.learning.networks.normalisation import InstanceNorm


def initialise(module: nn.Module) -> None:
    """Draw convolution weights from a normal distribution of mean 0 and deviation 0.02, and set biases to 0."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(layer.weight, 0.0, 0.02)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions whose output is added to their input, `(B, C, H, W)` to the same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            MirroredConvolution(channels, channels, 3),
            InstanceNorm(),
            nn.ReLU(inplace=True),
            MirroredConvolution(channels, channels, 3),
            InstanceNorm(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return the input plus what the layers add."""
        return x + self.layers(x)


class Generator(nn.Module):
    """ResNet generator: 7x7 convolution, two downsamplings, residual blocks, two upsamplings, 7x7 convolution, tanh.

    Parameters
    ----------
    width
        Channels after the first convolution (ngf); four times as many in the residual blocks.
    blocks
        Number of residual blocks.
    upsampling
        ``transposed`` or ``resize``; both have the same parameters.
    context
        Neighbouring slices on each side that are seen beside the slice that is translated.
    residual
        Whether the output is the source slice, changed, instead of an image from nothing; no parameters.
    """

    def __init__(
        self,
        width: int = 64,
        blocks: int = 9,
        *,
        upsampling: str = "transposed",
        context: int = 0,
        residual: bool = False,
    ) -> None:
        super().__init__()
        self.width, self.blocks, self.upsampling = width, blocks, upsampling
        self.context, self.residual = context, residual
        self.layers = nn.Sequential(
            *_step(MirroredConvolution(1 + 2 * context, width, 7)),
            *_step(_downsampling(width, 2 * width)),
            *_step(_downsampling(2 * width, 4 * width)),
            *(ResidualBlock(4 * width) for _ in range(blocks)),
            *_step(_upsampling(4 * width, 2 * width, upsampling)),
            *_step(_upsampling(2 * width, width, upsampling)),
        )
        self.output = MirroredConvolution(width, 1, 7)
        initialise(self)

    def forward(self, source: Tensor) -> Tensor:
        """Translate slices.

        Parameters
        ----------
        source
            Shape (B, 1 + 2 `context`, H, W) in [-1, 1], the slice to translate in the middle; H and W multiples of 4.

        Returns
        -------
        Tensor, shape (B, 1, H, W), in [-1, 1]; a residual generator may leave that range while it is trained
        """
        features = self.layers(source)
        # in bfloat16 the image would be left with some 200 grey levels
        with torch.autocast(source.device.type, enabled=False):
            output = self.output(features.float())
            if not self.residual:
                return torch.tanh(output)
            # added outside of the tanh: inside, its slope at the brightest voxels would be near 0, and what enhances
            # after gadolinium could not be removed
            changed = source[:, self.context : self.context + 1].float() + 2 * torch.tanh(output)
            # while it learns, a value out of range must have a gradient that leads back
            return changed if self.training else changed.clamp(-1, 1)


def _step(convolution: nn.Module) -> tuple[nn.Module, ...]:
    return convolution, InstanceNorm(), nn.ReLU(inplace=True)


def _downsampling(channels: int, out_channels: int) -> nn.Module:
    return nn.Conv2d(channels, out_channels, 3, stride=2, padding=1)


def _upsampling(channels: int, out_channels: int, kind: str) -> nn.Module:
    if kind == "transposed":
        return nn.ConvTranspose2d(channels, out_channels, 3, stride=2, padding=1, output_padding=1)
    if kind == "resize":
        convolution = MirroredConvolution(channels, out_channels, 3)
        return nn.Sequential(nn.Upsample(scale_factor=2, mode="nearest"), convolution)
    raise ValueError(f"unknown upsampling {kind!r}: expected transposed or resize")
