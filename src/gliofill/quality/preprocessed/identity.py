"""Is an image the contrast that its name says? Told from CSF, grey and white matter, and from vessels."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from gliofill.contrasts import Contrast
from gliofill.quality.preprocessed.identity_measures import (
    Image,
    Mask,
    Regions,
    TissueMaps,
    csf_brightness,
    enhancement,
    grey_over_white,
    grey_ratio,
    reduce,
)
from gliofill.quality.verdict import Verdict


@dataclass(frozen=True)
class Boundary:
    """A number that two kinds of images lie on either side of; within `margin` of it nothing is said for certain."""

    at: float
    margin: float

    def side(self, value: float) -> int:
        """Return -1 below, 1 above, 0 where nothing is certain."""
        return 0 if abs(value - self.at) < self.margin else (1 if value > self.at else -1)


# How real images of 15 patients lie around these, and how often they err: docs/quality.md
#: `csf_brightness`: below T1w and FLAIR, above T2w
CSF = Boundary(1.15, 0.12)
#: `grey_over_white` with a T2w as guide: below T1w, above FLAIR
GREY_GUIDED = Boundary(0.40, 0.05)
#: `grey_ratio` without a guide: below T1w, above FLAIR
GREY = Boundary(0.98, 0.02)
#: `enhancement` of T1post against T1w: below zero they are exchanged
ENHANCEMENT = Boundary(0.0, 0.35)


class Look(StrEnum):
    """What an image looks like."""

    T1W = "T1w"
    T2W = "T2w"
    FLAIR = "FLAIR"
    UNCLEAR = "unclear"


EXPECTED = {Contrast.T1POST: Look.T1W, Contrast.T1W: Look.T1W, Contrast.T2W: Look.T2W, Contrast.FLAIR: Look.FLAIR}


@dataclass(frozen=True)
class Identity:
    """What was found out about one image.

    Attributes
    ----------
    look
        What it looks like.
    measures
        The numbers behind it, by name.
    verdict
        If it clearly is another contrast than its name says.
    warning
        A sentence if it does not look quite as it should; continues the words "the image ...".
    """

    look: Look
    measures: Mapping[str, float] = field(default_factory=dict)
    verdict: Verdict | None = None
    warning: str = ""


def identify(images: Mapping[Contrast, Image], brain: Mask, maps: TissueMaps) -> dict[Contrast, Identity]:
    """Tell of every image of a session whether it is the contrast that its name says.

    Parameters
    ----------
    images
        Preprocessed images on the template's 1 mm grid, shape (I, J, K); 0 outside the brain. Any may be absent.
    brain
        Brain mask, same grid.
    maps
        The template's tissues.

    Returns
    -------
    dict
        An entry for each image. If the mask is too small to be judged, all are `Look.UNCLEAR`.
    """
    regions = Regions.of(brain, maps)
    if not regions.are_sufficient:
        return {contrast: Identity(Look.UNCLEAR) for contrast in images}
    small = {contrast: reduce(image) for contrast, image in images.items()}
    csf = {contrast: csf_brightness(image, regions) for contrast, image in small.items()}
    guide = max(csf, key=lambda contrast: csf[contrast], default=None)
    is_guided = guide is not None and CSF.side(csf[guide]) > 0
    parts = regions.guided(small[guide]) if guide is not None and is_guided else regions
    found = {
        contrast: _identify_alone(contrast, image, csf[contrast], parts, is_guided=parts is not regions)
        for contrast, image in small.items()
    }
    pair = (Contrast.T1W, Contrast.T1POST)
    if all(contrast in found and found[contrast].look is Look.T1W for contrast in pair):
        found |= _compare(found, enhancement(small[pair[0]], small[pair[1]], regions))
    return found


def _identify_alone(contrast: Contrast, image: Image, csf: float, regions: Regions, *, is_guided: bool) -> Identity:
    """Identify one image by its tissues; T1w before and after gadolinium look alike here."""
    name, boundary = ("grey_over_white", GREY_GUIDED) if is_guided else ("grey_ratio", GREY)
    grey = grey_over_white(image, regions) if is_guided else grey_ratio(image, regions)
    measures = {"csf_brightness": csf, name: grey}
    if CSF.side(csf) >= 0:
        look = Look.T2W if CSF.side(csf) > 0 else Look.UNCLEAR
    else:
        look = {-1: Look.T1W, 0: Look.UNCLEAR, 1: Look.FLAIR}[boundary.side(grey)]
    expected = EXPECTED[contrast]
    if look is Look.UNCLEAR:
        return Identity(look, measures, warning=_doubt(expected, csf, grey, boundary))
    if look is expected:
        return Identity(look, measures)
    is_by_csf = Look.T2W in (look, expected)
    number, limit = (csf, CSF.at) if is_by_csf else (grey, boundary.at)
    sentence = f"looks like a {look}: {_describe(look, expected, number, limit)}"
    return Identity(look, measures, Verdict("wrong-contrast", sentence, round(number, 3), limit))


def _describe(look: Look, expected: Look, number: float, limit: float) -> str:
    if look is Look.T2W:
        return f"cerebrospinal fluid is brighter than white matter ({number:.2f}; below {limit:g} in a {expected})"
    if expected is Look.T2W:
        return f"cerebrospinal fluid is darker than white matter ({number:.2f}; above {limit:g} in a T2w)"
    order, side = ("darker", "above") if look is Look.T1W else ("brighter", "below")
    return f"grey matter is {order} than white matter ({number:.2f}; {side} {limit:g} in a {expected})"


def _doubt(expected: Look, csf: float, grey: float, boundary: Boundary) -> str:
    """Return a warning if an image that is not clearly anything lies on the wrong side of a boundary."""
    if (csf > CSF.at) != (expected is Look.T2W):
        return f"may not be a {expected}: cerebrospinal fluid has an unusual brightness ({csf:.2f})"
    if expected is not Look.T2W and (grey > boundary.at) != (expected is Look.FLAIR):
        return f"may not be a {expected}: grey and white matter differ in an unusual way ({grey:.2f})"
    return ""


def _compare(found: Mapping[Contrast, Identity], score: float) -> dict[Contrast, Identity]:
    """Compare T1w before and after gadolinium: only the latter has bright vessels."""
    side = ENHANCEMENT.side(score)
    sentences = {
        Contrast.T1W: "looks like the T1post: it enhances, vessels are brighter than in what is called T1post",
        Contrast.T1POST: "looks like the T1w: vessels are darker than in what is called T1w",
    }
    result = {}
    for contrast, sentence in sentences.items():
        numbers = f" ({score:.2f}; above {ENHANCEMENT.at:g} if the two are not exchanged)"
        verdict = Verdict("wrong-contrast", sentence + numbers, round(score, 3), ENHANCEMENT.at) if side < 0 else None
        warning = ""
        if side == 0 and contrast is Contrast.T1POST:
            warning = f"hardly enhances against the T1w ({score:.2f}; above {ENHANCEMENT.margin:g} is usual)"
        measures = {**found[contrast].measures, "enhancement": score}
        result[contrast] = Identity(found[contrast].look, measures, verdict, warning)
    return result
