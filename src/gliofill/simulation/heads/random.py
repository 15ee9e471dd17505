"""Random numbers, smooth random fields and soft edges: what generated heads are made of."""

from collections.abc import Sequence
from typing import TypeVar

import torch
from torch import Tensor
from torch.nn import functional

Item = TypeVar("Item")


class Draw:
    """A stream of random numbers that its seeds determine.

    Parameters
    ----------
    seeds
        Non-negative integers, for instance the seed of a recipe and the number of an example.
    """

    def __init__(self, *seeds: int) -> None:
        self.generator = torch.Generator()
        value = 0
        for seed in seeds:
            # a multiplier of Knuth's spreads neighbouring seeds over the 64 bits
            value = (value * 6364136223846793005 + seed + 1442695040888963407) % 2**63
        self.generator.manual_seed(value)

    def uniform(self, low: float, high: float) -> float:
        """Return a number between two bounds."""
        return low + (high - low) * float(torch.rand((), generator=self.generator))

    def normal(self, deviation: float) -> float:
        """Return a number of mean 0."""
        return deviation * float(torch.randn((), generator=self.generator))

    def chance(self, probability: float) -> bool:
        """Return True that often."""
        return self.uniform(0, 1) < probability

    def choice(self, items: Sequence[Item]) -> Item:
        """Return one of several items."""
        return items[int(torch.randint(len(items), (), generator=self.generator))]

    def noise(self, shape: Sequence[int]) -> Tensor:
        """Return independent normal numbers of mean 0 and deviation 1."""
        return torch.randn(tuple(shape), generator=self.generator)

    def field(self, shape: Sequence[int], width: float) -> Tensor:
        """Return a smooth field.

        Parameters
        ----------
        shape
            (I, J, K).
        width
            Voxels over which it keeps about its value, 2 or more.

        Returns
        -------
        Tensor, shape (I, J, K), of mean 0; its deviation is about 1, and half of that at a width of 4
        """
        half = [-(-n // 2) + 1 for n in shape]
        lattice = [max(2, round(2 * n / width) + 2) for n in half]
        coarse = functional.interpolate(self.noise([1, 1, *lattice]), size=half, mode="trilinear", align_corners=True)
        # the interpolation alone would leave kinks at the lattice, and lowers the deviation to about two thirds
        smooth = functional.avg_pool3d(functional.pad(coarse, [1] * 6, mode="replicate"), 3, stride=1)
        fine = functional.interpolate(smooth, scale_factor=2, mode="trilinear", align_corners=False)[0, 0]
        i, j, k = shape
        return 1.6 * fine[:i, :j, :k]


def within(distance: Tensor, radius: float | Tensor, spacing_mm: float) -> Tensor:
    """Return the fraction of each voxel that lies closer than a radius, with partial volume at the edge."""
    return ((radius - distance) / spacing_mm + 0.5).clamp_(0, 1)


def ellipsoid(points: Tensor, centre: Sequence[float], radii: Sequence[float], spacing_mm: float) -> Tensor:
    """Return the fraction of each voxel that lies in an ellipsoid.

    Parameters
    ----------
    points
        Shape (3, I, J, K), millimetres.
    centre, radii
        Millimetres along the three axes.
    """
    squared = sum(((points[i] - centre[i]) / radii[i]) ** 2 for i in range(3))
    assert isinstance(squared, Tensor)
    return within(squared.sqrt_() * min(radii), min(radii), spacing_mm)


def normalise(image: Tensor) -> Tensor:
    """Scale an image between its 1st and 99th percentile, as the network sees it.

    Parameters
    ----------
    image
        Shape (I, J, K); voxels that were not measured are 0.

    Returns
    -------
    Tensor, shape (I, J, K)
        About 0 to 1, clipped to [0, 1.5].
    """
    # every third voxel tells the percentiles as well, and `quantile` refuses large tensors
    values = image.flatten()[:: max(1, image.numel() // 100_000)]
    low, high = torch.quantile(values.float(), torch.tensor([0.01, 0.99]))
    return ((image - low) / (high - low).clamp_min(1e-6)).clamp_(0, 1.5)
