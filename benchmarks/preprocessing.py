"""One session through gliofill and through a peer: `python benchmarks/preprocessing.py DATA --peer PYTHON`.

FG6692, four contrasts with skulls. gliofill does all that its workflow does: N4, brain masks, registration,
resampling. The peer, brainles-preprocessing with ANTs in an environment of its own whose Python is PYTHON, registers to
T1post, to an atlas and once more, as its defaults are, without N4 and without brain masks; the atlas is gliofill's
built-in head, for its own would be downloaded. Both get the same number of threads.

CPU and wall seconds, peak memory of the largest process; and as accuracy the mutual information of each contrast with
T1post in the brain on the atlas, in nats, by one measure for both.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import ants
import nibabel as nib
import numpy as np

from gliofill.bids import derivatives
from gliofill.contrasts import Contrast
from gliofill.head import built_in_head, render
from gliofill.images import write_image
from gliofill.quality.alignment import mutual_information

SESSION = "sub-FG6692"
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


def ours(data: Path, folder: Path, threads: int) -> tuple[dict[str, float], dict[Contrast, Path]]:
    """Preprocess with gliofill; return what it cost, and the images on the template."""
    table = ["gliofill", "coverage", str(data / "raw"), str(folder)]
    subprocess.run(table, check=True, stdout=subprocess.DEVNULL)
    command = ["gliofill", "preprocess", str(data / "raw"), str(folder), SESSION]
    settings = json.dumps({"brain_mask": "network"})
    cost = timed(
        [*command, "--settings", settings, "--threads", str(threads), "--work-dir", str(folder / "w")], threads, folder
    )
    return cost, {c: folder / derivatives.preprocessed(SESSION, c) for c in Contrast}


def peer(data: Path, python: str, folder: Path, threads: int) -> tuple[dict[str, float], dict[Contrast, Path]]:
    """Preprocess with the peer; return what it cost, and its images on the atlas."""
    anat = data / "raw" / SESSION / "anat"
    names = {c: "_".join(p for p in (SESSION, c.ce_entity, c.suffix) if p) for c in Contrast}
    files = json.dumps({str(c): str(anat / f"{name}.nii.gz") for c, name in names.items()})
    head = built_in_head()
    write_image(folder / "atlas.nii.gz", 1000 * render(head, Contrast.T1POST), head.affine)
    cost = timed([python, "-c", PEER, files, str(folder / "atlas.nii.gz"), str(folder)], threads, folder)
    return cost, {c: folder / f"{c}.nii.gz" for c in Contrast}


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
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    names = [str(c) for c in Contrast if c is not Contrast.T1POST]
    print("| | CPU s | wall s | peak memory | " + " | ".join(names) + " |\n|---|---|---|---|" + "---|" * len(names))
    with tempfile.TemporaryDirectory() as scratch:
        folders = [Path(scratch) / name for name in ("ours", "peer")]
        for folder in folders:
            folder.mkdir()
        cost, images = ours(arguments.data, folders[0], arguments.threads)
        brain = nib.load(images[Contrast.T1POST]).get_fdata() > 0
        show("gliofill", cost, accuracy(images, brain))
        if arguments.peer:
            cost, theirs = peer(arguments.data, arguments.peer, folders[1], arguments.threads)
            show("brainles-preprocessing", cost, accuracy(theirs, own_brain(images, theirs)))


def show(name: str, cost: dict[str, float], scores: dict[Contrast, float]) -> None:
    """Print one row."""
    cells = [f"{cost['cpu']:.0f}", f"{cost['wall']:.0f}", f"{cost['gigabytes']:.1f} GiB"]
    print(f"| {name} | " + " | ".join([*cells, *(f"{value:.3f}" for value in scores.values())]) + " |")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
