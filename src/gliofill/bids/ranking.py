"""Which of several candidates for one contrast is the best, and why.

The rules, each deciding only among those that the rules before it left equal:

1. T2w and FLAIR without gadolinium before those with it;
2. fewer labels beyond participant, session and run (and ``ce-`` of a post-gadolinium T1w), as special acquisitions
   (a slab over the hippocampus, a reconstruction) carry labels and the main one usually does not;
3. 3-D acquisitions, where the sidecar says so;
4. thinner slices, where the sidecars of all say how thick they are;
5. the latest run, as a repeat usually replaces a spoiled run;
6. the name, so that the order never depends on the file system.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from gliofill.bids.dataset import Scan
from gliofill.bids.gadolinium import judge_gadolinium
from gliofill.bids.names import natural
from gliofill.contrasts import Contrast


@dataclass(frozen=True)
class _Rule:
    """One rule: a key (lower is better, None where nothing is known), and what to say when it decided."""

    key: Callable[[Scan], Any]
    say: Callable[[Scan, Sequence[Scan]], str]


def _extra_labels(scan: Scan) -> list[str]:
    expected = {"sub", "ses", "run"} | ({"ce"} if scan.contrast is Contrast.T1POST else set())
    return [key for key in scan.entities if key not in expected]


def _is_late_t2(scan: Scan) -> bool:
    is_t1 = scan.contrast in (Contrast.T1W, Contrast.T1POST)
    return not is_t1 and judge_gadolinium(scan.entities, scan.metadata).is_post


def _thickness_mm(scan: Scan) -> float | None:
    value = scan.metadata.get("SliceThickness")
    is_plausible = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 100
    return value if is_plausible else None


def _run(scan: Scan) -> int:
    run = scan.entities.get("run", "")
    return int(run) if run.isdecimal() else 0


def _say_labels(best: Scan, others: Sequence[Scan]) -> str:
    here = _extra_labels(best)
    elsewhere = sorted({key for other in others for key in _extra_labels(other)} - set(here))
    return f"without {', '.join(elsewhere)} label" if elsewhere and not here else "fewest labels"


_RULES = (
    _Rule(_is_late_t2, lambda best, others: "without gadolinium"),
    _Rule(lambda scan: len(_extra_labels(scan)), _say_labels),
    _Rule(lambda scan: scan.metadata.get("MRAcquisitionType") != "3D", lambda best, others: "3-D acquisition"),
    _Rule(_thickness_mm, lambda best, others: f"thinnest slices ({_thickness_mm(best):g} mm)"),
    _Rule(lambda scan: -_run(scan), lambda best, others: "latest run"),
    _Rule(lambda scan: natural(scan.path.name), lambda best, others: "first by name"),
)


def rank(candidates: Sequence[Scan]) -> list[Scan]:
    """Return candidates for one contrast of one session, best first, by the rules of this module."""
    return _refine(list(candidates), _RULES)


def _refine(group: list[Scan], rules: Sequence[_Rule]) -> list[Scan]:
    if len(group) < 2 or not rules:
        return group
    tiers = _tiers(group, rules[0])
    return [scan for tier in tiers for scan in _refine(tier, rules[1:])]


def _tiers(group: list[Scan], rule: _Rule) -> list[list[Scan]]:
    """Part a group into those that a rule finds equal, best first; a rule that lacks knowledge of one is silent."""
    by_key: dict[Hashable, list[Scan]] = {}
    for scan in group:
        by_key.setdefault(rule.key(scan), []).append(scan)
    return [group] if None in by_key else [by_key[key] for key in sorted(by_key)]  # type: ignore[type-var]


def explain_choice(candidates: Sequence[Scan]) -> str:
    """Say in a few words why the best candidate is the best.

    Parameters
    ----------
    candidates
        All scans of one contrast of one session, in any order.

    Returns
    -------
    str
        For instance ``only candidate`` or ``chosen of 3: without acq label; latest run``.
    """
    if not candidates:
        return "no candidate"
    if len(candidates) == 1:
        return "only candidate"
    best, left, reasons = rank(candidates)[0], list(candidates), []
    for rule in _RULES:
        first = _tiers(left, rule)[0]
        if len(first) < len(left):
            reasons.append(rule.say(best, [scan for scan in left if scan not in first]))
        left = first
    return f"chosen of {len(candidates)}: {'; '.join(reasons)}"
