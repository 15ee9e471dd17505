"""Convolution with a quarter of the multiplications, for float32 on a CPU, where they are what takes the time."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Self

import torch
from torch import Tensor
from torch.nn import functional, grad

from gliofill.learning.networks.convolution import Convolution

#: pixels along the edge of an output tile
TILE = 4

#: with fewer channels the transforms cost more than the multiplications that they save; measured
LEAST_CHANNELS = 64

#: numbers that each thread transforms at once: what a processor keeps close
CHUNK = 2**18


@dataclass(frozen=True)
class Transforms:
    """Winograd's minimal filtering of tiles: polynomials are multiplied by their values at a few points.

    Attributes
    ----------
    size
        Pixels along the edge of the kernel.
    input, kernel, output
        Shape (points², reach²), (points², size²), (TILE², points²): as Kronecker products they act on both dimensions
        of a tile at once.

    References
    ----------
    Lavin & Gray, Fast algorithms for convolutional neural networks, CVPR 2016.
    """

    size: int
    input: Tensor
    kernel: Tensor
    output: Tensor

    @property
    def reach(self) -> int:
        """Pixels along the edge of the input that a tile depends on; as many as points."""
        return TILE + self.size - 1

    @classmethod
    def at(cls, size: int, points: tuple[float, ...]) -> Self:
        """Make the transforms of kernels of ``size`` x ``size`` from TILE + size - 2 points; infinity is added."""
        values = torch.tensor(points, dtype=torch.float64)
        powers = values[:, None] ** torch.arange(max(TILE, size))
        others = [torch.cat([values[:n], values[n + 1 :]]) for n in range(len(values))]
        scale = torch.stack([(value - rest).prod() for value, rest in zip(values, others, strict=True)])
        kernel = torch.vstack([powers[:, :size] / scale[:, None], torch.eye(size)[-1:]])
        output = torch.vstack([powers[:, :TILE], torch.eye(TILE)[-1:]]).T
        rows = [torch.cat([_polynomial(rest), values.new_zeros(1)]) for rest in others]
        input_ = torch.stack([*rows, _polynomial(values)])
        return cls(size, *(torch.kron(matrix, matrix).float() for matrix in (input_, kernel, output)))


def _polynomial(roots: Tensor) -> Tensor:
    """Return the coefficients, constant first, of the product of (x - root)."""
    coefficients = roots.new_ones(1)
    for root in roots:
        zero = roots.new_zeros(1)
        coefficients = torch.cat([zero, coefficients]) - root * torch.cat([coefficients, zero])
    return coefficients


#: by the size of the kernel
TRANSFORMS = {3: Transforms.at(3, (0, 1, -1, 2, -2)), 4: Transforms.at(4, (0, 1, -1, 2, -2, 0.5))}


class TiledConvolution(Convolution):
    """``nn.Conv2d`` with stride 1 and padding 1: the same parameters, the same numbers but for rounding.

    At 256 channels forward and backward pass together take a third of the time of PyTorch's on a processor without
    bfloat16. Where it does not pay (a GPU, bfloat16, few channels) it is PyTorch's own.

    Parameters
    ----------
    size
        Of the kernel, 3 or 4.
    padding_mode
        ``zeros`` or ``reflect``.
    """

    def __init__(
        self, channels: int, out_channels: int, size: int, *, padding_mode: Literal["zeros", "reflect"]
    ) -> None:
        super().__init__(channels, out_channels, size, padding=1, padding_mode=padding_mode)

    def forward(self, input: Tensor) -> Tensor:
        """Convolve ``(B, C, H, W)`` to ``(B, K, H + 3 - size, W + 3 - size)``."""
        if not self._pays(input):
            return super().forward(input)
        padded = functional.pad(input, (1, 1, 1, 1), mode="reflect" if self.padding_mode == "reflect" else "constant")
        output: Tensor = _Winograd.apply(padded, self.weight)
        return output if self.bias is None else output + self.bias[:, None, None]

    def _pays(self, input: Tensor) -> bool:
        is_plain = input.device.type == "cpu" and input.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")
        return is_plain and min(self.in_channels, self.out_channels) >= LEAST_CHANNELS


class _Winograd(torch.autograd.Function):
    """Valid correlation of a padded image in tiles.

    Tiles of the image and the kernels are transformed; at each point the product is a small matrix product over
    channels; the result is transformed back. N is the number of points, P that of tiles in the batch.
    """

    @staticmethod
    def forward(ctx: Any, padded: Tensor, weight: Tensor) -> Tensor:
        """Return (B, K, H, W) from (B, C, H + size - 1, W + size - 1) and (K, C, size, size)."""
        transforms = TRANSFORMS[weight.shape[-1]]
        channels, *shape = (padded.shape[1], *(length - transforms.size + 1 for length in padded.shape[2:]))
        tiles = _Tiles(len(padded), *(-(-length // TILE) for length in shape))
        points = _transform_input(padded, tiles, transforms)  # (N, P, C)
        kernels = transforms.kernel @ weight.permute(2, 3, 0, 1).reshape(transforms.size**2, -1)
        kernels = kernels.view(len(points), -1, channels)  # (N, K, C)
        output = _transform_output(torch.bmm(points, kernels.mT), tiles, transforms)
        ctx.save_for_backward(padded, weight, points, kernels)
        ctx.tiles = tiles
        return output[:, :, : shape[0], : shape[1]]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None]:
        """Return the gradients of image and kernels: every transform transposed, in reverse order."""
        padded, weight, points, kernels = ctx.saved_tensors
        of_image, of_weight = ctx.needs_input_grad
        if torch.is_grad_enabled():
            # a gradient penalty differentiates what stands here; PyTorch knows how
            image = grad.conv2d_input(padded.shape, weight, gradients[0]) if of_image else None
            return image, grad.conv2d_weight(padded, weight.shape, gradients[0]) if of_weight else None
        transforms = TRANSFORMS[weight.shape[-1]]
        products = _transpose_output(gradients[0], ctx.tiles, transforms)  # (N, P, K)
        image = kernel = None
        if of_weight:
            kernel = transforms.kernel.T @ torch.bmm(products.mT, points).view(len(points), -1)
            kernel = kernel.view(transforms.size, transforms.size, *weight.shape[:2]).permute(2, 3, 0, 1)
        if of_image:
            image = _transpose_input(torch.bmm(products, kernels), ctx.tiles, transforms)
            image = image[:, :, : padded.shape[2], : padded.shape[3]]
        return image, kernel


class _Tiles(NamedTuple):
    """How many there are: images, and tiles down and across each."""

    batch: int
    down: int
    across: int

    @property
    def total(self) -> int:
        return self.batch * self.down * self.across

    def chunks(self, length: int) -> Iterator[tuple[int, int, int, slice]]:
        """Divide them into image, first row, end row, place among all tiles, for ``length`` values of each tile."""
        rows = max(1, CHUNK * torch.get_num_threads() // (length * self.across))
        for image in range(self.batch):
            for first in range(0, self.down, rows):
                end = min(first + rows, self.down)
                place = image * self.down * self.across
                yield image, first, end, slice(place + first * self.across, place + end * self.across)


def _transform_input(padded: Tensor, tiles: _Tiles, transforms: Transforms) -> Tensor:
    """Return (N, P, C) of a padded image; where tiles go on beyond it, it is 0."""
    reach, channels = transforms.reach, padded.shape[1]
    pixels = _extend(padded, tiles, transforms.size - 1)
    image_step, row_step, column_step, _ = pixels.stride()
    strides = (row_step, column_step, TILE * row_step, TILE * column_step, 1)
    points = padded.new_empty(reach**2, tiles.total, channels)
    for image, first, end, place in tiles.chunks(reach**2 * channels):
        shape = (reach, reach, end - first, tiles.across, channels)
        overlapping = pixels.as_strided(shape, strides, image * image_step + first * TILE * row_step)
        torch.mm(transforms.input, overlapping.reshape(reach**2, -1), out=points[:, place].flatten(1))
    return points


def _transform_output(products: Tensor, tiles: _Tiles, transforms: Transforms) -> Tensor:
    """Return the image (B, K, H, W) of (N, P, K)."""
    _, _, channels = products.shape
    pixels = products.new_empty(tiles.batch, tiles.down, TILE, tiles.across, TILE, channels)
    for image, first, end, place in tiles.chunks(len(products) * channels):
        part = transforms.output @ products[:, place].flatten(1)
        part = part.view(TILE, TILE, end - first, tiles.across, channels)
        pixels[image, first:end].copy_(part.permute(2, 0, 3, 1, 4))
    return pixels.view(tiles.batch, TILE * tiles.down, TILE * tiles.across, channels).permute(0, 3, 1, 2)


def _transpose_output(image: Tensor, tiles: _Tiles, transforms: Transforms) -> Tensor:
    """Return the gradient (N, P, K) of what `_transform_output` got, from that of the image."""
    channels = image.shape[1]
    pixels = _extend(image, tiles, 0).view(tiles.batch, tiles.down, TILE, tiles.across, TILE, channels)
    products = image.new_empty(transforms.reach**2, tiles.total, channels)
    for number, first, end, place in tiles.chunks(len(products) * channels):
        part = pixels[number, first:end].permute(1, 3, 0, 2, 4).reshape(TILE**2, -1)
        torch.mm(transforms.output.T, part, out=products[:, place].flatten(1))
    return products


def _transpose_input(points: Tensor, tiles: _Tiles, transforms: Transforms) -> Tensor:
    """Return the gradient of the padded image, from that of what `_transform_input` returned: overlaps add up."""
    reach, channels = transforms.reach, points.shape[2]
    image = points.new_zeros(tiles.batch, tiles.down + 1, TILE, tiles.across + 1, TILE, channels)
    for number, first, end, place in tiles.chunks(len(points) * channels):
        part = transforms.input.T @ points[:, place].flatten(1)
        part = part.view(reach, reach, end - first, tiles.across, channels).permute(2, 0, 3, 1, 4)
        # a tile reaches size - 1 pixels into the next one, down and across
        for below in (0, 1):
            for beside in (0, 1):
                piece = part[:, TILE * below : TILE * (below + 1), :, TILE * beside : TILE * (beside + 1)]
                rows, columns = piece.shape[1], piece.shape[3]
                place_of = image[number, first + below : end + below, :rows, beside : tiles.across + beside, :columns]
                place_of += piece
    return image.view(tiles.batch, TILE * (tiles.down + 1), TILE * (tiles.across + 1), channels).permute(0, 3, 1, 2)


def _extend(image: Tensor, tiles: _Tiles, overlap: int) -> Tensor:
    """Return (B, H, W, C), contiguous, with 0 where tiles go on beyond the image."""
    down, across = (
        TILE * count + overlap - length
        for count, length in zip((tiles.down, tiles.across), image.shape[2:], strict=True)
    )
    pixels = image.permute(0, 2, 3, 1)
    return functional.pad(pixels, (0, 0, 0, across, 0, down)) if down or across else pixels.contiguous()
