"""What a cohort says of its own images: one far worse than similar ones is an outlier."""

from collections import defaultdict
from collections.abc import Hashable, Mapping
from math import log2
from pathlib import Path
from types import MappingProxyType

import numpy as np

from gliofill.quality.acquired.corruption import SCORES
from gliofill.quality.acquired.measurement import Measurement

# robust standard deviations above the median; of normally distributed scores one in 3.5 million lies beyond 5
_DEVIATIONS = 5.0
# a median absolute deviation times this is a standard deviation, for a normal distribution
_TO_DEVIATION = 1.4826


def similarity_key(measurement: Measurement) -> Hashable:
    """Return what images have in common whose scores can be compared: resolution, and whether they are stripped.

    Voxel edges count as similar within a factor of about 1.4.
    """
    edges = tuple(round(2 * log2(edge)) for edge in sorted(measurement.spacing_mm))
    return edges, measurement.is_masked


def outlier_limits(
    measurements: Mapping[Path, Measurement], contrasts: Mapping[Path, str], *, minimum: int
) -> Mapping[Path, Mapping[str, float]]:
    """Return above which scores an image is an outlier among those of its contrast and of similar resolution.

    Parameters
    ----------
    measurements
        Of all images of the cohort.
    contrasts
        Of the same images.
    minimum
        Fewer similar images set no limits.

    Returns
    -------
    mapping
        For each image that has enough similar ones, a limit per score: the median plus five robust standard deviations,
        but never below the score's own floor, under which no harm is visible.
    """
    groups: dict[Hashable, list[Path]] = defaultdict(list)
    for key, measurement in measurements.items():
        if measurement.scores:
            groups[contrasts[key], similarity_key(measurement)].append(key)
    limits: dict[Path, Mapping[str, float]] = {}
    for keys in groups.values():
        if len(keys) >= minimum:
            limits |= dict.fromkeys(keys, _limits([measurements[key].scores for key in keys]))
    return MappingProxyType(limits)


def _limits(scores: list[Mapping[str, float]]) -> Mapping[str, float]:
    limits = {}
    for score in SCORES:
        values = np.array([of_image[score.name] for of_image in scores if score.name in of_image])
        if values.size:
            middle = float(np.median(values))
            spread = _TO_DEVIATION * float(np.median(np.abs(values - middle)))
            limits[score.name] = max(middle + _DEVIATIONS * spread, score.floor)
    return MappingProxyType(limits)
