"""Brain masks of the network and of the template beside references on real images: `python benchmarks/brain.py DATA`.

Three tables, as Markdown. Neither method was trained on any of these images.

- FG6692: a glioma with its skull, four contrasts, each mask beside that of HD-BET, on the native grid of 5.5 mm slices.
- The stripped cohort: around each brain a head is grown (`gliofill.simulation.head`, not the heads that the network was
  trained on); the truth is where the stripped image was not 0. Lesions: the share of their voxels that the mask keeps.
- Pictures (``--pictures FOLDER``) of every image with a skull, with the outline of the network's mask, for inspection.
"""

import argparse
import resource
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import ants
import matplotlib as mpl
import nibabel as nib
import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from gliofill.contrasts import Contrast
from gliofill.extraction.inference import brain_mask
from gliofill.extraction.model import EMBEDDED, load_model
from gliofill.extraction.network import BrainNetwork
from gliofill.files.nifti import read_image, spacing_mm
from gliofill.metrics.overlap import dice
from gliofill.preprocess.brain import as_ants, built_in_template, carry_mask
from gliofill.simulation.head import INTENSITIES, grow_shells
from gliofill.simulation.heads.stream import PAINTINGS, GeneratedImages
from gliofill.simulation.heads.template import load_template

Mask = NDArray[np.bool_]
Image = NDArray[np.float32]
Method = Callable[[Image, NDArray[np.float64], Contrast], Mask]

# room around a brain for the head that is grown: sides, front and back; below; above
MARGINS = ((24, 24), (24, 24), (12, 24))
# where the middle of the right-left and anterior-posterior extent, and the top, of the template's brain lie
PLACE_MM = (0.0, -17.0, 78.0)


def network_method(network: BrainNetwork) -> Method:
    """Return the embedded method."""
    return lambda data, affine, contrast: brain_mask(network, data, affine)


def template_method(data: Image, affine: NDArray[np.float64], contrast: Contrast) -> Mask:
    """Carry the mask of the built-in head over; it is made for images after N4, which here changes little."""
    return carry_mask(as_ants(data, affine), built_in_template(contrast)).numpy() > 0.5


def timed(method: Method, data: Image, affine: NDArray[np.float64], contrast: Contrast) -> tuple[Mask, float]:
    """Return a mask and the CPU seconds that it took."""
    start = time.process_time()
    mask = method(data, affine, contrast)
    return mask, time.process_time() - start


def file_of(folder: Path, contrast: Contrast) -> Path:
    """Return the image of a contrast in a folder ``anat``."""
    subject = folder.parent.relative_to(
        folder.parents[2] if folder.parent.name.startswith("ses-") else folder.parents[1]
    )
    name = "_".join(part for part in (*subject.parts, contrast.ce_entity, contrast.suffix) if part)
    return folder / f"{name}.nii.gz"


def skulls(data: Path, methods: Mapping[str, Method]) -> None:
    """Print the table of FG6692."""
    print("| FG6692 | " + " | ".join(f"{name}, CPU s" for name in methods) + " |\n|---|" + "---|" * len(methods))
    scores: dict[str, list[float]] = {name: [] for name in methods}
    for contrast in Contrast:
        ce = f"{contrast.ce_entity}_" if contrast.ce_entity else ""
        masks = data / "raw/derivatives/brainmasks/sub-FG6692/anat"
        reference = read_image(masks / f"sub-FG6692_{ce}desc-{contrast.suffix}brain_mask.nii.gz")[0] > 0
        image, affine = read_image(file_of(data / "raw/sub-FG6692/anat", contrast))
        cells = []
        for name, method in methods.items():
            mask, seconds = timed(method, image, affine, contrast)
            scores[name].append(dice(mask, reference))
            cells.append(f"{scores[name][-1]:.3f}, {seconds:.1f}")
        print(f"| {contrast} | " + " | ".join(cells) + " |", flush=True)
    print("| mean, worst | " + " | ".join(f"{np.mean(s):.3f}, {min(s):.3f}" for s in scores.values()) + " |\n")


def stripped(data: Path) -> Iterator[tuple[str, Contrast, Image, Mask, NDArray[np.float64], Mask | None]]:
    """Yield every stripped image with a head around it, its brain, and its lesion where one is drawn."""
    for folder in sorted((data / "cohort").glob("sub-*/**/anat")):
        lesions = list((data / "cohort/derivatives/lesions" / folder.parent.name / "anat").glob("*_dseg.nii.gz"))
        for contrast in Contrast:
            path = file_of(folder, contrast)
            image = canonical(path)
            lesion = canonical(lesions[0]) > 0 if lesions else None
            grown, brain, affine, lesion = with_head(image, contrast, lesion)
            yield path.name.removesuffix(".nii.gz"), contrast, grown, brain, affine, lesion


def canonical(path: Path) -> Image:
    """Read an image of 1 mm voxels along right, anterior and superior."""
    return nib.as_closest_canonical(nib.load(path)).get_fdata(dtype=np.float32)


def with_head(
    image: Image, contrast: Contrast, lesion: Mask | None
) -> tuple[Image, Mask, NDArray[np.float64], Mask | None]:
    """Grow a head around a stripped brain, with a little noise."""
    brain = ndimage.binary_fill_holes(image > 0)
    labels, _ = ndimage.label(brain)
    brain = labels == 1 + np.argmax(np.bincount(labels.ravel())[1:])
    box = ndimage.find_objects(brain.astype(np.uint8))[0]
    image, brain = (np.pad(each[box], MARGINS) for each in (np.where(brain, image, 0), brain))
    lesion = None if lesion is None else np.pad(lesion[box], MARGINS) & brain
    affine = np.eye(4)
    sizes = [s.stop - s.start for s in box]
    affine[:3, 3] = [PLACE_MM[i] - sizes[i] / 2 - MARGINS[i][0] for i in (0, 1)] + [
        PLACE_MM[2] - sizes[2] - MARGINS[2][0]
    ]
    tissues = INTENSITIES[contrast]
    # the median of a brain is about the mean of grey and white matter
    usual = (tissues["white_matter"] + tissues["grey_matter"]) / 2
    scale = float(np.median(image[brain])) / usual
    shells = grow_shells(brain, affine)
    head = shells.pop("inside") * tissues["csf"] + sum(tissues[name] * part for name, part in shells.items())
    rng = np.random.default_rng(0)
    grown = np.where(brain, image, scale * head) + rng.normal(0, 0.02 * scale, brain.shape)
    return np.abs(grown).astype(np.float32), brain, affine, lesion


def cohort(data: Path, methods: Mapping[str, Method]) -> None:
    """Print the table of the stripped cohort, a row per patient."""
    kept: dict[str, list[float]] = {name: [] for name in methods}
    scores: dict[str, dict[str, list[float]]] = {name: {} for name in methods}
    for title, contrast, image, brain, affine, lesion in stripped(data):
        patient = title.removesuffix(f"_{contrast.suffix}").removesuffix("_ce-gadolinium")
        for name, method in methods.items():
            mask, _ = timed(method, image, affine, contrast)
            scores[name].setdefault(patient, []).append(dice(mask, brain))
            if lesion is not None and lesion.any():
                kept[name].append(float(mask[lesion].mean()))
    print("| stripped, head grown | " + " | ".join(f"{name}: T1post, T1w, T2w, FLAIR" for name in methods) + " |")
    print("|---|" + "---|" * len(methods))
    for patient in next(iter(scores.values())):
        print(f"| {patient} | " + " | ".join(", ".join(f"{v:.3f}" for v in s[patient]) for s in scores.values()) + " |")
    every = {name: [v for values in s.values() for v in values] for name, s in scores.items()}
    print("| mean, worst | " + " | ".join(f"{np.mean(v):.3f}, {min(v):.3f}" for v in every.values()) + " |")
    print(
        "| lesion voxels kept, mean, worst | "
        + " | ".join(f"{np.mean(v):.2%}, {min(v):.2%}" for v in kept.values())
        + " |\n"
    )


def draw(data: Path, network: BrainNetwork, folder: Path) -> None:
    """Draw every image with a skull and the outline of its mask, a file per participant."""
    mpl.use("Agg")
    from matplotlib import pyplot

    folder.mkdir(parents=True, exist_ok=True)
    for participant in sorted((data / "raw").glob("sub-*")):
        files = sorted(participant.glob("**/anat/*.nii.gz"))
        figure, axes = pyplot.subplots(len(files), 7, figsize=(17, 2.7 * len(files)), squeeze=False)
        for row, file in zip(axes, files, strict=True):
            source = nib.as_closest_canonical(nib.load(file))
            image = source.get_fdata(dtype=np.float32)
            mask = brain_mask(network, image, source.affine)
            row[0].set_title(
                f"{file.name.removesuffix('.nii.gz')}, {mask.sum() * abs(np.linalg.det(source.affine)) / 1000:.0f} mL"
            )
            for axis, (along, share) in zip(
                row, ((2, 0.1), (2, 0.25), (2, 0.45), (2, 0.7), (2, 0.92), (0, 0.47), (1, 0.5)), strict=True
            ):
                _draw_slice(axis, image, mask, spacing_mm(source.affine), along=along, share=share)
        figure.tight_layout(pad=0.3)
        figure.savefig(folder / f"{participant.name}.png", dpi=70)
        pyplot.close(figure)


def _draw_slice(axis, image: Image, mask: Mask, spacing: NDArray[np.float64], *, along: int, share: float) -> None:
    extent = np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != along)))
    index = int(extent[0] + share * (extent[-1] - extent[0]))
    first, second = (a for a in range(3) if a != along)
    top = 1.1 * np.percentile(image[mask], 99)
    aspect = spacing[second] / spacing[first]
    axis.imshow(image.take(index, along).T, origin="lower", cmap="gray", vmin=0, vmax=top, aspect=aspect)
    axis.contour(mask.take(index, along).T, [0.5], colors="red", linewidths=0.8)
    axis.axis("off")


def draw_heads(file: Path) -> None:
    """Draw what the network learns from: four paintings of each of three heads, in three planes."""
    mpl.use("Agg")
    from matplotlib import pyplot

    images = GeneratedImages(load_template(), 3 * PAINTINGS, seed=7)
    figure, axes = pyplot.subplots(6, 6, figsize=(10, 10.4))
    for number in range(len(images)):
        image, distance, _ = (each[0].numpy() for each in images[number])
        for plane, (along, index) in enumerate(((2, 42), (0, 46), (1, 50))):
            axis = axes[number // 2, 3 * (number % 2) + plane]
            axis.imshow(image.take(index, along).T, origin="lower", cmap="gray", vmin=0, vmax=1.2)
            axis.contour(distance.take(index, along).T, [0], colors="red", linewidths=0.6)
            axis.axis("off")
    figure.tight_layout(pad=0.1)
    figure.savefig(file, dpi=75)


def main() -> None:
    """Print the tables, and draw the pictures where they are wanted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with raw/ and cohort/")
    parser.add_argument("--heads", type=Path, metavar="FILE", help="only draw generated heads there")
    parser.add_argument("--model", type=Path, default=EMBEDDED, help="folder made by gliofill train-brain")
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="draw outlines there")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--methods", nargs="+", choices=["network", "template"], default=["network", "template"])
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.heads:
        draw_heads(arguments.heads)
        return
    network = load_model(arguments.model)
    known = {"network": network_method(network), "template": template_method}
    methods = {name: known[name] for name in arguments.methods}
    skulls(arguments.data, methods)
    cohort(arguments.data, methods)
    print(
        f"Peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2:.1f} GiB, ANTsPy {ants.__version__}"
    )
    if arguments.pictures:
        draw(arguments.data, network, arguments.pictures)


if __name__ == "__main__":
    main()
