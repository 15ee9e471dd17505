"""Can an acquired image be used? Header and voxels are measured once, then judged against the settings."""

import math
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.arrayproxy import ArrayProxy

from gliofill.config.settings import UsabilitySettings
from gliofill.quality.acquired.corruption import judge_scores, measure_scores
from gliofill.quality.acquired.geometry import cut_of, judge_geometry, plane_of
from gliofill.quality.acquired.header import claim_problem, read_to_end
from gliofill.quality.acquired.measurement import Measurement
from gliofill.quality.acquired.tissue import measure_tissue
from gliofill.quality.verdict import Verdict

#: more voxels than a head scan has (512 x 512 x 512); a header that claims more is damaged, and is not read
MAX_VOXELS = 1 << 27
#: bytes that may follow the voxels of an image
GZIP_SLACK = 1 << 20
#: the longest edge of a head scan's field of view, in mm; outside it the units are wrong
FIELD_MM = (80.0, 1000.0)


def header_problem(path: Path) -> str:
    """Return why an image cannot be read, as far as its first and last bytes tell, or an empty text.

    Takes a fraction of a millisecond, for the voxels are not looked at: what passes is still measured by `measure`.
    """
    try:
        if problem := claim_problem(path):
            return problem
        image = nib.Nifti1Image.from_filename(path)
        problem = _header_problem(tuple(map(int, image.shape)), np.asarray(image.affine, dtype=float))
        return problem or ("ends too early" if _is_cut_short(path, image) else "")
    except Exception as error:  # nibabel, zlib and numpy raise a dozen types on damaged files
        return _one_line(error)


def _end_of_voxels(image: nib.Nifti1Image) -> int:
    """Return the byte behind the last voxel, by the header."""
    size = math.prod(map(int, image.shape)) * image.get_data_dtype().itemsize
    # the header of an image that was read no longer has the offset
    assert isinstance(image.dataobj, ArrayProxy)
    return int(image.dataobj.offset) + size


def _is_cut_short(path: Path, image: nib.Nifti1Image) -> bool:
    wanted = _end_of_voxels(image)
    if path.suffix != ".gz":
        return path.stat().st_size < wanted
    with path.open("rb") as file:
        file.seek(-4, os.SEEK_END)
        # a gzip file ends with its unpacked size; the middle of packed data is, as a number, nearly always far larger.
        # Of several members the last one's is smaller, so that only a larger one tells
        return int.from_bytes(file.read(4), "little") > wanted + GZIP_SLACK


def _length_problem(path: Path, image: nib.Nifti1Image) -> str:
    """Return why a file whose voxels were read cannot be as long as it is; packed ones are read to their checksum.

    Raises
    ------
    OSError, EOFError, zlib.error
        If a packed file is cut short or damaged behind the last voxel.
    """
    wanted, piece = _end_of_voxels(image), math.prod(image.shape[:2]) * image.get_data_dtype().itemsize
    most = wanted + max(GZIP_SLACK, piece)
    extra = (read_to_end(path, most=most) if path.suffix == ".gz" else path.stat().st_size) - wanted
    # a few bytes are padding; a slice of them means that the header claims too little, and the voxels are out of step
    return (
        f"continues for {extra} bytes after its last voxel; the size in its header is wrong" if extra >= piece else ""
    )


def measure(path: Path) -> Measurement:
    """Read an image whole and measure it; a damaged file is a measurement too, not an exception."""
    try:
        if problem := claim_problem(path):
            return Measurement(error=problem)
        image = nib.Nifti1Image.from_filename(path)
        shape = tuple(map(int, image.shape))
        while len(shape) > 3 and shape[-1] == 1:
            shape = shape[:-1]
        affine = np.asarray(image.affine, dtype=float)
        problem = _header_problem(shape, affine)
        if problem:
            return Measurement(error=problem)
        spacing = tuple(round(float(edge), 4) for edge in np.linalg.norm(affine[:3, :3], axis=0))
        units = image.header.get_xyzt_units()[0]
        if len(shape) != 3:
            return Measurement(shape=shape, spacing_mm=spacing, units=units)
        stored = image.get_data_dtype()
        if stored.kind not in "iuf":
            return Measurement(error=f"voxels are of type {stored}, not real numbers")
        data = np.asanyarray(image.dataobj)
        if problem := _length_problem(path, image):
            return Measurement(error=problem)
    except Exception as error:  # nibabel, zlib and numpy raise a dozen types on damaged files
        return Measurement(error=_one_line(error))
    # what follows, and the programs that preprocess, take single precision
    low, high = float(data.min()), float(data.max())
    is_finite = max(-low, high) <= float(np.finfo(np.float32).max)  # false if one of them is not a number, too
    found = Measurement("", shape, spacing, units, is_finite=is_finite, plane=plane_of(affine))
    if not is_finite:
        return found
    if high - low < np.finfo(np.float32).tiny:
        return replace(found, is_constant=True)
    return _look_at(data, affine, found, peak=max(-low, high))


def _look_at(data: np.ndarray, affine: np.ndarray, found: Measurement, *, peak: float) -> Measurement:
    """Add to a measurement what the voxels tell of field of view and corruptions."""
    # all that follows is relative; scaled to 1 no type of voxel overflows
    image = np.multiply(data, 1 / max(peak, 1e-300), dtype=np.float64 if data.dtype.itemsize > 4 else np.float32)
    image = image.astype(np.float32, copy=False)
    tissue = measure_tissue(image)
    end, share = cut_of(tissue.head, affine)
    scores = measure_scores(image, affine, tissue=tissue)
    return replace(found, is_masked=tissue.is_masked, cut_end=end, cut_share=share, scores=scores)


def _header_problem(shape: tuple[int, ...], affine: np.ndarray) -> str:
    if not shape or min(shape) < 1 or math.prod(shape) > MAX_VOXELS:
        return f"header claims an impossible size {shape}"
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-9:
        return "header has no valid orientation (affine is singular or not finite)"
    return ""


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 160 else text[:157] + "..."


def judge(
    measurement: Measurement,
    settings: UsabilitySettings,
    *,
    metadata: Mapping[str, Any] = MappingProxyType({}),
    limits: Mapping[str, float] = MappingProxyType({}),
) -> Verdict | None:
    """Return why an image is unusable, or None if it is usable.

    Parameters
    ----------
    measurement
        Of the image.
    settings
        Thresholds for its contrast, see `UsabilitySettings.for_contrast`.
    metadata
        Its sidecar.
    limits
        Thresholds of the scores that its cohort sets (`gliofill.quality.acquired.outliers`); the stricter one counts.

    Examples
    --------
    >>> judge(Measurement(shape=(256, 256, 4), spacing_mm=(0.9, 0.9, 5.0)), UsabilitySettings()).sentence
    'has only 4 slices (shape 256 x 256 x 4); at least 10 are needed'
    """
    return (
        _judge_file(measurement, settings)
        or judge_geometry(measurement, settings, metadata)
        or judge_scores(measurement, settings, limits)
    )


def _judge_file(measurement: Measurement, settings: UsabilitySettings) -> Verdict | None:
    size = " x ".join(map(str, measurement.shape))
    if measurement.error:
        return Verdict("unreadable", f"cannot be read: {measurement.error}")
    if len(measurement.shape) != 3:
        return Verdict("not-3d", f"is {len(measurement.shape)}-D (shape {size}), a 3-D image is needed")
    if measurement.units in ("micron", "meter"):
        return Verdict("wrong-units", f"header gives its size in {measurement.units}s, not millimetres")
    fewest, coarsest = min(measurement.shape), max(measurement.spacing_mm)
    if fewest < settings.min_slices:
        sentence = f"has only {fewest} slices (shape {size}); at least {settings.min_slices} are needed"
        return Verdict("few-slices", sentence, fewest, settings.min_slices)
    field = max(n * edge for n, edge in zip(measurement.shape, measurement.spacing_mm, strict=True))
    if not FIELD_MM[0] <= field <= FIELD_MM[1]:
        sentence = f"field of view is {field:.4g} mm; the voxel size in the header is wrong"
        return Verdict("wrong-units", sentence, field, FIELD_MM[field > FIELD_MM[1]])
    if coarsest > settings.max_spacing_mm:
        sentence = f"voxels are {coarsest:.3g} mm thick; at most {settings.max_spacing_mm:g} mm are allowed"
        return Verdict("thick-slices", sentence, coarsest, settings.max_spacing_mm)
    if not measurement.is_finite:
        return Verdict("not-finite", "has voxels that are not finite numbers")
    if measurement.is_constant:
        return Verdict("constant", "is constant: all voxels have the same value")
    return None
