"""One session through gliofill and through a peer: `python benchmarks/preprocessing.py DATA --peer PYTHON`.

FG6692, four contrasts with skulls; with `--moved sub-X` a stripped session of DATA/cohort instead, all contrasts of 1
mm, three of them moved by up to 15 degrees and 30 mm and rescanned with bias and noise. gliofill does all that its
workflow does: N4, brain masks, registration, resampling. The peer, brainles-preprocessing with ANTs in an environment
of its own whose Python is PYTHON, registers to T1post, to an atlas and once more, as its defaults are, without N4 and
without brain masks; the atlas is gliofill's built-in head, because its own would be downloaded. Both get the same
number of threads. With `--throughput` instead: two sessions on two cores, one after the other with two threads each,
and side by side with one.

CPU and wall seconds, peak memory of the largest process; and as accuracy the mutual information of each contrast with
T1post in the brain on the atlas, in nats, by one measure for both.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import ants
import nibabel as nib
import numpy as np
from scipy import ndimage

from gliofill.contrasts import Contrast
from gliofill.derivatives import paths
from gliofill.files.nifti import write_image
from gliofill.metrics.overlap import mutual_information
from gliofill.simulation.head import built_in_head, render
from moved import draw_motion, read, scan_anew, sessions


@dataclass(frozen=True)
class Input:
    """A session of a dataset, and how its brain mask is made."""

    bids: Path
    session: str
    brain_mask: str

    @property
    def files(self) -> dict[Contrast, Path]:
        """The images with their contrasts."""
        anat = self.bids / self.session / "anat"
        names = {c: "_".join(p for p in (self.session, c.ce_entity, c.suffix) if p) for c in Contrast}
        return {c: anat / f"{name}.nii.gz" for c, name in names.items()}


def moved_session(data: Path, session: str, folder: Path) -> Input:
    """Write a dataset of one stripped session of 1 mm whose contrasts are moved."""
    files = dict(sessions(data))[session]
    volume, affine = read(files[Contrast.T1POST])
    centre = (affine @ [*ndimage.center_of_mass(volume > 0), 1])[:3]
    made = Input(folder, session, "none")
    for number, contrast in enumerate(Contrast):
        image, grid = read(files[contrast])
        if contrast is not Contrast.T1POST:
            rng = np.random.default_rng(number)
            image, grid = scan_anew(image, grid, draw_motion(rng, centre), slice_mm=1.0, rng=rng)
        write_image(made.files[contrast], image, grid)
    return made


PEER = """
import json, sys
from pathlib import Path
from brainles_preprocessing.modality import CenterModality, Modality
from brainles_preprocessing.preprocessor import AtlasCentricPreprocessor
files, atlas, out = json.loads(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
made = {name: (CenterModality if name == "T1post" else Modality)(
    modality_name=name, input_path=path, raw_skull_output_path=out / f"{name}.nii.gz") for name, path in files.items()}
center = made.pop("T1post")
AtlasCentricPreprocessor(center_modality=center, moving_modalities=list(made.values()), atlas_image_path=atlas,
    use_gpu=False).run(log_file=out / "log.txt", save_dir_transformations=out / "transforms")
"""


def timed(command: list[str], threads: int, folder: Path) -> dict[str, float]:
    """Run a command, and return the CPU and wall seconds and the gigabytes of its processes."""
    environment = os.environ | {"ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": str(threads)}
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    with (folder / "output.txt").open("w") as output:
        subprocess.run(command, env=environment, stdout=output, stderr=subprocess.STDOUT, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"cpu": cpu, "wall": time.perf_counter() - start, "gigabytes": after.ru_maxrss / 1024**2}


def ours(given: Input, folder: Path, threads: int) -> tuple[dict[str, float], dict[Contrast, Path]]:
    """Preprocess with gliofill; return what it cost, and the images on the template."""
    table = ["gliofill", "coverage", str(given.bids), str(folder)]
    subprocess.run(table, check=True, stdout=subprocess.DEVNULL)
    cost = timed(preprocess(given, folder, threads), threads, folder)
    return cost, {c: folder / paths.preprocessed(given.session, c) for c in Contrast}


def peer(given: Input, python: str, folder: Path, threads: int) -> tuple[dict[str, float], dict[Contrast, Path]]:
    """Preprocess with the peer; return what it cost, and its images on the atlas."""
    files = json.dumps({str(c): str(path) for c, path in given.files.items()})
    head = built_in_head()
    atlas = 1000 * render(head, Contrast.T1POST)
    if given.brain_mask == "none":
        atlas = np.where(head.brain, atlas, 0)
    write_image(folder / "atlas.nii.gz", atlas, head.affine)
    cost = timed([python, "-c", PEER, files, str(folder / "atlas.nii.gz"), str(folder)], threads, folder)
    return cost, {c: folder / f"{c}.nii.gz" for c in Contrast}


def throughput(data: Path, folder: Path) -> None:
    """Print the sessions per hour of two cores, by how they are shared."""
    given = Input(data / "raw", "sub-FG6692", "network")
    table = ["gliofill", "coverage", str(given.bids), str(folder), "--participant-label", "FG6692"]
    subprocess.run(table, check=True, stdout=subprocess.DEVNULL)
    print("| | wall s, two sessions | sessions per hour |\n|---|---|---|", flush=True)
    for name, rounds, threads in (("1 session, 2 threads", 2, 2), ("2 sessions, 1 thread each", 1, 1)):
        start = time.perf_counter()
        for number in range(rounds):
            # each in an output folder of its own; the coverage table is what it needs
            outputs = [folder / f"{threads}-{number}-{index}" for index in range(2 // rounds)]
            for output in outputs:
                shutil.copytree(folder, output, ignore=lambda _, names: [n for n in names if n[0].isdigit()])
            jobs = [subprocess.Popen(preprocess(given, output, threads)) for output in outputs]
            codes = [job.wait() for job in jobs]
            assert not any(codes), codes
        wall = time.perf_counter() - start
        print(f"| {name} | {wall:.0f} | {2 * 3600 / wall:.0f} |", flush=True)


def preprocess(given: Input, folder: Path, threads: int) -> list[str]:
    """Return the command that preprocesses a session into a folder with its coverage table."""
    command = ["gliofill", "preprocess", str(given.bids), str(folder), given.session]
    settings = json.dumps({"brain_mask": given.brain_mask})
    return [*command, "--settings", settings, "--threads", str(threads), "--work-dir", str(folder / "w")]


def accuracy(images: dict[Contrast, Path], brain: np.ndarray) -> dict[Contrast, float]:
    """Return the mutual information of each contrast with T1post inside one mask."""
    read = {c: nib.load(path).get_fdata(dtype=np.float32) for c, path in images.items()}
    return {c: mutual_information(read[Contrast.T1POST], read[c], brain) for c in Contrast if c is not Contrast.T1POST}


def own_brain(ours_images: dict[Contrast, Path], peer_images: dict[Contrast, Path]) -> np.ndarray:
    """Return the brain on the peer's atlas image: ours, carried there rigidly, for the two alignments differ."""
    moving, fixed = (ants.image_read(str(images[Contrast.T1POST])) for images in (ours_images, peer_images))
    matrix = ants.registration(fixed, moving, "Rigid")["fwdtransforms"]
    carried = ants.apply_transforms(fixed, ants.threshold_image(moving, 1e-3, np.inf), matrix, "nearestNeighbor")
    # the order of ANTs' axes is that of the file
    return np.asarray(carried.numpy() > 0.5)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--peer", metavar="PYTHON", help="of an environment with brainles-preprocessing")
    parser.add_argument("--moved", metavar="SESSION", help="of DATA/cohort, as in sub-HG0015")
    parser.add_argument("--throughput", action="store_true")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    if arguments.throughput:
        with tempfile.TemporaryDirectory() as scratch:
            throughput(arguments.data, Path(scratch))
        return
    names = [str(c) for c in Contrast if c is not Contrast.T1POST]
    print("| | CPU s | wall s | peak memory | " + " | ".join(names) + " |\n|---|---|---|---|" + "---|" * len(names))
    with tempfile.TemporaryDirectory() as scratch:
        folders = [Path(scratch) / name for name in ("ours", "peer")]
        for folder in folders:
            folder.mkdir()
        given = (
            moved_session(arguments.data, arguments.moved, Path(scratch) / "moved")
            if arguments.moved
            else Input(arguments.data / "raw", "sub-FG6692", "network")
        )
        cost, images = ours(given, folders[0], arguments.threads)
        brain = nib.load(images[Contrast.T1POST]).get_fdata() > 0
        show("gliofill", cost, accuracy(images, brain))
        if arguments.peer:
            cost, theirs = peer(given, arguments.peer, folders[1], arguments.threads)
            show("brainles-preprocessing", cost, accuracy(theirs, own_brain(images, theirs)))


def show(name: str, cost: dict[str, float], scores: dict[Contrast, float]) -> None:
    """Print one row."""
    cells = [f"{cost['cpu']:.0f}", f"{cost['wall']:.0f}", f"{cost['gigabytes']:.1f} GiB"]
    print(f"| {name} | " + " | ".join([*cells, *(f"{value:.3f}" for value in scores.values())]) + " |")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
