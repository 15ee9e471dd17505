"""Stands for mri_synthstrip, nipreps-synthstrip and hd-bet, whose weights no test can download.

It takes the command line of the program by whose name it is called, fails where that would, and finds the brain with
the network of the package. What it saw of its surroundings it leaves beside the mask.
"""

import argparse
import json
import os
import sys
from pathlib import Path

import nibabel as nib
import numpy as np


def main() -> None:
    """Write a mask."""
    name, mode = Path(sys.argv[0]).name, os.environ.get("BRAIN_PROGRAM_MODE", "")
    arguments = parse(name)
    surroundings = {key: os.environ[key] for key in ("HOME", "XDG_CACHE_HOME", "OMP_NUM_THREADS", "https_proxy")}
    Path("seen.json").write_text(json.dumps(surroundings | {"folder": str(Path.cwd()), "words": sys.argv[1:]}))
    if mode == "fail":
        print("reading the image")
        sys.exit("RuntimeError: not enough memory\n")
    weights = Path.home() / "hd-bet_params/release_2.0.0/fold_all/checkpoint_final.pth"
    if name == "hd-bet" and not weights.is_file():
        sys.exit("it would download now")
    if mode == "silent":
        return
    image = nib.load(arguments.image)
    distance = find_brain(image) if mode != "empty" else np.full(image.shape, 9.0, dtype=np.float32)
    if mode == "crop":
        distance = distance[1:]
    if name == "hd-bet":
        save(distance < 1, image, Path(arguments.out.replace(".nii.gz", "_bet.nii.gz")))
        return
    save(distance < arguments.border, image, arguments.mask)
    if name == "mri_synthstrip":
        save(distance, image, arguments.sdt)


def parse(name: str) -> argparse.Namespace:
    """Read the options that a program has, and no others."""
    parser = argparse.ArgumentParser()
    parser.add_argument("-i", dest="image", required=True)
    if name == "hd-bet":
        parser.add_argument("-o", dest="out", required=True)
        parser.add_argument("-device", default="cuda")
        for switch in ("--disable_tta", "--save_bet_mask", "--no_bet_image"):
            parser.add_argument(switch, action="store_true", required=switch == "--save_bet_mask")
        return parser.parse_args()
    parser.add_argument("-m", dest="mask")
    parser.add_argument("-g", action="store_true")
    parser.add_argument("--model", type=argparse.FileType("rb"), required=True)
    if name == "mri_synthstrip":
        parser.add_argument("-b", dest="border", type=float, default=1)
        parser.add_argument("-d", dest="sdt")
        parser.add_argument("-t", type=int)
    else:
        parser.add_argument("-b", dest="border", type=int, default=1)
        parser.add_argument("-n", type=int)
    return parser.parse_args()


def find_brain(image: nib.Nifti1Image) -> np.ndarray:
    """Return distances from the brain, in millimetres."""
    from gliofill.extraction.inference import brain_distance
    from gliofill.extraction.model import EMBEDDED, load_model

    return brain_distance(load_model(EMBEDDED), image.get_fdata(dtype=np.float32), image.affine)


def save(data: np.ndarray, image: nib.Nifti1Image, path: str | Path) -> None:
    """Write what lies on the grid of an image."""
    nib.save(nib.Nifti1Image(data.astype(np.float32), image.affine), path)


if __name__ == "__main__":
    main()
