"""What a verdict on an image is: a code for machines, a sentence for people, the number and the threshold."""

from dataclasses import dataclass

#: every code and what it means; written into data dictionaries and checked whenever a verdict is made
CODES = {
    "unreadable": "The file cannot be read whole.",
    "not-3d": "The image does not have three dimensions.",
    "wrong-units": "The header gives sizes in another unit than millimetres, or impossible ones.",
    "few-slices": "Too few voxels along an axis.",
    "thick-slices": "Voxels are too coarse.",
    "not-finite": "Voxels that are not finite numbers.",
    "constant": "All voxels have the same value.",
    "coarse-pixels": "Pixels within the slices are too coarse.",
    "anisotropic": "Voxels are too long for their width.",
    "wrong-plane": "Slices were acquired in a plane other than the one wanted.",
    "slice-gaps": "Gaps between the slices are too wide for their thickness.",
    "short-field": "The field of view is too short to hold the brain.",
    "cut-head": "The field of view ends inside the head at the top, a side or the back.",
    "dropped-slices": "A slice is much darker or brighter than its neighbours.",
    "saturation": "Too many voxels of the head have the highest value of the image.",
    "wrap-around": "Tissue continues from one border of the image to the opposite one.",
    "spikes": "Stripes of one period lie over a slice: an outlier in k-space.",
    "noise": "Too much noise for the signal.",
    "motion": "The head moved during the acquisition: edges are blurred or doubled, or ghosts lie over the image.",
    "blur": "Far less resolution than the voxels claim.",
    "wrong-contrast": "The tissues look like those of a contrast other than the name says.",
    "registration-failed": "The image could not be aligned with its session, or the session with the template.",
    "mask-failed": "The brain mask of the session is not that of a brain.",
    "reviewer": "A reviewer decided so; the reason is the reviewer's.",
}


@dataclass(frozen=True)
class Verdict:
    """Why an image should not be used.

    Attributes
    ----------
    code
        One of `CODES`.
    sentence
        What is wrong, for people; continues the words "the image ...".
    value, threshold
        The number that decided and what it was compared with; None where no number did.

    Examples
    --------
    >>> Verdict("thick-slices", "has voxels 9 mm thick", 9.0, 8.0).code
    'thick-slices'
    """

    code: str
    sentence: str
    value: float | None = None
    threshold: float | None = None

    def __post_init__(self) -> None:
        if self.code not in CODES:
            raise ValueError(f"verdict code {self.code!r} has no explanation in CODES")
