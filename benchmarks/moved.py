"""Registered images moved by known rigid motions, and rescanned: cases whose right registration is known."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import ants
import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation

from gliofill.contrasts import Contrast
from gliofill.preprocess.brain import as_ants
from gliofill.simulation.phantom.patient import make_patient, scan_patient

Matrix = NDArray[np.float64]
Volume = NDArray[np.float32]

#: rotations and shifts are drawn up to these
DEGREES, SHIFT_MM = 15.0, 30.0
#: its images do not lie on each other: each pair is found 0.7 to 1.9 mm apart, alike by both registrations
SUSPECT = "sub-MET00110"
#: slice thickness of what is scanned anew
SLICE_MM = {Contrast.T1W: 1.0, Contrast.T2W: 3.0, Contrast.FLAIR: 5.0}
# samples that are averaged over a slice's thickness
_SUBSLICES = {1.0: 1, 3.0: 3, 5.0: 5}


@dataclass(frozen=True)
class Case:
    """One image that lies elsewhere than its partner.

    Attributes
    ----------
    name, contrast
        Session, and what was moved.
    fixed, brain
        Post-gadolinium image and its non-zero voxels.
    moving
        The other contrast, moved and scanned anew.
    motion
        What a registration should find: RAS points of the fixed image to those of the moving one.
    """

    name: str
    contrast: Contrast
    fixed: ants.ANTsImage
    brain: ants.ANTsImage
    moving: ants.ANTsImage
    motion: Matrix

    def errors_mm(self, matrix: Matrix) -> tuple[float, float]:
        """Return the mean and the largest distance by which a registration misplaces voxels of the brain."""
        points = brain_points(self.brain)
        distance = np.linalg.norm(((matrix - self.motion) @ points)[:3], axis=0)
        return float(distance.mean()), float(distance.max())


def brain_points(brain: ants.ANTsImage) -> Matrix:
    """Return every 50th voxel of a mask, homogeneous RAS millimetres, shape (4, N)."""
    voxels = np.argwhere(brain.numpy() > 0.5)[::50]
    lps = np.array(brain.origin) + (voxels * brain.spacing) @ np.array(brain.direction).T
    return np.vstack([(lps * (-1, -1, 1)).T, np.ones(len(voxels))])


def sessions(data: Path) -> Iterator[tuple[str, dict[Contrast, Path]]]:
    """Yield every session of the stripped cohort that has the four contrasts."""
    for folder in sorted((data / "cohort").glob("sub-*/**/anat")):
        files = {}
        for contrast in Contrast:
            ce = f"{contrast.ce_entity}_" if contrast.ce_entity else ""
            found = [p for p in folder.glob(f"*_{ce}{contrast.suffix}.nii.gz") if ("_ce-" in p.name) == bool(ce)]
            files |= {contrast: found[0]} if found else {}
        if len(files) == len(Contrast):
            yield folder.parent.relative_to(data / "cohort").as_posix().replace("/", "_"), files


def read(path: Path) -> tuple[Volume, Matrix]:
    """Read an image along right, anterior and superior."""
    image = nib.as_closest_canonical(nib.load(path))
    return image.get_fdata(dtype=np.float32), np.asarray(image.affine)


def draw_motion(rng: np.random.Generator, centre: NDArray[np.float64]) -> Matrix:
    """Draw a rotation about a centre, and a shift."""
    axis, direction = (v / np.linalg.norm(v) for v in rng.normal(size=(2, 3)))
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_rotvec(np.deg2rad(rng.uniform(0, DEGREES)) * axis).as_matrix()
    matrix[:3, 3] = centre - matrix[:3, :3] @ centre + rng.uniform(0, SHIFT_MM) * direction
    return matrix


def scan_anew(
    volume: Volume, affine: Matrix, motion: Matrix, *, slice_mm: float, rng: np.random.Generator
) -> tuple[Volume, Matrix]:
    """Measure a moved head in axial slices, with bias and noise; of every third the lowest or highest 15 % are cut.

    Returns
    -------
    image, affine
        Voxels of 1 x 1 x `slice_mm`.
    """
    box = ndimage.find_objects((volume > 0).astype(np.uint8))[0]
    corners = np.array([[s.start, s.stop - 1] for s in box], dtype=float)
    middle = (motion @ affine @ [*corners.mean(axis=1), 1])[:3]
    extent = (corners[:, 1] - corners[:, 0]) * np.linalg.norm(affine[:3, :3], axis=0) + 30
    sub = _SUBSLICES[slice_mm]
    n = np.ceil(extent / (1, 1, slice_mm)).astype(int)
    fine = np.diag([1.0, 1.0, slice_mm / sub, 1.0])
    fine[:3, 3] = middle - np.array([n[0] - 1, n[1] - 1, n[2] * slice_mm - slice_mm / sub]) / 2 + rng.uniform(-2, 2, 3)
    to_voxels = np.linalg.inv(affine) @ np.linalg.inv(motion) @ fine
    dense = ndimage.affine_transform(
        volume, to_voxels[:3, :3], to_voxels[:3, 3], output_shape=(n[0], n[1], n[2] * sub), order=1
    )
    image = dense.reshape(n[0], n[1], n[2], sub).mean(axis=3)
    own = fine.copy()
    own[:3, 2] *= sub
    own[:3, 3] += fine[:3, 2] * (sub - 1) / 2
    field = ndimage.zoom(rng.normal(0, 0.15, (3, 3, 3)), n / 3, order=3, mode="nearest", grid_mode=True)
    scale = np.percentile(image[image > 0], 90)
    noisy = np.where(image > 0, image * np.exp(field) + rng.normal(0, 0.03 * scale, image.shape), 0).clip(0)
    if rng.random() < 1 / 3:
        cut = int(0.15 * n[2])
        if rng.random() < 0.5:
            noisy, own[:3, 3] = noisy[..., cut:], own[:3, 3] + own[:3, 2] * cut
        else:
            noisy = noisy[..., :-cut]
    return noisy.astype(np.float32), own


def cases(data: Path, *, kind: str = "as they are", seed: int = 0) -> Iterator[Case]:
    """Yield moved T1w, T2w and FLAIR images of every session, each to be brought onto the post-gadolinium one.

    Parameters
    ----------
    data
        Folder with ``cohort``.
    kind
        ``right and left exchanged`` mirrors the moved image, ``another patient`` takes that of another one.
    seed
        Of motions, bias and noise.
    """
    every = list(sessions(data))
    for number in range(len(every)):
        for contrast in SLICE_MM:
            yield _move(every, number, contrast, kind=kind, seed=seed)


def in_turn(data: Path, count: int) -> Iterator[Case]:
    """Yield so many cases: sessions and contrasts in turn, in each round moved and scanned in another way."""
    every, contrasts = list(sessions(data)), list(SLICE_MM)
    for index in range(count):
        seed, number = divmod(index, len(every))
        yield _move(every, number, contrasts[(number + seed) % len(contrasts)], kind="as they are", seed=1 + seed)


def _move(
    every: list[tuple[str, dict[Contrast, Path]]], number: int, contrast: Contrast, *, kind: str, seed: int
) -> Case:
    name, files = every[number]
    volume, affine = read(files[Contrast.T1POST])
    brain = ndimage.binary_fill_holes(volume > 0)
    centre = (affine @ [*ndimage.center_of_mass(brain), 1])[:3]
    index = list(SLICE_MM).index(contrast)
    rng = np.random.default_rng([seed, number, 0, index])
    motion = draw_motion(rng, centre)
    strangers = [other for who, other in every if who.split("_")[0] != name.split("_")[0]]
    source = strangers[(number + index) % len(strangers)] if kind == "another patient" else files
    other, own = read(source[contrast])
    if kind == "right and left exchanged":
        other = other[::-1].copy()
    moved = as_ants(*scan_anew(other, own, motion, slice_mm=SLICE_MM[contrast], rng=rng))
    return Case(name, contrast, as_ants(volume, affine), as_ants(brain.astype(np.float32), affine), moved, motion)


def generated(count: int, *, seed: int = 1000) -> Iterator[Case]:
    """Yield images of generated patients, as `gliofill demo` makes them: FLAIR of 5 mm, T2w of 3, T1w of 1 to 1.5."""
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        scans = dict(scan_patient(make_patient(rng), rng))
        fixed = scans[Contrast.T1POST]
        grid = fixed.acquisition.affine
        back = np.linalg.inv(fixed.acquisition.motion)
        for contrast in SLICE_MM:
            scan = scans[contrast]
            yield Case(
                f"generated-{number:02d}",
                contrast,
                as_ants(fixed.data.astype(np.float32), grid),
                as_ants(fixed.brain.astype(np.float32), grid),
                as_ants(scan.data.astype(np.float32), scan.acquisition.affine),
                scan.acquisition.motion @ back,
            )
