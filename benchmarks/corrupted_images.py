"""Images corrupted in every way of `gliofill.simulation.artefacts.corruptions`, and how each is scored."""

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from itertools import product
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.fft import next_fast_len

from gliofill.bids.scan import scan_dataset
from gliofill.files.nifti import read_image, spacing_mm
from gliofill.quality.acquired.corruption import line_axes, measure_scores
from gliofill.quality.acquired.motion import describe_axes
from gliofill.quality.acquired.tissue import measure_tissue
from gliofill.simulation.artefacts.corruptions import CORRUPTIONS, SEVERITIES
from gliofill.simulation.artefacts.grid import Grid, Image, plan_grid

#: the score that answers to each corruption
ANSWERS = {
    "motion, interleaved shots": "motion",
    "motion, blocks of lines": "motion",
    "noise": "noise",
    "undersampled": "pixel_resolution",
    "hidden thick slices": "resolution",
    "wrap-around": "wrap",
    "saturation": "saturation",
    "dropped slices": "slice_drop",
    "spikes": "stripes",
}
CLEAN = "none"
PROCESSES = 2
# voxels of air that stay around a stripped brain
MARGIN = 12


@dataclass(frozen=True)
class Case:
    """An image, clean or corrupted, and what was measured.

    Attributes
    ----------
    name, patient, kind
        Of the image; ``real`` or ``generated``.
    corruption, severity
        `CLEAN` and -1, or one of `CORRUPTIONS` and the index of its amount.
    scores
        By name.
    axes
        The axes that `axis_features` describes.
    phase_axis
        Along which the lines were measured.
    axis_features
        See `gliofill.quality.acquired.motion.describe_axes`.
    """

    name: str
    patient: str
    kind: str
    corruption: str
    severity: int
    scores: Mapping[str, float]
    axes: Sequence[int]
    phase_axis: int
    axis_features: Sequence[Sequence[float]]

    @property
    def is_clean(self) -> bool:
        """Whether nothing was done to the image."""
        return self.corruption == CLEAN

    @property
    def is_still(self) -> bool:
        """Whether the image is clean or has some noise, which motion must not be mistaken for."""
        return self.is_clean or (self.corruption == "noise" and self.severity == 0)


@dataclass(frozen=True)
class Job:
    """An image, and the corruptions to try on it: names and severities."""

    path: Path
    patient: str
    kind: str
    wanted: tuple[tuple[str, int], ...]


def plan_jobs(folders: Sequence[Path], kind: str, every: int) -> Iterator[Job]:
    """Yield a job for every image in BIDS folders: the image itself, severe motion, one in so many of the others."""
    for folder in folders:
        for session in scan_dataset(folder).sessions:
            # generated participants of two cohorts have the same names and are two persons
            patient = session.participant if kind == "real" else f"{folder.name}/{session.participant}"
            for scan in session.scans:
                first = zlib.crc32(scan.path.name.encode()) % every
                wanted = [
                    way
                    for number, way in enumerate(product(CORRUPTIONS, range(len(SEVERITIES))))
                    if number % every == first or is_severe_motion(*way)
                ]
                yield Job(scan.path, patient, kind, ((CLEAN, -1), *wanted))


def measure_image(job: Job) -> list[Case]:
    """Corrupt an image and measure it each time; nothing if the image is damaged."""
    name = job.path.name
    try:
        image, affine = read_image(job.path)
    except Exception as error:  # generated cohorts have truncated files
        print(f"left out: {job.path} ({error})")
        return []
    image = without_air(image)
    grid = plan_grid(tuple(spacing_mm(affine).tolist()), np.random.default_rng(zlib.crc32(name.encode())))
    cases = []
    for way in job.wanted:
        rng = np.random.default_rng(zlib.crc32(f"{name} {way}".encode()))
        scores, axes, features = measure_case(corrupt(image, grid, way, rng), affine)
        cases.append(Case(name, job.patient, job.kind, *way, scores, axes, grid.phase_axis, features))
    return cases


def corrupt(image: Image, grid: Grid, way: tuple[str, int], rng: np.random.Generator) -> Image:
    """Corrupt an image in one way, unless it is to stay clean."""
    name, severity = way
    if name == CLEAN:
        return image
    corruption = CORRUPTIONS[name]
    return corruption.apply(image, grid, corruption.amounts[severity], rng)


def is_severe_motion(corruption: str, severity: int) -> bool:
    """Return whether the score of motion is fitted to find this."""
    return ANSWERS.get(corruption) == "motion" and severity == len(SEVERITIES) - 1


def without_air(image: Image) -> Image:
    """Leave out most of the air around a stripped brain."""
    tissue = measure_tissue(image)
    if not tissue.is_masked:
        return image
    box = []
    for axis in range(3):
        first, last = tissue.extent(axis)
        first = max(first - MARGIN, 0)
        # numbers of voxels with a fast Fourier transform
        box.append(slice(first, first + next_fast_len(last + MARGIN - first, real=True)))
    return image[tuple(box)]


def measure_case(image: Image, affine: NDArray[np.float64]) -> tuple[dict[str, float], list[int], list[list[float]]]:
    """Return the scores, the axes along which lines may have been measured, and what describes them."""
    tissue = measure_tissue(image)
    axes = line_axes(affine)
    features = describe_axes(image[tissue.inside(affine)], spacing_mm(affine).tolist(), axes)
    return measure_scores(image, affine, tissue=tissue), list(axes), [] if features is None else features.tolist()


def measure_all(jobs: Sequence[Job], keep: Path | None) -> list[Case]:
    """Measure all images, two at a time; what is stored already is taken from there."""
    cases = [Case(**json.loads(line)) for line in keep.read_text().splitlines()] if keep and keep.is_file() else []
    known = {(case.name, case.patient, case.corruption, case.severity) for case in cases}
    missing = [
        replace(job, wanted=tuple(way for way in job.wanted if (job.path.name, job.patient, *way) not in known))
        for job in jobs
    ]
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        for found in pool.map(measure_image, [job for job in missing if job.wanted]):
            cases += found
            if keep:
                with keep.open("a") as file:
                    file.writelines(json.dumps(asdict(case)) + "\n" for case in found)
    return cases
