"""Whether the domain of a model warns of unlike images, and of them only.

Every training patient is judged by a domain of the others, held-out patients as they are and after a change that makes
them unlike: another contrast, noise, thick slices, a cut or unstripped head. Prints Markdown tables.

    python benchmarks/domain.py MODEL_DIR --training DIR... --held-out DIR:LABEL,LABEL...

DIR are output folders of the preprocessing; MODEL_DIR has a domain (`gliofill train` and `gliofill domain` write it).
"""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from scipy import ndimage

from gliofill.contrasts import Contrast
from gliofill.derivatives import paths
from gliofill.derivatives.acquired import acquired_file, acquired_spacing_mm
from gliofill.files.nifti import read_image
from gliofill.learning.models.appearance import Appearance
from gliofill.learning.models.domain import Domain
from gliofill.learning.models.folder import Model, load_model
from gliofill.learning.volumes.cases import find_cases
from gliofill.learning.volumes.framing import Scale
from gliofill.preprocess.rigid import read_matrix
from gliofill.synthesis.volume import Source

Change = Callable[[Source], Source]


def with_noise(factor: float) -> Change:
    """Add noise until its deviation is `factor` times what it was."""

    def change(source: Source) -> Source:
        own = Appearance.of(source.data, source.brain, source.affine).numbers["noise"]
        scale = Scale.of(source.data, source.brain)
        deviation = own * np.sqrt(factor**2 - 1) * (scale.high - scale.low)
        noisy = source.data + np.random.default_rng(0).normal(0, deviation, source.data.shape)
        return Source(np.abs(noisy).astype(np.float32), source.brain, source.affine)

    return change


def with_thick_slices(mm: int) -> Change:
    """Average voxels along the third axis and interpolate back, as a thick-slice scan is resampled."""

    def change(source: Source) -> Source:
        whole = source.data.shape[2] // mm * mm
        slices = source.data[:, :, :whole].reshape(*source.data.shape[:2], -1, mm).mean(axis=3)
        where = (np.arange(source.data.shape[2]) - (mm - 1) / 2) / mm
        below = np.clip(np.floor(where).astype(int), 0, slices.shape[2] - 2)
        share = np.clip(where - below, 0, 1).astype(np.float32)
        data = slices[:, :, below] * (1 - share) + slices[:, :, below + 1] * share
        return Source(data, source.brain, source.affine)

    return change


def without_top(share: float) -> Change:
    """Cut off the upper part of the brain."""

    def change(source: Source) -> Source:
        occupied = np.flatnonzero(source.brain.any(axis=(0, 1)))
        brain = source.brain.copy()
        brain[:, :, int(occupied[-1] - share * len(occupied)) :] = False
        return Source(source.data, brain, source.affine)

    return change


def blurred(mm: float) -> Change:
    """Blur in all directions; 1 mm voxels."""
    return lambda source: Source(ndimage.gaussian_filter(source.data, mm / 2.355), source.brain, source.affine)


def inverted(source: Source) -> Source:
    """Return the negative."""
    return Source(source.data[source.brain].max() - source.data, source.brain, source.affine)


#: a head has more voxels than its brain by this factor at least
SKULL = 1.2

CHANGES: dict[str, Change] = {
    "as it is": lambda source: source,
    "noise x 2": with_noise(2),
    "noise x 4": with_noise(4),
    "noise x 8": with_noise(8),
    "slices of 3 mm": with_thick_slices(3),
    "slices of 5 mm": with_thick_slices(5),
    "slices of 7 mm": with_thick_slices(7),
    "blurred by 4 mm": blurred(4),
    "upper quarter cut off": without_top(0.25),
    "upper half cut off": without_top(0.5),
    "negative": inverted,
}


def unstripped(root: Path, folder: str, contrast: Contrast) -> Source | None:
    """Return the acquired image on the template grid, all that is not black as its brain; None if it is stripped."""
    raw = acquired_file(root, paths.preprocessed(folder, contrast))
    if raw is None:
        return None
    data, affine = read_image(raw)
    template, template_affine = read_image(root / paths.brain_mask(folder))
    to_native = np.linalg.inv(affine) @ read_matrix(root / paths.transform(folder, contrast)) @ template_affine
    moved = ndimage.affine_transform(data, to_native[:3, :3], to_native[:3, 3], template.shape, order=1)
    head = moved > 0.02 * np.percentile(moved, 99)
    return Source(moved, head, template_affine) if head.sum() > SKULL * (template > 0).sum() else None


def judge(domain: Domain, source: Source, acquired_mm: float | None = None) -> list[str]:
    """Return the names of the scores that are outside."""
    image = Appearance.of(source.data, source.brain, source.affine, acquired_mm=acquired_mm)
    return [score.name for score in domain.scores(image) if score.is_outside]


def images(root: Path, labels: list[str], contrast: Contrast) -> Iterator[tuple[str, Source, float | None]]:
    """Yield folder, source and acquired spacing of every session that has a contrast."""
    for mask in sorted(root.glob("sub-*/**/anat/*_desc-brain_mask.nii.gz")):
        folder = mask.parent.parent.relative_to(root).as_posix()
        image = root / paths.preprocessed(folder, contrast)
        if folder.split("/")[0].removeprefix("sub-") in labels and image.is_file():
            name = paths.preprocessed(folder, contrast)
            yield folder, Source.read(image, mask), acquired_spacing_mm(root, name)


def leave_one_out(model: Model, roots: list[Path]) -> Iterator[tuple[str, list[str]]]:
    """Judge every training session by a domain of the other participants."""
    measured: list[tuple[str, Appearance]] = []
    for root in roots:
        for case in find_cases(root, model.task):
            if case.folder in model.training.sessions:
                source = Source.read(case.source, case.brain)
                name = paths.preprocessed(case.folder, model.task.source)
                spacing = acquired_spacing_mm(root, name)
                measured.append(
                    (case.folder, Appearance.of(source.data, source.brain, source.affine, acquired_mm=spacing))
                )
    for folder, image in measured:
        participant = folder.split("/")[0]
        domain = Domain.fit(pair for pair in measured if pair[0].split("/")[0] != participant)
        assert domain is not None
        yield folder, [score.name for score in domain.scores(image) if score.is_outside]


def print_table(title: str, rows: list[tuple[str, str, list[str]]]) -> None:
    """Print a table with a row per change: how many images got a warning, and for what."""
    print(f"\n{title}\n\n| source image | images | warned | what is outside (images) |\n|---|---|---|---|")
    for change in dict.fromkeys(row[0] for row in rows):
        own = [problems for name, _, problems in rows if name == change]
        counts: dict[str, int] = {}
        for name in (name for problems in own for name in problems):
            counts[name] = counts.get(name, 0) + 1
        told = ", ".join(f"{name} {count}" for name, count in sorted(counts.items(), key=lambda pair: -pair[1]))
        print(f"| {change} | {len(own)} | {sum(map(bool, own))} | {told or '-'} |", flush=True)


def changed_rows(model: Model, held_out: list[tuple[Path, list[str]]]) -> Iterator[tuple[str, str, list[str]]]:
    """Judge held-out images as they are and changed."""
    domain, own = model.domain, model.task.source
    assert domain is not None
    for root, labels in held_out:
        for folder, source, spacing in images(root, labels, own):
            for name, change in CHANGES.items():
                # a change tells no header: the spacing counts only where nothing was changed
                yield name, folder, judge(domain, change(source), spacing if name == "as it is" else None)
            whole = unstripped(root, folder, own)
            if whole is not None:
                yield "unstripped", folder, judge(domain, whole)
        for other in set(Contrast) - {own}:
            for folder, source, _ in images(root, labels, other):
                yield f"{other} given as {own}", folder, judge(domain, source)


def main() -> None:
    """Print the tables of one model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--training", type=Path, nargs="+", required=True)
    parser.add_argument("--held-out", nargs="+", required=True, metavar="DIR:LABEL,LABEL")
    arguments = parser.parse_args()
    model = load_model(arguments.model)
    if model.domain is None:
        parser.error(f"{arguments.model}: has no domain; run 'gliofill domain' first")
    held_out = [(Path(text.rsplit(":", 1)[0]), text.rsplit(":", 1)[1].split(",")) for text in arguments.held_out]
    print(f"{model.model_id}, {len(model.domain.references)} training images of {model.domain.patients} participants")
    alone = [("training image, judged by the others", *row) for row in leave_one_out(model, arguments.training)]
    print_table("False alarms by leaving one participant out", alone)
    for _, folder, problems in alone:
        if problems:
            print(f"{folder}: {', '.join(problems)}")
    rows = list(changed_rows(model, held_out))
    order = [*CHANGES, "unstripped"]
    rows.sort(key=lambda row: (order.index(row[0]) if row[0] in order else len(order), row[0]))
    print_table("Held-out images", rows)
    for name, folder, problems in rows:
        if name == "as it is" and problems:
            print(f"{folder}: {', '.join(problems)}")


if __name__ == "__main__":
    main()
