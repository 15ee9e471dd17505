"""3x3 convolution with a quarter of the multiplications, for float32 on a CPU, where they are what takes the time."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

#: pixels along the edge of an output tile, and of the input tile that it depends on
TILE, REACH = 4, 6

#: with fewer channels the transforms cost more than the multiplications that they save; measured
LEAST_CHANNELS = 64

# Lavin & Gray 2016, F(4x4, 3x3), evaluation points 0, 1, -1, 2, -2 and infinity: for one dimension, the transforms of
# input, kernel and output. As Kronecker products they act on both dimensions of a tile at once
_INPUT = (
    (4, 0, -5, 0, 1, 0),
    (0, -4, -4, 1, 1, 0),
    (0, 4, -4, -1, 1, 0),
    (0, -2, -1, 2, 1, 0),
    (0, 2, -1, -2, 1, 0),
    (0, 4, 0, -5, 0, 1),
)
_KERNEL = ((6, 0, 0), (-4, -4, -4), (-4, 4, -4), (1, 2, 4), (1, -2, 4), (0, 0, 24))
_OUTPUT = ((1, 1, 1, 1, 1, 0), (0, 1, -1, 2, -2, 0), (0, 1, 1, 4, 4, 0), (0, 1, -1, 8, -8, 1))
INPUT, KERNEL, OUTPUT = (
    torch.kron(matrix, matrix)
    for matrix in (torch.tensor(_INPUT) * 1.0, torch.tensor(_KERNEL) / 24, torch.tensor(_OUTPUT) * 1.0)
)


class Convolution3x3(nn.Conv2d):
    """``nn.Conv2d`` with a 3x3 kernel, stride 1 and padding 1: the same parameters, the same numbers but for rounding.

    With mirrored edges. At 256 channels forward and backward pass together take a third of the time of PyTorch's on a
    processor without bfloat16. Where it does not pay (a card, bfloat16, few channels, tiles that do not fit) it is
    PyTorch's own.
    """

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__(channels, out_channels, 3, padding=1, padding_mode="reflect")

    def forward(self, input: Tensor) -> Tensor:
        """Convolve ``(B, C, H, W)`` to ``(B, K, H, W)``."""
        if not self._pays(input):
            return super().forward(input)
        padded = functional.pad(input, (1, 1, 1, 1), mode="reflect")
        output: Tensor = _Winograd.apply(padded, self.weight)
        return output if self.bias is None else output + self.bias[:, None, None]

    def _pays(self, input: Tensor) -> bool:
        is_plain = input.device.type == "cpu" and input.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")
        fits = input.shape[2] % TILE == 0 and input.shape[3] % TILE == 0
        return is_plain and fits and min(self.in_channels, self.out_channels) >= LEAST_CHANNELS


class _Winograd(torch.autograd.Function):
    """Valid 3x3 correlation of a padded image in tiles (Winograd's minimal filtering).

    Tiles of the image and the kernels are transformed; at each of the 36 points the product is a small matrix product
    over channels; the result is transformed back. P is the number of tiles in the batch.
    """

    @staticmethod
    def forward(ctx: Any, padded: Tensor, weight: Tensor) -> Tensor:
        """Return (B, K, H, W) from (B, C, H + 2, W + 2) and (K, C, 3, 3)."""
        batch, channels, height, width = padded.shape
        tiles = (batch, (height - 2) // TILE, (width - 2) // TILE)
        pixels = padded.permute(0, 2, 3, 1).contiguous()
        image, row, column, _ = pixels.stride()
        overlapping = pixels.as_strided(
            (REACH, REACH, *tiles, channels), (row, column, image, TILE * row, TILE * column, 1)
        )
        points = (INPUT @ overlapping.reshape(REACH**2, -1)).view(REACH**2, -1, channels)  # (36, P, C)
        kernels = (KERNEL @ weight.permute(2, 3, 1, 0).reshape(9, -1)).view(REACH**2, channels, -1)  # (36, C, K)
        products = torch.bmm(points, kernels).view(REACH**2, -1)
        ctx.save_for_backward(points, kernels)
        ctx.tiles = tiles
        return _join(OUTPUT @ products, tiles)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor]:
        """Return the gradients of image and kernels: every transform transposed, in reverse order."""
        points, kernels = ctx.saved_tensors
        products = (OUTPUT.T @ _split(gradients[0], ctx.tiles)).view(REACH**2, points.shape[1], -1)  # (36, P, K)
        kernel = (KERNEL.T @ torch.bmm(points.mT, products).view(REACH**2, -1)).view(3, 3, points.shape[2], -1)
        image = None
        if ctx.needs_input_grad[0]:
            image = _add_up(INPUT.T @ torch.bmm(products, kernels.mT).view(REACH**2, -1), ctx.tiles)
        return image, kernel.permute(3, 2, 0, 1)


def _join(pixels: Tensor, tiles: tuple[int, int, int]) -> Tensor:
    """Return the image (B, K, H, W) of output tiles (16, P * K)."""
    batch, down, across = tiles
    image = pixels.view(TILE, TILE, batch, down, across, -1).permute(2, 3, 0, 4, 1, 5)
    return image.reshape(batch, TILE * down, TILE * across, -1).permute(0, 3, 1, 2)


def _split(image: Tensor, tiles: tuple[int, int, int]) -> Tensor:
    """Return the output tiles of an image; undoes `_join`."""
    batch, down, across = tiles
    pixels = image.permute(0, 2, 3, 1).reshape(batch, down, TILE, across, TILE, -1)
    return pixels.permute(2, 4, 0, 1, 3, 5).reshape(TILE**2, -1)


def _add_up(pixels: Tensor, tiles: tuple[int, int, int]) -> Tensor:
    """Return the padded image (B, C, H + 2, W + 2) in which overlapping input tiles (36, P * C) are summed."""
    batch, down, across = tiles
    parts = pixels.view(REACH, REACH, batch, down, across, -1)
    image = pixels.new_zeros(batch, TILE * (down + 1), TILE * (across + 1), parts.shape[-1])
    # a tile reaches two pixels into the next one, down and across
    for below, rows in ((0, TILE), (1, REACH - TILE)):
        for beside, columns in ((0, TILE), (1, REACH - TILE)):
            moved = image[:, TILE * below :, TILE * beside :][:, : TILE * down, : TILE * across]
            places = moved.unflatten(2, (across, TILE)).unflatten(1, (down, TILE))[:, :, :rows, :, :columns]
            part = parts[TILE * below : TILE * below + rows, TILE * beside : TILE * beside + columns]
            places += part.permute(2, 3, 0, 4, 1, 5)
    return image[:, : TILE * down + 2, : TILE * across + 2].permute(0, 3, 1, 2)
