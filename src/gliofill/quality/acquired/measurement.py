"""What header and voxels of an acquired image say, as plain values that a cache can keep."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

#: grows whenever a value is added to a measurement or is measured in another way: what an older version stored is
#: then measured again
VERSION = 4


@dataclass(frozen=True)
class Measurement:
    """What a file's header and voxels say.

    Attributes
    ----------
    error
        Why the file could not be read whole; empty if it could.
    shape
        Voxels along each axis, without trailing axes of length 1.
    spacing_mm
        Voxel edges of the first three axes.
    units
        The header's spatial unit.
    is_finite, is_constant
        Whether all voxels are finite numbers, and whether all are equal.
    plane
        One of `gliofill.quality.acquired.geometry.PLANES`.
    is_masked
        Whether the background was set to exactly 0, by stripping or by the scanner.
    cut_share, cut_end
        How much of the head the field of view cuts off at which end, see `gliofill.quality.acquired.geometry.cut_of`.
    scores
        How corrupted the voxels look, see `gliofill.quality.acquired.corruption.SCORES`; empty if they were not scored.
    """

    error: str = ""
    shape: tuple[int, ...] = ()
    spacing_mm: tuple[float, ...] = ()
    units: str = "unknown"
    is_finite: bool = True
    is_constant: bool = False
    plane: str = ""
    is_masked: bool = False
    cut_share: float = 0.0
    cut_end: str = ""
    scores: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def from_mapping(cls, content: Mapping[str, Any]) -> Self:
        """Restore what `as_mapping` stored."""
        return cls(**{**content, "shape": tuple(content["shape"]), "spacing_mm": tuple(content["spacing_mm"])})

    def as_mapping(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)
