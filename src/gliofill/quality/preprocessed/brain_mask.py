"""Is a brain mask that of a brain? Told from its size, place and symmetry, and from the edge that it follows."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from gliofill.metrics.overlap import dice
from gliofill.metrics.similarity import mask_box
from gliofill.quality.verdict import Verdict

Mask = NDArray[np.bool_]

#: distance of the surfaces between which the step of intensity at the mask's edge is measured, in voxels
STEP_VOXELS = 3


@dataclass(frozen=True)
class MaskScores:
    """How much a mask on the template's grid is like a brain.

    Attributes
    ----------
    volume_ml
        In millilitres.
    overlap
        Dice with the template's brain.
    offset_mm
        Distance of its centre from that of the template's brain.
    symmetry
        Dice with its own mirror image.
    edge
        Step of intensity at its surface, over that at a surface deeper inside; above 1 if it follows an edge.
    """

    volume_ml: float
    overlap: float
    offset_mm: float
    symmetry: float
    edge: float

    def as_mapping(self) -> dict[str, float]:
        """Return plain rounded values for JSON."""
        return {name: round(value, 3) for name, value in asdict(self).items()}


#: lowest and highest value of a mask that may be right, and of one that raises no question; measured: docs/quality.md
POSSIBLE = {
    "volume_ml": (600, 2300),
    "overlap": (0.5, 1),
    "offset_mm": (0, 18),
    "symmetry": (0.75, 1),
    "edge": (1.2, np.inf),
}
USUAL = {
    "volume_ml": (850, 2100),
    "overlap": (0.65, 1),
    "offset_mm": (0, 8),
    "symmetry": (0.88, 1),
    "edge": (2.0, np.inf),
}
WORDS = {
    "volume_ml": "has a volume of {:.0f} mL",
    "overlap": "overlaps the template's brain by {:.2f} (Dice)",
    "offset_mm": "lies {:.0f} mm from the template's brain",
    "symmetry": "overlaps its mirror image by {:.2f} (Dice)",
    "edge": "follows no edge of the image (step {:.2f} times that inside)",
}


def judge_mask(scores: MaskScores) -> tuple[Verdict | None, str]:
    """Judge a brain mask.

    Returns
    -------
    verdict
        None unless the mask clearly is not that of a brain.
    warning
        What is odd about it otherwise; empty if nothing is.

    Examples
    --------
    >>> judge_mask(MaskScores(300.0, 0.9, 1.0, 0.97, 3.0))[0].sentence
    'has a brain mask that cannot be right: it has a volume of 300 mL; 600 to 2300 is possible'
    """
    if name := _outside(scores, POSSIBLE):
        value, (low, high) = getattr(scores, name), POSSIBLE[name]
        sentence = (
            f"has a brain mask that cannot be right: it {WORDS[name].format(value)}; {_range(low, high)} is possible"
        )
        return Verdict("mask-failed", sentence, round(value, 3), low if value < low else high), ""
    if name := _outside(scores, USUAL):
        return None, f"the brain mask {WORDS[name].format(getattr(scores, name))}; {_range(*USUAL[name])} is usual"
    return None, ""


def _outside(scores: MaskScores, limits: Mapping[str, tuple[float, float]]) -> str:
    """Return the name of the first score outside its limits."""
    return next((n for n, (low, high) in limits.items() if not low <= getattr(scores, n) <= high), "")


def _range(low: float, high: float) -> str:
    if low == 0:
        return f"at most {high:g}"
    return f"at least {low:g}" if high in (1, np.inf) else f"{low:g} to {high:g}"


def score_mask(mask: Mask, template: Mask, image: NDArray[np.floating]) -> MaskScores:
    """Score a brain mask on the template's symmetric 1 mm grid.

    Parameters
    ----------
    mask
        Shape (I, J, K).
    template
        Brain of the template, same grid, whose first axis has the midline in its middle.
    image
        The image that the mask was made of, same grid, with what is outside the mask.
    """
    centres = [np.array(ndimage.center_of_mass(each)) for each in (mask, template)]
    return MaskScores(
        volume_ml=float(mask.sum()) / 1000,
        overlap=dice(mask, template),
        offset_mm=float(np.linalg.norm(centres[0] - centres[1])),
        symmetry=dice(mask, mask[::-1]),
        edge=edge_step(mask, image),
    )


def edge_step(mask: Mask, image: NDArray[np.floating]) -> float:
    """Return the step of intensity at a mask's surface over that at the same surface moved inward by 8 voxels."""
    # far from the mask nothing counts
    box = mask_box(mask, margin=2 * STEP_VOXELS + 8)
    mask, image = mask[box], image[box]
    # what the grid's edge cuts is no surface of the brain
    inside = ndimage.distance_transform_edt(np.pad(mask, 1, mode="edge"))[1:-1, 1:-1, 1:-1]
    outside = ndimage.distance_transform_edt(~mask)
    signed = np.where(mask, inside, 1 - outside)
    steps = [_step(signed - depth, image) for depth in (0, 8)]
    return steps[0] / max(steps[1], 1e-6)


def _step(signed: NDArray[np.floating], image: NDArray[np.floating]) -> float:
    """Return the mean over the surface of the absolute difference between its two sides, smoothed along it."""
    sides = [(signed > low) & (signed <= low + STEP_VOXELS) for low in (0, -STEP_VOXELS)]
    means = [_local_mean(image, side) for side in sides]
    surface = (signed > 0) & (signed <= 1)
    valid = surface & (means[0][1] > 0.02) & (means[1][1] > 0.02)
    if not valid.any():
        return 0.0
    return float(np.abs(means[0][0][valid] - means[1][0][valid]).mean())


def _local_mean(image: NDArray[np.floating], where: Mask) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    weight = ndimage.gaussian_filter(where.astype(np.float32), 2.0)
    return ndimage.gaussian_filter(np.where(where, image, 0).astype(np.float32), 2.0) / np.maximum(weight, 1e-6), weight
