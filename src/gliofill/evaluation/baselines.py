"""Baselines: translations without a network, which every network has to beat; fitted on the training volumes alone."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from gliofill.errors import GliofillError
from gliofill.learning.volumes.cases import Volume
from gliofill.metrics.similarity import LinearMapping, fit_linear

#: names of the baselines in tables, from the one that knows least
BASELINES = ("input", "zeros", "linear", "histogram")

#: brain voxels taken from each training volume, evenly spaced: a mapping of intensities needs no more
VOXELS_PER_VOLUME = 20_000

#: quantiles between which the histogram mapping is a straight line
QUANTILES = 257


@dataclass(frozen=True)
class HistogramMapping:
    """Quantile matching: a source intensity becomes the target intensity that as many training voxels lie below.

    It can only rise. Where the target falls with the source, as from T2w to FLAIR in CSF, the brightest source
    voxels still become the brightest target voxels: histograms agree and images do not.

    Attributes
    ----------
    source, target
        Shape (Q,), on the [0, 1] scale: quantiles of the training voxels; `source` rises strictly.
    """

    source: NDArray[np.float64]
    target: NDArray[np.float64]

    @classmethod
    def fit(cls, source: NDArray[np.floating], target: NDArray[np.floating]) -> Self:
        """Fit to the voxels of all training volumes, shape (N,).

        Examples
        --------
        >>> mapping = HistogramMapping.fit(np.array([0.0, 0.5, 1.0]), np.array([0.5, 0.0, 0.25]))
        >>> mapping(np.array([0.0, 0.5, 1.0])).tolist()
        [0.0, 0.25, 0.5]
        """
        levels = np.linspace(0, 1, QUANTILES)
        knots, index = np.unique(np.quantile(source.astype(np.float64), levels), return_inverse=True)
        matched = np.quantile(target.astype(np.float64), levels)
        # many voxels may share one source intensity: it becomes the mean of what they are matched with
        return cls(knots, np.bincount(index, weights=matched) / np.bincount(index))

    def __call__(self, source: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return the mapped source; beyond the training voxels it stays at the end."""
        return np.interp(source, self.source, self.target)


@dataclass(frozen=True)
class Baselines:
    """The mappings of one fold.

    Attributes
    ----------
    linear
        Least-squares line from source to target.
    histogram
        Quantile matching.
    """

    linear: LinearMapping
    histogram: HistogramMapping

    @classmethod
    def fit(cls, volumes: Iterable[Volume]) -> Self:
        """Fit to the brain voxels of training volumes, which are read one at a time.

        Raises
        ------
        GliofillError
            If there is no volume, or the sources are constant.
        """
        return cls.of_samples([sample_voxels(volume) for volume in volumes])

    @classmethod
    def of_samples(cls, samples: Sequence[tuple[NDArray[np.float16], NDArray[np.float16]]]) -> Self:
        """Fit to what `sample_voxels` took from each training volume.

        Raises
        ------
        GliofillError
            If there is no volume, or the sources are constant.
        """
        if not samples:
            raise GliofillError("the baselines cannot be fitted: there is no training volume")
        source, target = (np.concatenate(parts).astype(np.float32) for parts in zip(*samples, strict=True))
        return cls(
            fit_linear([source], [target], [np.ones(source.shape, dtype=bool)]), HistogramMapping.fit(source, target)
        )

    def predict(self, source: NDArray[np.floating]) -> Mapping[str, NDArray[np.floating]]:
        """Return the prediction of every baseline, in the order of `BASELINES`.

        Parameters
        ----------
        source
            Shape (K, H, W), on the [0, 1] scale.
        """
        unit = source.astype(np.float32)
        images = (unit, np.zeros_like(unit), self.linear(unit), self.histogram(unit))
        return dict(zip(BASELINES, images, strict=True))


def sample_voxels(volume: Volume) -> tuple[NDArray[np.float16], NDArray[np.float16]]:
    """Return the source and target intensities of evenly spaced brain voxels, shape (N,) each."""
    source, target = volume.source[volume.brain], volume.target[volume.brain]
    step = max(1, source.size // VOXELS_PER_VOLUME)
    return source[::step], target[::step]
