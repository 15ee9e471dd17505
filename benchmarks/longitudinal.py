"""How far the sessions of one patient lie apart in the outputs, and how well they can be subtracted.

The images of a later session are registered to those of the first once more, rigidly by ANTs with its own settings:
how far it moves them, averaged over the brain, is how far apart they lay. Correlation, and the mean absolute
difference in units of the standard deviation inside the brain, need no registration.

    snakemake --cores 2 --config bids_dir=DATA output_dir=OUT 'preprocess={align_sessions: first}'
    python benchmarks/longitudinal.py OUT [OUT ...] --participant REG002 [--pictures FOLDER]
"""

import argparse
from pathlib import Path

import ants
import matplotlib.pyplot as plt
import numpy as np
from nibabel.affines import apply_affine
from numpy.typing import NDArray

from gliofill.contrasts import Contrast
from gliofill.derivatives import paths
from gliofill.files.nifti import read_image
from gliofill.preprocess.rigid import read_matrix


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("outputs", type=Path, nargs="+", help="output folders of gliofill")
    parser.add_argument("--participant", required=True)
    parser.add_argument("--contrasts", type=Contrast, nargs="+", default=list(Contrast))
    parser.add_argument("--pictures", type=Path, help="folder for slices of both sessions and their difference")
    arguments = parser.parse_args()
    print("output, session: contrast | apart, mean mm | furthest voxel, mm | correlation | mean difference, SD")
    for output in arguments.outputs:
        first, *others = sorted(
            str(path.relative_to(output)) for path in output.glob(f"sub-{arguments.participant}/ses-*")
        )
        for other in others:
            for contrast in arguments.contrasts:
                if all((output / paths.preprocessed(folder, contrast)).is_file() for folder in (first, other)):
                    numbers = compare(output, first, other, contrast)
                    line = " | ".join(f"{number:.3f}" for number in numbers)
                    print(f"{output.name}, {other}: {contrast} | {line}", flush=True)
                    if arguments.pictures:
                        draw(output, first, other, contrast, arguments.pictures)


def compare(output: Path, first: str, other: str, contrast: Contrast) -> tuple[float, ...]:
    """Return mean and largest distance in millimetres, correlation, and mean absolute difference."""
    files = [str(output / paths.preprocessed(folder, contrast)) for folder in (first, other)]
    mask, affine = read_image(output / paths.brain_mask(first))
    result = ants.registration(*map(ants.image_read, files), "Rigid")
    points = apply_affine(affine, np.argwhere(mask > 0)[::7])
    moved = apply_affine(read_matrix(result["fwdtransforms"][0]), points) - points
    distances = np.linalg.norm(moved, axis=1)
    images, brain = scaled(output, first, other, contrast)
    a, b = (image[brain] for image in images)
    return (
        float(distances.mean()),
        float(distances.max()),
        float(np.corrcoef(a, b)[0, 1]),
        float(np.abs(a - b).mean()),
    )


def scaled(
    output: Path, first: str, other: str, contrast: Contrast
) -> tuple[list[NDArray[np.float32]], NDArray[np.bool_]]:
    """Return both images in standard deviations from their mean in the brain that they share, and that brain."""
    brain = np.logical_and(*(read_image(output / paths.brain_mask(folder))[0] > 0 for folder in (first, other)))
    images = [read_image(output / paths.preprocessed(folder, contrast))[0] for folder in (first, other)]
    return [np.where(brain, (i - i[brain].mean()) / i[brain].std(), 0) for i in images], brain


def draw(output: Path, first: str, other: str, contrast: Contrast, folder: Path) -> None:
    """Save three planes of both sessions and of their difference."""
    images, brain = scaled(output, first, other, contrast)
    places = [int(np.median(np.flatnonzero(brain.any(axis=axes)))) for axes in ((1, 2), (0, 2), (0, 1))]
    figure, axes = plt.subplots(3, 3, figsize=(12, 12), facecolor="black")
    for row, volume in zip(axes, [*images, images[1] - images[0]], strict=True):
        for axis, place, panel in zip(range(3), places, row, strict=True):
            panel.imshow(np.take(volume, place, axis=axis).T, origin="lower", cmap="gray", vmin=-3, vmax=3)
            panel.set_axis_off()
    figure.tight_layout()
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / f"{output.name}_{other.replace('/', '_')}_{contrast}.png", dpi=70)
    plt.close(figure)


if __name__ == "__main__":
    main()
