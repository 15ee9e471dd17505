"""The network: a small 3-D U-Net that tells how far each voxel is from the surface of the brain."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

#: distances beyond this are all the same, millimetres
REACH_MM = 8.0

# voxels of the input along an edge of a voxel of the network's finest level
_FOLD = 2


class BrainNetwork(nn.Module):
    """U-Net on folded voxels: 2 x 2 x 2 voxels of the input are eight channels of one coarser voxel.

    The distance from a surface is smooth, so nothing is lost by computing at half the resolution, and the cost falls
    by a factor of eight.

    Parameters
    ----------
    widths
        Channels at each level; each level has half the resolution of the one before.
    """

    def __init__(self, widths: Sequence[int] = (16, 32, 64, 96)) -> None:
        super().__init__()
        self.widths = tuple(widths)
        inputs = (_FOLD**3, *self.widths[:-1])
        self.down = nn.ModuleList(_Block(a, b, 2) for a, b in zip(inputs, self.widths, strict=True))
        pairs = list(zip(self.widths[1:], self.widths[:-1], strict=True))
        self.narrow = nn.ModuleList(nn.Conv3d(a, b, 1) for a, b in pairs)
        self.up = nn.ModuleList(_Block(b, b, 1) for _, b in pairs)
        self.output = nn.Conv3d(self.widths[0], _FOLD**3, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        """Estimate distances.

        Parameters
        ----------
        image
            Shape (B, 1, I, J, K), voxels of 2 mm, about 0 to 1; I, J and K even.

        Returns
        -------
        Tensor, shape (B, 1, I, J, K)
            Signed distance from the brain's surface in millimetres, negative inside; meaningless beyond `REACH_MM`.
        """
        levels = [fold(image)]
        for number, block in enumerate(self.down):
            x = functional.max_pool3d(levels[-1], 2, ceil_mode=True) if number else levels[-1]
            levels.append(block(x))
        x = levels.pop()
        for narrow, up in zip(reversed(self.narrow), reversed(self.up), strict=True):
            skip = levels.pop()
            x = functional.interpolate(narrow(x), scale_factor=2, mode="nearest")
            i, j, k = skip.shape[2:]
            x = up(x[..., :i, :j, :k] + skip)
        return REACH_MM * unfold(self.output(x))


class _Block(nn.Sequential):
    """Convolutions, each with a normalisation per channel and a rectifier."""

    def __init__(self, channels: int, width: int, convolutions: int) -> None:
        layers: list[nn.Module] = []
        for number in range(convolutions):
            layers.append(nn.Conv3d(width if number else channels, width, 3, padding=1, bias=False))
            # one group per channel is an instance normalisation, and twice as fast on a processor
            layers += [nn.GroupNorm(width, width), nn.LeakyReLU(0.1, inplace=True)]
        super().__init__(*layers)


def fold(image: Tensor) -> Tensor:
    """Turn 2 x 2 x 2 voxels into eight channels: (B, 1, I, J, K) to (B, 8, I/2, J/2, K/2)."""
    b, _, i, j, k = image.shape
    cells = image.reshape(b, i // _FOLD, _FOLD, j // _FOLD, _FOLD, k // _FOLD, _FOLD)
    return cells.permute(0, 2, 4, 6, 1, 3, 5).reshape(b, _FOLD**3, i // _FOLD, j // _FOLD, k // _FOLD)


def unfold(channels: Tensor) -> Tensor:
    """Undo `fold`."""
    b, _, i, j, k = channels.shape
    cells = channels.reshape(b, _FOLD, _FOLD, _FOLD, i, j, k).permute(0, 4, 1, 5, 2, 6, 3)
    return cells.reshape(b, 1, _FOLD * i, _FOLD * j, _FOLD * k)


def distance_loss(estimate: Tensor, distance: Tensor, measured: Tensor) -> Tensor:
    """Compare estimated distances with true ones.

    Parameters
    ----------
    estimate, distance
        Shape (B, 1, I, J, K), millimetres.
    measured
        Same shape, bool: where it counts.

    Returns
    -------
    Tensor, shape ()
        Mean absolute error of distances in millimetres, those beyond `REACH_MM` right as soon as they are beyond it,
        plus a Dice loss of the masks.
    """
    far = distance.clamp(-REACH_MM, REACH_MM)
    error = (estimate - far).abs()
    error = torch.where(far >= REACH_MM, functional.relu(REACH_MM - estimate), error)
    error = torch.where(far <= -REACH_MM, functional.relu(estimate + REACH_MM), error)
    weight = measured.to(error.dtype)
    regression = (error * weight).sum() / weight.sum().clamp_min(1)
    inside, truth = torch.sigmoid(-estimate), torch.sigmoid(-4 * distance)
    shared = (inside * truth * weight).sum(dim=(1, 2, 3, 4))
    total = ((inside + truth) * weight).sum(dim=(1, 2, 3, 4))
    return regression + (1 - (2 * shared + 1) / (total + 1)).mean()
