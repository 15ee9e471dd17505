"""Convolutions with other gradients than PyTorch's: fast ones on a CPU, always the same ones on a card.

Where PyTorch is slow, in channels-last float32 on a CPU, they are matrix products. On a GPU PyTorch adds up what comes
from mirrored edges in any order.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

#: below it PyTorch's own gradients are faster; measured, for halvings and doublings, and for the output
LEAST_CHANNELS, LEAST_OUTPUT_CHANNELS = 64, 16

#: geometry of `torch.ops.aten.convolution_backward`: stride, padding, dilation, transposed, output padding, groups
HALVING = ((2, 2), (1, 1), (1, 1), False, (0, 0), 1)
DOUBLING = ((2, 2), (1, 1), (1, 1), True, (1, 1), 1)


class Convolution(nn.Conv2d):
    """``nn.Conv2d``; where its edges are mirrored, its gradient on a GPU is the same every time."""

    def forward(self, input: Tensor) -> Tensor:
        """Convolve."""
        if self.padding_mode != "reflect" or input.device.type == "cpu":
            return super().forward(input)
        rows, columns = (int(margin) for margin in self.padding)
        return functional.conv2d(mirrored(input, rows, columns), self.weight, self.bias, self.stride)


def mirrored(images: Tensor, rows: int, columns: int) -> Tensor:
    """Continue images, `(B, C, H, W)`, beyond their edges by their mirror image: ``functional.pad`` of mode reflect."""
    padded: Tensor = _Mirrored.apply(images, rows, columns)
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


class Halving(nn.Conv2d):
    """``nn.Conv2d`` with a 3x3 kernel and stride 2, `(B, C, H, W)` to `(B, K, H / 2, W / 2)`, H and W even."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__(channels, out_channels, 3, stride=2, padding=1)

    def forward(self, input: Tensor) -> Tensor:
        """Convolve."""
        if not _is_slow(input, min(self.in_channels, self.out_channels) >= LEAST_CHANNELS):
            return super().forward(input)
        output: Tensor = _Strided.apply(input, self.weight, self.bias, HALVING)
        return output


class Doubling(nn.ConvTranspose2d):
    """``nn.ConvTranspose2d`` with a 3x3 kernel and stride 2, `(B, C, H, W)` to `(B, K, 2 H, 2 W)`."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__(channels, out_channels, 3, stride=2, padding=1, output_padding=1)

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Convolve."""
        if output_size or not _is_slow(input, min(self.in_channels, self.out_channels) >= LEAST_CHANNELS):
            return super().forward(input, output_size)
        output: Tensor = _Strided.apply(input, self.weight, self.bias, DOUBLING)
        return output


class Output(Convolution):
    """``nn.Conv2d`` with a 7x7 kernel, mirrored edges and one channel of output, `(B, C, H, W)` to `(B, 1, H, W)`."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, 1, 7, padding=3, padding_mode="reflect")

    def forward(self, input: Tensor) -> Tensor:
        """Convolve."""
        if not _is_slow(input, self.in_channels >= LEAST_OUTPUT_CHANNELS):
            return super().forward(input)
        padded = functional.pad(input, (3, 3, 3, 3), mode="reflect")
        output: Tensor = _ToOneChannel.apply(padded, self.weight, self.bias)
        return output


def _is_slow(input: Tensor, has_many_channels: bool) -> bool:
    is_plain = input.device.type == "cpu" and input.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")
    return has_many_channels and is_plain and torch.is_grad_enabled()


class _Strided(torch.autograd.Function):
    """A halving or a doubling: the gradient of the weights is one matrix product for each pixel of the kernel."""

    @staticmethod
    def forward(ctx: Any, input: Tensor, weight: Tensor, bias: Tensor | None, geometry: tuple[Any, ...]) -> Tensor:
        ctx.save_for_backward(input, weight)
        ctx.geometry = geometry
        return torch.convolution(input, weight, bias, *geometry)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        input, weight = ctx.saved_tensors
        (gradient,) = gradients
        wanted = (ctx.needs_input_grad[0], False, False)
        of_input = torch.ops.aten.convolution_backward(gradient, input, weight, None, *ctx.geometry, wanted)[0]
        of_weight = None
        if ctx.needs_input_grad[1]:
            # a doubling is the transpose of a halving: what goes in and what comes out change places
            small, large = (gradient, input) if ctx.geometry == HALVING else (input, gradient)
            of_weight = _correlate(small, large, weight.shape[-1])
        return of_input, of_weight, gradient.sum((0, 2, 3)) if ctx.needs_input_grad[2] else None, None


def _correlate(small: Tensor, large: Tensor, size: int) -> Tensor:
    """Return the sums (K, C, size, size) over small[., k, y, x] large[., c, 2y + i - 1, 2x + j - 1], 0 outside.

    Parameters
    ----------
    small, large
        Shape (B, K, H, W) and (B, C, 2H, 2W).
    size
        Of the kernel.
    """
    height, width = small.shape[2:]
    rows = small.permute(0, 2, 3, 1).flatten(1, 2)  # (B, H W, K)
    pixels = functional.pad(large, (1, 1, 1, 1)).permute(0, 2, 3, 1)
    sums = small.new_zeros(size, size, small.shape[1], large.shape[1])
    for image, row in zip(pixels, rows, strict=True):
        for i in range(size):
            for j in range(size):
                every_second = image[i : i + 2 * height : 2, j : j + 2 * width : 2]
                sums[i, j].addmm_(row.T, every_second.flatten(0, 1))
    return sums.permute(2, 3, 0, 1)


class _ToOneChannel(torch.autograd.Function):
    """Valid correlation with a kernel of one output channel: both gradients are products with its shifted gradient."""

    @staticmethod
    def forward(ctx: Any, padded: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(padded, weight)
        return functional.conv2d(padded, weight, bias)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        padded, weight = ctx.saved_tensors
        (gradient,) = gradients
        size, channels = weight.shape[-1], weight.shape[1]
        kernel = weight[0].flip(1, 2).flatten(1)  # (C, size²)
        of_kernel = torch.zeros_like(kernel.T)
        of_image = torch.empty_like(padded, memory_format=torch.channels_last)
        around = functional.pad(gradient[:, 0], [size - 1] * 4)
        pixels = (
            tensor.permute(0, 2, 3, 1) for tensor in (padded.contiguous(memory_format=torch.channels_last), of_image)
        )
        for shifted, image, result in zip(around, *pixels, strict=True):
            rows = shifted.unfold(0, size, 1).unfold(1, size, 1).reshape(-1, size**2)  # (H W, size²)
            of_kernel.addmm_(rows.T, image.view(-1, channels))
            torch.mm(rows, kernel.T, out=result.view(-1, channels))
        of_weight = of_kernel.T.reshape(weight.shape).flip(2, 3)
        return of_image, of_weight, gradient.sum((0, 2, 3)) if ctx.needs_input_grad[2] else None
