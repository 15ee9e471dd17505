"""How often swapped contrasts are detected, and how often right ones are doubted, in preprocessed sessions.

In every session, every pair of contrasts exchanges its labels; then `gliofill.quality.preprocessed.identity` says what
it sees. A swap counts as found if both images of the pair get the verdict. Each swap is tried with all contrasts of the
session there, and with the two alone. The boundaries were set by hand between the kinds of images; to show that they do
not depend on single patients, each is also put in the middle of the gap between the kinds without one patient, who is
then judged. Usage::

    python benchmarks/identity.py OUTPUT_DIR [OUTPUT_DIR ...]
"""

import argparse
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gliofill.contrasts import Contrast
from gliofill.derivatives import paths
from gliofill.files.nifti import read_image
from gliofill.quality.preprocessed.identity import CSF, GREY, GREY_GUIDED, Look, identify
from gliofill.quality.preprocessed.identity_measures import TissueMaps
from gliofill.template import grey_matter_map, template_brain, white_matter_map

Images = Mapping[Contrast, NDArray[np.float32]]


@dataclass(frozen=True)
class Subject:
    """A preprocessed session: its name, images and brain mask."""

    name: str
    images: Images
    brain: NDArray[np.bool_]


def read_sessions(output_dir: Path) -> Iterator[Subject]:
    """Read the sessions of an output folder, one at a time."""
    for file in sorted(output_dir.glob("sub-*/**/*_desc-contrasts_qc.json")):
        folder = file.parent.parent.relative_to(output_dir).as_posix()
        paths = {contrast: output_dir / paths.preprocessed(folder, contrast) for contrast in Contrast}
        images = {contrast: read_image(path)[0] for contrast, path in paths.items() if path.is_file()}
        if images:
            brain = read_image(output_dir / paths.brain_mask(folder))[0] > 0.5
            yield Subject(f"{output_dir.name}/{folder}", images, brain)


def swap(images: Images, pair: tuple[Contrast, Contrast]) -> dict[Contrast, NDArray[np.float32]]:
    """Exchange the labels of two images."""
    first, second = pair
    return {**images, first: images[second], second: images[first]}


class Tally:
    """Counts of swaps found, of right labels doubted, and the measures of every image."""

    def __init__(self, maps: TissueMaps) -> None:
        self.maps = maps
        self.swaps: Counter[tuple[str, str]] = Counter()
        self.found: Counter[tuple[str, str]] = Counter()
        self.right: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.measures: list[tuple[str, Contrast, Mapping[str, float]]] = []

    def add(self, subject: Subject) -> None:
        """Judge a session with its own labels and with every pair exchanged."""
        for contrast, identity in identify(subject.images, subject.brain, self.maps).items():
            self.right["images"] += 1
            self.right["false alarms"] += identity.verdict is not None
            self.right["warnings"] += bool(identity.warning)
            self.right["unclear"] += identity.look is Look.UNCLEAR
            if identity.verdict or identity.warning:
                text = identity.verdict.sentence if identity.verdict else f"warning: {identity.warning}"
                self.wrong.append(f"{subject.name} {contrast} {text}")
            self.measures.append((subject.name, contrast, identity.measures))
        for pair in combinations([contrast for contrast in Contrast if contrast in subject.images], 2):
            alone = {contrast: subject.images[contrast] for contrast in pair}
            for kind, images in (("all there", subject.images), ("two alone", alone)):
                result = identify(swap(images, pair), subject.brain, self.maps)
                verdicts = [result[contrast].verdict is not None for contrast in pair]
                key = (" and ".join(pair), kind)
                self.swaps[key] += 1
                self.found[key] += all(verdicts)
                if not all(verdicts):
                    self.wrong.append(f"{subject.name} {key[0]}, {kind}: found {sum(verdicts)} of 2")

    def print(self) -> None:
        """Print the tables."""
        print("| exchanged | found, all contrasts there | found, the two alone |\n|---|---|---|")
        for pair in sorted({pair for pair, _ in self.swaps}):
            cells = [f"{self.found[pair, kind]} / {self.swaps[pair, kind]}" for kind in ("all there", "two alone")]
            print(f"| {pair} | {cells[0]} | {cells[1]} |")
        totals = [
            sum(count for (_, kind), count in counter.items() if kind == wanted)
            for wanted in ("all there", "two alone")
            for counter in (self.found, self.swaps)
        ]
        print(f"| all | {totals[0]} / {totals[1]} | {totals[2]} / {totals[3]} |")
        print("\nRight labels: " + ", ".join(f"{count} {name}" for name, count in self.right.items()))
        print(*self.wrong, sep="\n")
        for name, high, boundary in (
            ("csf_brightness", (Contrast.T2W,), CSF),
            ("grey_over_white", (Contrast.FLAIR,), GREY_GUIDED),
            ("grey_ratio", (Contrast.FLAIR,), GREY),
        ):
            self._print_boundary(name, high, boundary.at)

    def _print_boundary(self, name: str, high: tuple[Contrast, ...], at: float) -> None:
        """Print the gap of a measure between the kinds, and what a boundary fitted without each patient gets wrong."""
        rows = [
            (subject.split("/ses-")[0], contrast in high, measures[name])
            for subject, contrast, measures in self.measures
            if name in measures and (name == "csf_brightness" or contrast is not Contrast.T2W)
        ]
        if len({is_high for _, is_high, _ in rows}) < 2:
            return
        errors = 0
        for patient in {row[0] for row in rows}:
            rest = [row for row in rows if row[0] != patient]
            middle = _middle(rest)
            errors += sum((value > middle) != is_high for p, is_high, value in rows if p == patient)
        below, above = (max(v for _, h, v in rows if not h), min(v for _, h, v in rows if h))
        print(
            f"{name}: below at most {below:.2f}, above at least {above:.2f}, boundary {at:g}; "
            f"fitted without each patient: {errors} of {len(rows)} images wrong"
        )


def _middle(rows: list[tuple[str, bool, float]]) -> float:
    return (max(v for _, h, v in rows if not h) + min(v for _, h, v in rows if h)) / 2


def main() -> None:
    """Judge the sessions of all folders together, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output_dirs", nargs="+", type=Path, metavar="OUTPUT_DIR", help="derivatives of gliofill")
    tally = Tally(TissueMaps.from_probabilities(white_matter_map(), grey_matter_map(), template_brain()))
    for output_dir in parser.parse_args().output_dirs:
        for subject in read_sessions(output_dir):
            tally.add(subject)
    tally.print()


if __name__ == "__main__":
    main()
