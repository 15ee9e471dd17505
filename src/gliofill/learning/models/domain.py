"""What a model's training images looked like, and whether another source image lies among them.

Two kinds of measures (see `gliofill.learning.models.appearance`): numbers, of which the training images span a range,
and profiles, of which an image's distance to the nearest training image counts. Few patients say little about the next
one, so range and largest distance are widened by `WIDENING` over the root of the number of patients.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from gliofill.derivatives import paths
from gliofill.derivatives.acquired import acquired_spacing_mm
from gliofill.errors import GliofillError
from gliofill.files.nifti import read_image
from gliofill.learning.models.appearance import LEVELS, TISSUES, Appearance
from gliofill.learning.volumes.cases import Volume

DOMAIN_VERSION = 1

#: with fewer training patients nothing can be said
LEAST_PATIENTS = 3

#: limits lie beyond the training images by this over the root of their number of patients: a range by that share of
#: its (logarithmic) width on either side, a distance by that share of itself. See docs/audit.md for what this gives
WIDENING: Mapping[str, float] = {"range": 2.0, "distance": 4.0}

#: a range is widened by this share at least: training images that are all alike do not forbid a hair's breadth
_LEAST_MARGIN = 0.1

#: share of the leave-one-out distances that the limit starts from
_QUANTILE = 0.99

#: how each score is shown to people, with its unit
_WORDS: Mapping[str, tuple[str, str]] = {
    "intensities": ("distribution of intensities", ""),
    "tissues": ("order of white matter, grey matter and CSF", ""),
    "noise": ("noise", ""),
    "roughness_left_right": ("roughness from left to right", ""),
    "roughness_back_front": ("roughness from back to front", ""),
    "roughness_foot_head": ("roughness from foot to head", ""),
    "brain_volume_ml": ("brain volume", " mL"),
    "brain_left_right_mm": ("width of the brain", " mm"),
    "brain_back_front_mm": ("length of the brain", " mm"),
    "brain_foot_head_mm": ("height of the brain", " mm"),
    "acquired_spacing_mm": ("longest voxel edge", " mm"),
}

Profile = NDArray[np.float64]


@dataclass(frozen=True)
class DomainScore:
    """One measure of an image beside what the training images allow.

    Attributes
    ----------
    name
        Of the measure.
    value
        The number, or the distance to the nearest training image.
    low, high
        Between these it counts as like the training images.
    """

    name: str
    value: float
    low: float
    high: float

    @property
    def is_outside(self) -> bool:
        """Whether the image is unlike every training image in this measure."""
        return not self.low <= self.value <= self.high

    @property
    def sentence(self) -> str:
        """What is unlike, for people.

        Examples
        --------
        >>> DomainScore("brain_volume_ml", 640.0, 943.0, 2340.0).sentence
        "brain volume is 640 mL, the model's training images allow 943 to 2340 mL"
        """
        words, unit = _WORDS.get(self.name, (self.name, ""))
        value, low, high = (f"{float(f'{number:.3g}'):g}" for number in (self.value, self.low, self.high))
        if self.low == 0:
            return f"{words} is unlike every training image (distance {value}, at most {high} expected)"
        return f"{words} is {value}{unit}, the model's training images allow {low} to {high}{unit}"


@dataclass(frozen=True)
class Reference:
    """The profiles of one training image; `tissues` is None where it was not on the template's grid."""

    session: str
    intensities: Profile
    tissues: Profile | None

    @property
    def participant(self) -> str:
        """BIDS label without ``sub-``."""
        return self.session.split("/")[0].removeprefix("sub-")


@dataclass(frozen=True)
class Domain:
    """The training images of a model.

    Attributes
    ----------
    patients
        Number of participants.
    ranges
        Smallest and largest value of each number.
    references
        Profiles of every image.
    leave_one_out
        For each kind of profile, every image's distance to the nearest image of another participant, sorted.
    """

    patients: int
    ranges: Mapping[str, tuple[float, float]]
    references: Sequence[Reference]
    leave_one_out: Mapping[str, Sequence[float]]

    @classmethod
    def fit(cls, images: Iterable[tuple[str, Appearance]]) -> Self | None:
        """Describe training images, given with the folder of their session; None for too few participants."""
        known = sorted(images, key=lambda pair: pair[0])
        references = [
            Reference(session, _rounded(a.quantiles), None if a.tissues is None else _rounded(a.tissues))
            for session, a in known
        ]
        patients = len({reference.participant for reference in references})
        if patients < LEAST_PATIENTS:
            return None
        # a number that one image lacks says nothing about the others' range
        names = [name for name in known[0][1].numbers if all(name in image.numbers for _, image in known)]
        values = {name: [image.numbers[name] for _, image in known] for name in names}
        ranges = {name: (_significant(min(own)), _significant(max(own))) for name, own in values.items()}
        return cls(patients, ranges, references, _leave_one_out(references))

    def scores(self, image: Appearance) -> list[DomainScore]:
        """Compare an image with the training images, in every measure that both have."""
        found = []
        for kind, profile in (("intensities", image.quantiles), ("tissues", image.tissues)):
            distances = self.leave_one_out.get(kind)
            if profile is None or not distances:
                continue
            nearest = _nearest(profile, [getattr(reference, kind) for reference in self.references])
            limit = float(np.quantile(distances, _QUANTILE)) * (1 + self._widening("distance"))
            found.append(DomainScore(kind, nearest, 0.0, limit))
        for name, (low, high) in self.ranges.items():
            if name in image.numbers:
                margin = math.exp(max(math.log(high / low) * self._widening("range"), math.log1p(_LEAST_MARGIN)))
                found.append(DomainScore(name, image.numbers[name], low / margin, high * margin))
        return found

    def _widening(self, kind: str) -> float:
        return WIDENING[kind] / math.sqrt(self.patients)

    def has_image(self, participant: str, image: Appearance, tolerance: float = 0.003) -> bool:
        """Tell whether an image of that participant, with the same intensities, was trained on."""
        own = [reference.intensities for reference in self.references if reference.participant == participant]
        return bool(own) and _nearest(image.quantiles, own) <= tolerance

    def as_mapping(self) -> dict[str, Any]:
        """Return plain values for ``model.json``; profiles as lines of text, for people who open the file."""
        return {
            "version": DOMAIN_VERSION,
            "patients": self.patients,
            "ranges": {name: list(ends) for name, ends in self.ranges.items()},
            "leave_one_out": {kind: _line(distances) for kind, distances in self.leave_one_out.items()},
            "references": {
                reference.session: _line(reference.intensities)
                + ("" if reference.tissues is None else f" | {_line(reference.tissues)}")
                for reference in self.references
            },
        }

    @classmethod
    def from_mapping(cls, content: Mapping[str, Any]) -> Self:
        """Restore what `as_mapping` gave.

        Raises
        ------
        GliofillError
            If it is something else.
        """
        try:
            if content["version"] != DOMAIN_VERSION:
                raise GliofillError(f"domain.version is {content['version']}, this gliofill reads {DOMAIN_VERSION}")
            ranges = {name: (float(low), float(high)) for name, (low, high) in content["ranges"].items()}
            if not all(0 < low <= high < math.inf for low, high in ranges.values()):
                raise ValueError("a range does not rise from a positive number")
            return cls(
                int(content["patients"]),
                ranges,
                [_reference(session, text) for session, text in content["references"].items()],
                {kind: _numbers(text).tolist() for kind, text in content["leave_one_out"].items()},
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise GliofillError(f"domain: is damaged ({error!r}); run 'gliofill domain' again") from error


def describe(volumes: Iterable[Volume]) -> Domain | None:
    """Return the domain of training volumes, one at a time; None for too few participants."""
    return Domain.fit((volume.case.folder, appearance_of(volume)) for volume in volumes)


def appearance_of(volume: Volume) -> Appearance:
    """Measure the source of a scaled and cropped session on its own grid."""
    _, affine = read_image(volume.case.brain)
    source, brain = (volume.crop.place(part) for part in (volume.source.astype(np.float32), volume.brain))
    root, image = _root_of(volume)
    return Appearance.of(source, brain, affine, acquired_mm=acquired_spacing_mm(root, image))


def _root_of(volume: Volume) -> tuple[Any, str]:
    """Return the output folder of a session, and its source image relative to it."""
    depth = len(paths.session_qc(volume.case.folder).split("/"))
    root = volume.case.source.parents[depth - 1]
    return root, volume.case.source.relative_to(root).as_posix()


def _leave_one_out(references: Sequence[Reference]) -> dict[str, list[float]]:
    distances: dict[str, list[float]] = {}
    for kind in ("intensities", "tissues"):
        if any(getattr(reference, kind) is None for reference in references):
            continue
        found = []
        for participant, own in groupby(references, key=lambda reference: reference.participant):
            others = [getattr(other, kind) for other in references if other.participant != participant]
            found += [_nearest(getattr(reference, kind), others) for reference in own]
        distances[kind] = sorted(_significant(distance) for distance in found)
    return distances


def _nearest(profile: Profile, others: Sequence[Profile]) -> float:
    """Return the mean absolute difference to the nearest profile.

    Between quantiles this is the Wasserstein distance of the two distributions.
    """
    return float(np.abs(np.stack(others) - profile).mean(axis=1).min())


def _reference(session: str, text: str) -> Reference:
    intensities, _, tissues = text.partition("|")
    profile, medians = _numbers(intensities), _numbers(tissues) if tissues else None
    if len(profile) != len(LEVELS) or (medians is not None and len(medians) != len(TISSUES)):
        raise ValueError(f"profile of {session}")
    return Reference(session, profile, medians)


def _rounded(profile: Profile) -> Profile:
    return np.round(profile, 4)


def _significant(number: float) -> float:
    return float(f"{number:.4g}")


def _line(numbers: Iterable[float]) -> str:
    return " ".join(f"{number:.4g}" for number in numbers)


def _numbers(text: str) -> Profile:
    return np.array([float(word) for word in text.split()])
