"""Convolutions over mirrored edges whose gradient is the same every time, on a GPU too.

On a GPU, PyTorch adds up the gradient of mirrored edges in any order, so the same training gives other bytes each time.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


class MirroredConvolution(nn.Conv2d):
    """``nn.Conv2d`` with stride 1 over mirrored edges, `(B, C, H, W)` to `(B, K, H, W)`; the kernel's size is odd."""

    def __init__(self, channels: int, out_channels: int, size: int) -> None:
        super().__init__(channels, out_channels, size, padding=size // 2, padding_mode="reflect")

    def forward(self, input: Tensor) -> Tensor:
        """Convolve."""
        if input.device.type == "cpu":
            return super().forward(input)
        rows, columns = (int(margin) for margin in self.padding)
        return functional.conv2d(mirrored(input, rows, columns), self.weight, self.bias)


def mirrored(images: Tensor, rows: int, columns: int) -> Tensor:
    """Continue images, `(B, C, H, W)`, beyond their edges by their mirror image: ``functional.pad`` of mode reflect."""
    padded: Tensor = _Mirrored.apply(images, rows, columns)  # type: ignore[no-untyped-call]
    return padded


class _Mirrored(torch.autograd.Function):
    """Mirrored edges whose gradient is folded back edge by edge, so that its sums have one order."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, rows: int, columns: int) -> Tensor:
        ctx.margins = ((2, rows), (3, columns))
        return functional.pad(images, (columns, columns, rows, rows), mode="reflect")

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = gradients
        for axis, margin in ctx.margins:
            length = gradient.shape[axis] - 2 * margin
            folded = gradient.narrow(axis, margin, length).clone()
            folded.narrow(axis, 1, margin).add_(gradient.narrow(axis, 0, margin).flip(axis))
            after = gradient.narrow(axis, margin + length, margin).flip(axis)
            folded.narrow(axis, length - 1 - margin, margin).add_(after)
            gradient = folded
        return gradient, None, None
