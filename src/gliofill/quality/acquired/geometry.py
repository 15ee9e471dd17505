"""How an image was acquired: plane, resolution, gaps between slices, and whether its field of view cuts the head."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gliofill.config.settings import UsabilitySettings
from gliofill.quality.acquired.measurement import Measurement
from gliofill.quality.verdict import Verdict

#: planes that slices may have; ``isotropic`` images can be cut in any plane
PLANES = ("sagittal", "coronal", "axial", "oblique", "isotropic")

# slices thicker than this many times the pixels make a plane of acquisition
_THICK = 1.5
# slices tilted by more than this against the axes of the body are oblique; those along the hard palate or the
# commissures are tilted by up to 25 degrees and count as axial
_TILT_DEGREES = 30.0
# ends where a complete scan shows little of the head
_FREE_ENDS = ("left", "right", "back", "top")
_ENDS = (("left", "right"), ("back", "front"), ("bottom", "top"))


def slice_axis(affine: ArrayLike) -> int:
    """Return the array axis across the slices: the one with the largest voxel edges, the last of equal ones.

    Examples
    --------
    >>> slice_axis(np.diag([5.0, 0.9, 0.9, 1.0])), slice_axis(np.eye(4))
    (0, 2)
    """
    edges = np.linalg.norm(np.asarray(affine)[:3, :3], axis=0)
    return int(2 - np.argmax(np.round(edges[::-1], 3)))


def plane_of(affine: ArrayLike) -> str:
    """Return in which of `PLANES` the slices lie.

    Examples
    --------
    >>> plane_of(np.diag([0.9, 0.9, 5.0, 1.0])), plane_of(np.diag([1.0, 4.0, 1.0, 1.0])), plane_of(np.eye(4))
    ('axial', 'coronal', 'isotropic')
    """
    matrix = np.asarray(affine, dtype=np.float64)[:3, :3]
    edges = np.linalg.norm(matrix, axis=0)
    axis = slice_axis(affine)
    others = np.delete(np.arange(3), axis)
    if edges[axis] < _THICK * edges[others].max():
        return "isotropic"
    # the slices' normal, not the direction of the axis: gantry tilt shears the grid
    normal = np.abs(np.cross(matrix[:, others[0]], matrix[:, others[1]]))
    nearest = int(normal.argmax())
    cosine = min(float(normal[nearest] / np.linalg.norm(normal)), 1.0)
    return PLANES[nearest] if np.degrees(np.arccos(cosine)) <= _TILT_DEGREES else "oblique"


def gap_share(metadata: Mapping[str, Any], spacing_mm: float) -> float | None:
    """Return the gap between slices as a share of their thickness, as a sidecar tells it; None if it does not.

    Parameters
    ----------
    metadata
        Fields ``SliceThickness`` and ``SpacingBetweenSlices`` in millimetres; without the latter the image's own
        spacing counts.
    spacing_mm
        Distance between the slices of the image.

    Examples
    --------
    >>> gap_share({"SliceThickness": 5, "SpacingBetweenSlices": 7.5}, 7.5)
    0.5
    """
    thickness = _millimetres(metadata.get("SliceThickness"))
    distance = _millimetres(metadata.get("SpacingBetweenSlices")) or spacing_mm
    # some vendors write the gap itself, and resampled images keep the old fields: then there is nothing to tell
    if thickness is None or distance < thickness or abs(distance - spacing_mm) > 0.1 * spacing_mm:
        return None
    return distance / thickness - 1


def _millimetres(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 < value < 100 else None


def cut_of(head: NDArray[np.bool_], affine: ArrayLike) -> tuple[str, float]:
    """Return at which end the field of view cuts most off the head, and how much.

    A complete scan shows little of the head in its outermost layers at the top, the sides and the back; at the bottom
    the neck goes on, and in front the face.

    Parameters
    ----------
    head
        Shape (A, B, C): where the head is, on any grid along the axes of the image.
    affine
        Directions of the axes.

    Returns
    -------
    str, float
        ``top``, ``left``, ``right`` or ``back``, empty if the head ends inside the image; and the area of the head in
        the outermost layer there, as a share of the largest section parallel to it.
    """
    matrix = np.asarray(affine, dtype=np.float64)[:3, :3]
    shares = {
        end: share
        for axis in range(3)
        for end, share in zip(_ends(matrix[:, axis]), _end_shares(head, axis), strict=True)
        if end in _FREE_ENDS and share > 0
    }
    return max(((end, round(share, 4)) for end, share in shares.items()), key=lambda cut: cut[1], default=("", 0.0))


def _ends(direction: NDArray[np.float64]) -> tuple[str, str]:
    """Name the first and the last end of an array axis by the direction of the body that it follows most."""
    body = int(np.abs(direction).argmax())
    first, last = _ENDS[body]
    return (first, last) if direction[body] > 0 else (last, first)


def _end_shares(head: NDArray[np.bool_], axis: int) -> tuple[float, float]:
    area = head.sum(axis=tuple(i for i in range(3) if i != axis))
    fullest = max(int(area.max(initial=0)), 1)
    return float(area[0]) / fullest, float(area[-1]) / fullest


def judge_geometry(
    measurement: Measurement, settings: UsabilitySettings, metadata: Mapping[str, Any]
) -> Verdict | None:
    """Return why an image is unusable by its acquisition, or None."""
    return (
        _judge_resolution(measurement, settings)
        or _judge_slices(measurement, settings, metadata)
        or _judge_field(measurement, settings)
    )


def _judge_resolution(measurement: Measurement, settings: UsabilitySettings) -> Verdict | None:
    finest, pixel, coarsest = sorted(measurement.spacing_mm)
    if pixel > settings.max_pixel_mm:
        sentence = f"has pixels of {pixel:.3g} mm; at most {settings.max_pixel_mm:g} mm are allowed"
        return Verdict("coarse-pixels", sentence, pixel, settings.max_pixel_mm)
    if coarsest > settings.max_anisotropy * finest:
        ratio = coarsest / finest
        sentence = (
            f"has voxels {ratio:.3g} times as long as wide; at most {settings.max_anisotropy:g} times are allowed"
        )
        return Verdict("anisotropic", sentence, ratio, settings.max_anisotropy)
    return None


def _judge_slices(measurement: Measurement, settings: UsabilitySettings, metadata: Mapping[str, Any]) -> Verdict | None:
    if settings.plane != "any" and measurement.plane not in (settings.plane, "isotropic", ""):
        return Verdict("wrong-plane", f"was acquired in {measurement.plane} slices; {settings.plane} ones are wanted")
    gap = gap_share(metadata, max(measurement.spacing_mm))
    if gap is not None and gap > settings.max_gap:
        sentence = f"has gaps of {gap:.0%} of the slice thickness; at most {settings.max_gap:.0%} are allowed"
        return Verdict("slice-gaps", sentence, gap, settings.max_gap)
    return None


def _judge_field(measurement: Measurement, settings: UsabilitySettings) -> Verdict | None:
    covered = min(n * edge for n, edge in zip(measurement.shape, measurement.spacing_mm, strict=True))
    if covered < settings.min_field_mm:
        sentence = f"covers only {covered:.4g} mm of the head; at least {settings.min_field_mm:g} mm are needed"
        return Verdict("short-field", sentence, covered, settings.min_field_mm)
    if measurement.cut_share > settings.max_cut:
        sentence = (
            f"cuts the head off at the {measurement.cut_end}: the outermost slice there is {measurement.cut_share:.0%} "
            f"as large as the largest section; at most {settings.max_cut:.0%} are allowed"
        )
        return Verdict("cut-head", sentence, measurement.cut_share, settings.max_cut)
    return None
