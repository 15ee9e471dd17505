"""Scores of what went wrong during an acquisition, one number per kind of corruption, and when they make a verdict."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gliofill.config.settings import UsabilitySettings
from gliofill.quality.acquired.dropped_slices import slice_drop
from gliofill.quality.acquired.geometry import plane_of, slice_axis
from gliofill.quality.acquired.measurement import Measurement
from gliofill.quality.acquired.motion import describe_axes, evidence
from gliofill.quality.acquired.noise import noise_share
from gliofill.quality.acquired.resolution import effective_resolution_mm
from gliofill.quality.acquired.spikes import stripe_amplitude
from gliofill.quality.acquired.tissue import Tissue
from gliofill.quality.acquired.wraparound import folded_share
from gliofill.quality.verdict import Verdict


@dataclass(frozen=True)
class Score:
    """One way in which an image can be corrupted; higher is always worse.

    Attributes
    ----------
    name
        Key of `Measurement.scores` and column of the quality table.
    code
        Of the verdict.
    setting
        Threshold in `UsabilitySettings`.
    floor
        Below it no harm is visible, so that no image is an outlier of its cohort.
    unit
        How the number is written in a sentence, as a format of it.
    sentence
        What is wrong, up to the number.
    description
        For data dictionaries.
    """

    name: str
    code: str
    setting: str
    floor: float
    unit: str
    sentence: str
    description: str


#: in the order in which they are judged: what would disturb the scores after it comes first
SCORES = (
    Score(
        *("slice_drop", "dropped-slices", "max_slice_drop", 0.2, ".0%", "has a slice whose mean is off by"),
        "Largest distance of a slice's mean from those of its neighbours, as a share of theirs.",
    ),
    Score(
        *("saturation", "saturation", "max_saturation", 0.005, ".2%", "is saturated: at the top value is a share of"),
        "Share of the voxels of the head that have the highest value of the image.",
    ),
    Score(
        *("wrap", "wrap-around", "max_wrap", 0.12, ".2f", "is folded about its border: tissue on both sides"),
        "Area of tissue that continues from one border to the opposite one, as a share of the section of the head.",
    ),
    Score(
        *("stripes", "spikes", "max_stripes", 0.02, ".1%", "has stripes of a spike in k-space, amplitude"),
        "Amplitude of stripes of one period in any slice, as a share of the median of the head; 0 if there are none.",
    ),
    Score(
        *("noise", "noise", "max_noise", 0.06, ".1%", "is noisy: the deviation of the noise is"),
        "Standard deviation of the noise inside the head, as a share of the median of the head.",
    ),
    Score(
        *("resolution", "blur", "max_spacing_mm", 6.5, ".3g", "has no detail finer, along one axis, than millimetres"),
        "Finest detail in millimetres along the axis where it is coarsest.",
    ),
    Score(
        *(
            "pixel_resolution",
            "blur",
            "max_pixel_mm",
            2.0,
            ".3g",
            "has no detail finer, along two axes, than millimetres",
        ),
        "Finest detail in millimetres along the axis where it is second coarsest: within the slices.",
    ),
    Score(
        *("motion", "motion", "max_motion", 1.0, ".1f", "shows a head that moved: the log-odds are"),
        "Log-odds that the head moved, from how edges hang together along the axis where they do so least.",
    ),
)


def measure_scores(image: NDArray[np.float32], affine: ArrayLike, *, tissue: Tissue) -> dict[str, float]:
    """Score an image for every kind of corruption.

    Parameters
    ----------
    image
        Shape (I, J, K), finite.
    affine
        Shape (4, 4).
    tissue
        Of this image.

    Returns
    -------
    dict
        By `Score.name`, rounded; empty if there is no head in the image.
    """
    box = image[tissue.inside(affine)]
    if tissue.level <= 0 or not box.size:
        return {}
    spacing = tuple(np.linalg.norm(np.asarray(affine, dtype=np.float64)[:3, :3], axis=0))
    across = slice_axis(affine)
    resolution = sorted(effective_resolution_mm(box, spacing))
    edges = describe_axes(box, spacing, line_axes(affine))
    axes = (0, 1, 2) if plane_of(affine) == "isotropic" else (across,)
    scores = {
        "slice_drop": slice_drop(image, axes, tissue=tissue),
        "saturation": float((image == image.max()).sum() / max((image > tissue.threshold).sum(), 1)),
        "wrap": folded_share(image, tissue=tissue),
        "stripes": stripe_amplitude(image, spacing, across, tissue=tissue),
        "noise": noise_share(box, across, tissue=tissue),
        "motion": None if edges is None else evidence(edges),
        "resolution": resolution[-1],
        "pixel_resolution": resolution[-2],
    }
    return {name: round(float(value), 5) for name, value in scores.items() if value is not None}


def line_axes(affine: ArrayLike) -> tuple[int, ...]:
    """Return the array axes along which lines of k-space may have followed each other: those within the slices.

    Examples
    --------
    >>> line_axes(np.diag([0.9, 0.9, 5.0, 1.0])), line_axes(np.eye(4))
    ((0, 1), (0, 1, 2))
    """
    return (
        (0, 1, 2) if plane_of(affine) == "isotropic" else tuple(axis for axis in range(3) if axis != slice_axis(affine))
    )


def judge_scores(measurement: Measurement, settings: UsabilitySettings, limits: Mapping[str, float]) -> Verdict | None:
    """Return why an image is unusable by corruption, or None.

    Parameters
    ----------
    measurement
        With or without scores.
    settings
        Thresholds for its contrast.
    limits
        Thresholds that its cohort sets; the stricter one counts.
    """
    for score in SCORES:
        value = measurement.scores.get(score.name)
        common = float(getattr(settings, score.setting))
        threshold = min(common, limits.get(score.name, common))
        if value is not None and value > threshold:
            source = "" if threshold == common else ", beyond all similar images of this cohort"
            sentence = f"{score.sentence} {value:{score.unit}} (threshold {threshold:{score.unit}}{source})"
            return Verdict(score.code, sentence, value, threshold)
    return None
