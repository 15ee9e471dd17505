"""One brain mask of a session from what was measured in each of its contrasts, and how well these agree."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from gliofill.contrasts import Contrast
from gliofill.extraction.largest_piece import tidy
from gliofill.metrics.overlap import dice

#: stands in distance maps where an image was not measured, millimetres
OUTSIDE_MM = 99.0

Distance = NDArray[np.float32]


def vote(distances: Mapping[Contrast, Distance], border_mm: float) -> NDArray[np.bool_]:
    """Return the mask where the median of the distances is small enough: a strip that failed alone is outvoted.

    Parameters
    ----------
    distances
        Shape (I, J, K) each, on one grid: millimetres from the surface of the brain, negative inside, and `OUTSIDE_MM`
        where a contrast was not measured and has no vote.
    border_mm
        Below which distance a voxel is brain.
    """
    stack = np.stack(list(distances.values()))
    seen = (stack < OUTSIDE_MM / 2).sum(axis=0)
    # what was not measured sorts last, so the median of the others is known by its place
    stack.sort(axis=0)
    places = np.maximum(seen - 1, 0)
    lower, upper = (np.take_along_axis(stack, place[None], axis=0)[0] for place in (places // 2, (places + 1) // 2))
    return tidy((seen > 0) & ((lower + upper) / 2 < border_mm))


def agreement(distances: Mapping[Contrast, Distance], border_mm: float) -> dict[Contrast, float]:
    """Return for each contrast the Dice of its own mask with that of all others, where both were measured.

    Empty for a single contrast.
    """
    if len(distances) < 2:
        return {}
    scores = {}
    for contrast, own in distances.items():
        others = {other: distance for other, distance in distances.items() if other is not contrast}
        field = (own < OUTSIDE_MM / 2) & (np.min(list(others.values()), axis=0) < OUTSIDE_MM / 2)
        scores[contrast] = round(dice(tidy(own < border_mm) & field, vote(others, border_mm) & field), 3)
    return scores
