"""One session of the summary: its contrasts, and the steps that failed or were not reached."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gliofill.cohort.coverage import Row
from gliofill.cohort.review import NOT_FINISHED
from gliofill.contrasts import Contrast
from gliofill.report.status.logs import has_begun, last_words, step_logs

#: the reason of a step that has left no log
NOT_REACHED = "not reached: the run ended before this step"


@dataclass(frozen=True)
class Failure:
    """A step that did not do what was planned.

    Attributes
    ----------
    log
        Of the step, relative to the output folder.
    slurm_log
        What SLURM had to say of the job, when it was killed for instance; ``n/a`` if it ran elsewhere.
    """

    folder: str
    step: str
    reason: str
    log: str
    slurm_log: str = "n/a"


@dataclass(frozen=True)
class SessionSummary:
    """One session: the state and file of each contrast.

    Attributes
    ----------
    states
        ``acquired``, ``flagged``, ``synthetic``, ``gap``, ``failed``, or ``unfinished`` if its step was not reached.
    files
        Relative to the output folder, for contrasts that have one.
    gaps
        Reason for each contrast without file.
    unusable
        Reason for each contrast whose acquired image should not be used; it may have a synthetic file, or none.
    warnings
        Sentences.
    """

    folder: str
    states: Mapping[Contrast, str]
    files: Mapping[Contrast, str]
    gaps: Mapping[Contrast, str]
    warnings: tuple[str, ...]
    unusable: Mapping[Contrast, str] = field(default_factory=dict)


def not_reached(folder: str, rows: list[Row]) -> tuple[SessionSummary, list[Failure]]:
    """Return what is to be said of a session that the run has not come to."""
    states = {Contrast(row.contrast): "gap" if row.action == "gap" else "unfinished" for row in rows}
    gaps = {Contrast(row.contrast): row.reason if row.action == "gap" else NOT_REACHED for row in rows}
    unusable = {Contrast(row.contrast): row.reason for row in rows if row.status == "unusable"}
    steps = {"use": "preprocess", "impute": "impute"}
    missing = [
        Failure(folder, f"{steps[row.action]} {row.contrast}", NOT_REACHED, "n/a")
        for row in rows
        if row.action in steps
    ]
    return SessionSummary(folder, states, {}, gaps, (), unusable), missing


def step_failure(output_dir: Path, step: str, folder: str, contrast: Contrast, reason: str) -> Failure:
    """Return the failure of a step; one that left no record is told by the last line of its log."""
    logs = step_logs(output_dir, step, folder, contrast)
    if reason == NOT_FINISHED["reason"]:
        if not has_begun(output_dir, logs):
            return Failure(folder, f"{step} {contrast}", NOT_REACHED, "n/a")
        words = last_words(output_dir / logs[0])
        reason = f"the step did not finish: {words}" if words else reason
    return Failure(folder, f"{step} {contrast}", reason, *logs)
