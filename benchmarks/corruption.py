"""How well each corruption is detected in real and in generated images; fits the motion score.

Every image is corrupted in every way of `gliofill.simulation.artefacts.corruptions`, mildly to severely, the phase
lines drawn at random, and scored before and after. For each corruption two sensitivities are printed: that of the score
which answers to it, at the threshold that 95 % of the clean images of that kind pass; and that of a verdict, whatever
its code, at the default thresholds. This threshold and the weights of the motion score are fitted without the
patient who is judged. The weights fitted on all images are in `gliofill.quality.acquired.motion`.

Air around stripped images is left out to save time. Usage::

    python benchmarks/corruption.py --real BIDS_DIR [BIDS_DIR ...] --generated BIDS_DIR [BIDS_DIR ...] [--keep FILE]

With ``--every 3`` each image is corrupted in a third of the ways only, a different one for each, and by severe motion.
With ``--keep`` the measurements are stored in a file and reused the next time.
"""

import argparse
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

from corrupted_images import ANSWERS, CLEAN, Case, is_severe_motion, measure_all, plan_jobs
from gliofill.config.settings import UsabilitySettings
from gliofill.quality.acquired.corruption import SCORES, judge_scores
from gliofill.quality.acquired.measurement import Measurement
from gliofill.quality.acquired.motion import Weights, compare_axes, evidence
from gliofill.simulation.artefacts.corruptions import CORRUPTIONS

SPECIFICITY = 0.95
# inverse of the penalty on the weights of motion
STRENGTH = 3.0


def fit(cases: Sequence[Case]) -> Weights:
    """Fit the score of motion: the phase axes of images that moved severely against all axes of still ones."""
    rows, moved = [], []
    for case in cases:
        is_moved = is_severe_motion(case.corruption, case.severity)
        if case.axis_features and (is_moved or case.is_still):
            for axis, row in zip(case.axes, compare_axes(np.array(case.axis_features)), strict=True):
                if case.is_still or axis == case.phase_axis:
                    rows.append(row)
                    moved.append(is_moved)
    table = np.array(rows)
    centre, scale = table.mean(axis=0), table.std(axis=0)
    model = LogisticRegression(C=STRENGTH, max_iter=1000).fit((table - centre) / scale, moved)
    slopes = model.coef_[0] / scale
    return Weights(tuple(slopes.tolist()), float(model.intercept_[0] - slopes @ centre))


def without_own_patient(cases: Sequence[Case]) -> list[Case]:
    """Return the cases with the score of motion fitted without the patient of each."""
    judged = []
    for patient in dict.fromkeys(case.patient for case in cases):
        weights = fit([case for case in cases if case.patient != patient])
        for case in (case for case in cases if case.patient == patient):
            scores = dict(case.scores)
            if case.axis_features:
                scores["motion"] = evidence(np.array(case.axis_features), weights)
            judged.append(replace(case, scores=scores))
    return judged


class Sensitivities:
    """Shares of corrupted images that are found, and of clean ones that are."""

    def __init__(self, cases: Sequence[Case]) -> None:
        self.cases = cases

    def at_specificity(self, kind: str, corruption: str, severity: int, score: str) -> tuple[int, int]:
        """Return how many images lie above what 95 % of the clean images of other patients reach, and of how many."""
        clean = [case for case in self.cases if case.kind == kind and case.is_clean and score in case.scores]
        chosen = [case for case in self._chosen(kind, corruption, severity) if score in case.scores]
        found = 0
        for case in chosen:
            others = [other.scores[score] for other in clean if other.patient != case.patient]
            found += case.scores[score] > np.quantile(others, SPECIFICITY, method="higher")
        return int(found), len(chosen)

    def by_verdict(self, kind: str, corruption: str, severity: int) -> tuple[int, int]:
        """Return how many images get a verdict at the default thresholds, and of how many."""
        chosen = self._chosen(kind, corruption, severity)
        return sum(verdict_of(case) != "" for case in chosen), len(chosen)

    def _chosen(self, kind: str, corruption: str, severity: int) -> list[Case]:
        return [c for c in self.cases if (c.kind, c.corruption, c.severity) == (kind, corruption, severity)]


def verdict_of(case: Case) -> str:
    """Return the code of the verdict at the default thresholds, or an empty text."""
    verdict = judge_scores(Measurement(scores=case.scores), UsabilitySettings(), {})
    return verdict.code if verdict else ""


def print_tables(cases: Sequence[Case]) -> None:
    """Print the table of sensitivities, what clean images reach, and which codes the verdicts have."""
    table, kinds = Sensitivities(cases), ("real", "generated")
    print(f"| corruption | amount | score | {' | '.join(f'{k}, at 95 % | {k}, verdict' for k in kinds)} |")
    print("|---" * (3 + 2 * len(kinds)) + "|")
    for name, corruption in CORRUPTIONS.items():
        for severity, amount in enumerate(corruption.amounts):
            cells = []
            for kind in kinds:
                for found, count in (
                    table.at_specificity(kind, name, severity, ANSWERS[name]),
                    table.by_verdict(kind, name, severity),
                ):
                    cells.append(f"{found / count:.2f} ({count})" if count else "n/a")
            print(f"| {name} | {amount:g} {corruption.unit} | `{ANSWERS[name]}` | {' | '.join(cells)} |")
    for kind in kinds:
        print_clean(table, kind)


def print_clean(table: Sensitivities, kind: str) -> None:
    """Print what the clean images of a kind reach, beside the thresholds, and their false alarms."""
    clean = [case for case in table.cases if case.kind == kind and case.is_clean]
    print(f"\n{len(clean)} clean {kind} images of {len({case.patient for case in clean})} patients")
    for score in SCORES:
        values = [case.scores[score.name] for case in clean if score.name in case.scores]
        found, count = table.at_specificity(kind, CLEAN, -1, score.name)
        limit = getattr(UsabilitySettings(), score.setting)
        print(
            f"{score.name}: highest {max(values):.4g}, threshold {limit:g}, specificity reached {1 - found / count:.2f}"
        )
    alarms = [f"{case.name} {verdict_of(case)}" for case in clean if verdict_of(case)]
    print(f"false alarms: {', '.join(alarms) or 'none'}")
    for name in CORRUPTIONS:
        codes = Counter(verdict_of(c) for c in table.cases if (c.kind, c.corruption, c.severity) == (kind, name, 2))
        print(f"{name}, severe: {', '.join(f'{code or None} {count}' for code, count in codes.most_common())}")


def main() -> None:
    """Measure, fit, and print the tables and the weights."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--real", nargs="+", type=Path, required=True, metavar="BIDS_DIR")
    parser.add_argument("--generated", nargs="+", type=Path, required=True, metavar="BIDS_DIR")
    parser.add_argument(
        "--every",
        type=int,
        default=1,
        metavar="N",
        help="try one in N of the corruptions on each image, and severe motion",
    )
    parser.add_argument("--keep", type=Path, metavar="FILE", help="where measurements are stored, one a line")
    options = parser.parse_args()
    jobs = [
        job
        for folders, kind in ((options.real, "real"), (options.generated, "generated"))
        for job in plan_jobs(folders, kind, options.every)
    ]
    cases = measure_all(jobs, options.keep)
    print_tables(without_own_patient(cases))
    weights = fit(cases)
    print("\nweights of motion, fitted on all images:")
    print(", ".join(f"{value:.4g}" for value in weights.slopes), f"intercept {weights.intercept:.4g}")


if __name__ == "__main__":
    main()
