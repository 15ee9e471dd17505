"""The measures of the tables: what they are called, what they mean, and which direction is better."""

import math
from dataclasses import dataclass
from enum import StrEnum


class Better(StrEnum):
    """Which values of a measure are good."""

    HIGHER = "higher"
    LOWER = "lower"
    NEAR_0 = "nearer to 0"
    NEAR_1 = "nearer to 1"


@dataclass(frozen=True)
class Metric:
    """A measure of how near a prediction comes to the acquired target.

    Attributes
    ----------
    name
        Column of the tables.
    description
        What it is; without the direction.
    better
        Which values are good; None where more is neither better nor worse.
    """

    name: str
    description: str
    better: Better | None

    @property
    def explanation(self) -> str:
        """Description with the direction, for data dictionaries."""
        return f"{self.description}; {self.better} is better" if self.better else self.description

    def penalty(self, value: float) -> float:
        """Return a number that is the lower the better a value is; NaN without direction.

        Examples
        --------
        >>> METRICS["ssim"].penalty(0.75), METRICS["lesion_bias"].penalty(-0.25), METRICS["interslice"].penalty(0.75)
        (-0.75, 0.25, 0.25)
        """
        match self.better:
            case Better.HIGHER:
                return -value
            case Better.LOWER:
                return value
            case Better.NEAR_0:
                return abs(value)
            case Better.NEAR_1:
                return abs(value - 1)
        return math.nan


_SCALE = "intensities of source and target each scaled by the volume's own 0.5 and 99.5 percentiles inside the brain"

METRICS = {
    metric.name: metric
    for metric in (
        Metric("ssim", f"Mean of the 3-D Gaussian SSIM map over the brain; {_SCALE}", Better.HIGHER),
        Metric("ssim_lesion", "Mean of the same map inside the lesion", Better.HIGHER),
        Metric(
            "ssim_lesion_masked",
            "As in ISMRM 2022, abstract 3460: mean SSIM over the whole cropped volume after both images were "
            "multiplied by the lesion mask; it is blind, all zeros reach about 0.99, see the row of method zeros",
            Better.HIGHER,
        ),
        Metric(
            "psnr_db",
            "Peak signal-to-noise ratio inside the brain in decibels, peak 1; n/a for equal images",
            Better.HIGHER,
        ),
        Metric("mae", "Mean absolute error inside the brain, on the [0, 1] scale", Better.LOWER),
        Metric("mae_lesion", "Mean absolute error inside the lesion, on the [0, 1] scale", Better.LOWER),
        Metric("nmse", "Squared error over squared target, inside the brain", Better.LOWER),
        Metric("gmsd", "Gradient magnitude similarity deviation (Xue 2014), in 3-D over the brain", Better.LOWER),
        Metric(
            "interslice",
            "Mean step between neighbouring slices inside the brain, relative to the target's; more than 1 is "
            "striping, less is blur",
            Better.NEAR_1,
        ),
        Metric(
            "interslice_error",
            "Mean absolute difference between the steps from slice to slice of prediction and target, relative to the "
            "target's mean step: stripes and blur both count, while in interslice one can hide the other",
            Better.LOWER,
        ),
        Metric(
            "contrast_error",
            "Absolute difference between the lesion-to-white-matter contrasts of prediction and target; contrast: "
            "(mean in lesion - median in white matter) / median in white matter",
            Better.LOWER,
        ),
        Metric(
            "lesion_bias", "Mean of prediction minus target inside the lesion; positive is too bright", Better.NEAR_0
        ),
        Metric(
            "enhancement_left",
            "Share of the enhancement that a synthetic pre-gadolinium image keeps, over the voxels that the source "
            "shows brighter than the target by more than 0.2, against the rest of the brain; 1 is a copy of the "
            "source, below 0 is darker than it should be; n/a for other tasks",
            Better.NEAR_0,
        ),
        Metric(
            "coverage",
            "Share of the brain voxels whose absolute error is within the half-width; right is the share that the "
            "model states; n/a for methods without calibrated uncertainty",
            None,
        ),
        Metric("half_width", "Mean half-width of the uncertainty interval inside the brain, on the [0, 1] scale", None),
    )
}
