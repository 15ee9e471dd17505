"""Rigid registration of cases with a known answer and of cases without: `python benchmarks/registration.py DATA`.

Markdown tables of real images, DATA/cohort, stripped and registered upstream, and of generated ones
(`benchmarks/moved.py`):

- `trade-off`: the error of several settings, in millimetres over the voxels of the brain, and CPU seconds on one
  thread;
- `generated`: the error on generated heads, with skull, bias and noise, by slice thickness;
- `many`: the error of many cases, and of those that are not flagged;
- `impossible`: how many deliberately impossible registrations are flagged: another patient's image, an image with right
  and left exchanged.
"""

# ITK reads its number of threads when it is loaded
import os

os.environ.setdefault("ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS", "1")

import argparse
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import ants
import numpy as np

from gliofill.preprocess.registration import register
from gliofill.preprocess.rigid import read_matrix
from moved import SUSPECT, Case, cases, generated, in_turn

Method = Callable[[Case], np.ndarray]


def plain(case: Case) -> np.ndarray:
    """Return what ANTsPy finds with its own settings."""
    return read_matrix(ants.registration(case.fixed, case.moving, "Rigid")["fwdtransforms"][0])


METHODS: dict[str, Method] = {
    "gliofill": lambda case: register(case.fixed, case.brain, case.moving).matrix,
    "gliofill without full resolution": lambda case: register(case.fixed, case.brain, case.moving, fine=False).matrix,
    "ANTsPy `Rigid`": plain,
}


def trade_off(data: Path, methods: list[str], every: int) -> None:
    """Print the errors and times of some methods."""
    errors: dict[str, dict[str, list[float]]] = {name: {} for name in methods}
    worst: dict[str, float] = dict.fromkeys(methods, 0.0)
    seconds: dict[str, list[float]] = {name: [] for name in methods}
    for number, case in enumerate(cases(data)):
        if number % every or case.name == SUSPECT:
            continue
        for name in methods:
            start = time.process_time()
            matrix = METHODS[name](case)
            seconds[name].append(time.process_time() - start)
            mean, most = case.errors_mm(matrix)
            errors[name].setdefault(str(case.contrast), []).append(mean)
            worst[name] = max(worst[name], most)
            print(f"<!-- {case.name} {case.contrast} {name}: {mean:.2f} mm, {seconds[name][-1]:.1f} s -->", flush=True)
    kinds = list(errors[methods[0]])
    count = len(seconds[methods[0]])
    print(f"| {count} cases | " + " | ".join(kinds) + " | mean | worst case, worst voxel | CPU s |")
    print("|---|" + "---|" * (len(kinds) + 3))
    for name in methods:
        every_one = np.concatenate(list(errors[name].values()))
        cells = [f"{np.mean(errors[name][kind]):.2f}" for kind in kinds]
        cells += [
            f"{every_one.mean():.2f}",
            f"{every_one.max():.2f}, {worst[name]:.2f}",
            f"{np.mean(seconds[name]):.1f}",
        ]
        print(f"| {name} | " + " | ".join(cells) + " |")


def impossible(data: Path, every: int) -> None:
    """Print which cases are flagged, and the scores that decide."""
    print("| | flagged | peak | mirrored |\n|---|---|---|---|")
    for kind in ("right and left exchanged", "another patient"):
        flagged, peaks, mirrored = 0, [], []
        chosen = [case for number, case in enumerate(cases(data, kind=kind)) if number % every == 0]
        for case in chosen:
            best = register(case.fixed, case.brain, case.moving).best
            flagged += bool(best.problem)
            peaks.append(best.after.peak)
            mirrored.append(best.after.mirrored)
            print(f"<!-- {kind} {case.name} {case.contrast}: {asdict(best.record)} -->", flush=True)
        ranges = [f"{min(values):.2f} to {max(values):.2f}" for values in (peaks, mirrored)]
        print(f"| {kind} | {flagged} of {len(chosen)} | " + " | ".join(ranges) + " |", flush=True)


def many(data: Path, count: int) -> None:
    """Print how far many registrations are from the truth, and which of them are flagged."""
    found = []
    for case in in_turn(data, count):
        if case.name == SUSPECT:
            continue
        best = register(case.fixed, case.brain, case.moving).best
        mean, most = case.errors_mm(best.matrix)
        found.append((mean, most, bool(best.problem)))
        print(f"<!-- {case.name} {case.contrast}: {mean:.2f} {most:.2f} mm {asdict(best.record)} -->", flush=True)
    print("| | cases | mean error, mm | 95 % are below | worst | worst voxel |\n|---|---|---|---|---|---|")
    for name, chosen in (("all", found), ("not flagged", [one for one in found if not one[2]])):
        means = np.array([mean for mean, _, _ in chosen])
        cells = [len(chosen), f"{means.mean():.2f}", f"{np.percentile(means, 95):.2f}", f"{means.max():.2f}"]
        print(f"| {name} | " + " | ".join(map(str, [*cells, f"{max(most for _, most, _ in chosen):.2f}"])) + " |")


def on_generated_heads(count: int) -> None:
    """Print the error on generated heads, whose brain is known."""
    errors: dict[str, list[float]] = {}
    flagged = 0
    for case in generated(count):
        best = register(case.fixed, case.brain, case.moving).best
        error, _ = case.errors_mm(best.matrix)
        errors.setdefault(f"{case.contrast}, slices of {max(case.moving.spacing):.0f} mm", []).append(error)
        flagged += bool(best.problem)
        print(f"<!-- {case.name} {case.contrast}: {error:.2f} mm -->", flush=True)
    print(f"| generated, {flagged} flagged | cases | mean error, mm | worst |\n|---|---|---|---|")
    for name, values in errors.items():
        print(f"| {name} | {len(values)} | {np.mean(values):.2f} | {max(values):.2f} |", flush=True)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--every", type=int, default=1, help="trade-off and impossible: one case of so many")
    parser.add_argument("--cases", type=int, default=200, help="many: how many; generated: a tenth as many heads")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    tables = ["trade-off", "generated", "many", "impossible"]
    parser.add_argument("--only", nargs="+", choices=tables, default=tables)
    arguments = parser.parse_args()
    if "trade-off" in arguments.only:
        trade_off(arguments.data, arguments.methods, arguments.every)
    if "generated" in arguments.only:
        on_generated_heads(arguments.cases // 10)
    if "many" in arguments.only:
        many(arguments.data, arguments.cases)
    if "impossible" in arguments.only:
        impossible(arguments.data, arguments.every)


if __name__ == "__main__":
    main()
