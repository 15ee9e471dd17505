"""What becomes of every contrast once its session was preprocessed: used, synthesised after all, or left as a gap."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from operator import attrgetter
from pathlib import Path
from typing import Any

from gliofill.cohort.coverage import ACQUIRED, USABLE, Row, plan_gap, read_coverage
from gliofill.contrasts import Contrast
from gliofill.derivatives import paths
from gliofill.derivatives.session_record import PreprocessedContrast, SessionRecord
from gliofill.files.tables import read_columns, write_table
from gliofill.quality.verdict import CODES

#: explanation of the columns, written beside the table
COLUMNS: dict[str, Any] = {
    "participant_id": "Participant, with sub-.",
    "session_id": "Session, with ses-; n/a if the dataset has no sessions.",
    "contrast": "T1post is T1w after gadolinium, T1w is before.",
    "status": "ok; flagged: used, but look at it; unusable; failed: a preprocessing step failed; missing.",
    "action": "use: the acquired image; impute: a synthetic one; gap: there is none.",
    "source": "Contrast that it is synthesised from; n/a if it is not.",
    "reason": "Why the status and the action are what they are.",
    "code": {"Description": "Code of the first verdict if the image is unusable; n/a if not.", "Levels": CODES},
    "value": "The number that decided the verdict; n/a if no number did.",
    "threshold": "What that number was compared with; n/a if no number decided.",
    "reviewer": "yes or no if a reviewer decided on this image; n/a if not.",
    "reviewer_reason": "The reviewer's reason; n/a if there is none.",
}

#: why there is nothing of a step that left no record
NOT_FINISHED = "the step did not finish; its log tells why"


@dataclass(frozen=True)
class Outcome:
    """One line of the review table; see `COLUMNS`."""

    participant_id: str
    session_id: str
    contrast: Contrast
    status: str
    action: str = "gap"
    source: str = "n/a"
    reason: str = ""
    code: str = "n/a"
    value: str = "n/a"
    threshold: str = "n/a"
    reviewer: str = "n/a"
    reviewer_reason: str = "n/a"

    @property
    def folder(self) -> str:
        """Path of the session below a BIDS root."""
        return self.participant_id if self.session_id == "n/a" else f"{self.participant_id}/{self.session_id}"


def review_rows(rows: Collection[Row], record: SessionRecord | None) -> list[Outcome]:
    """Return the outcome of each contrast of one session.

    Parameters
    ----------
    rows
        The session's rows of the coverage table.
    record
        Of its preprocessing; None if that did not finish.
    """
    entries = record.contrasts if record else {}
    unknown = PreprocessedContrast(status="failed", reason=NOT_FINISHED)
    acquired = {row.contrast: _acquired(row, entries.get(Contrast(row.contrast), unknown)) for row in rows}
    states = {contrast: outcome.status for contrast, outcome in acquired.items()}
    return [_plan(row, acquired[row.contrast], states) for row in rows]


def _acquired(row: Row, entry: PreprocessedContrast) -> Outcome:
    """Return what the acquired image of a row is worth; what is done without it is decided later."""
    names = ("participant_id", "session_id", "code", "value", "threshold", "reviewer", "reviewer_reason")
    cells = {name: getattr(row, name) for name in names}
    outcome = Outcome(contrast=Contrast(row.contrast), status=row.status, reason=row.reason, **cells)
    if row.action != "use":
        return outcome
    status, reason = entry.status, entry.reason
    if status == "unusable" and row.reviewer == "yes":
        why = f"used because a reviewer decided so ({row.reviewer_reason}), although the image {reason}"
        return replace(outcome, status="flagged", action="use", reason=why)
    if status in USABLE:
        is_overruled = row.reason != ACQUIRED
        texts = [text for text in (row.reason if is_overruled else "", reason) if text]
        state = "flagged" if is_overruled else status
        return replace(outcome, status=state, action="use", reason="; ".join(texts) or row.reason)
    outcome = replace(outcome, status=status, reason=reason)
    if not entry.verdicts:
        return outcome
    first = entry.verdicts[0]
    return replace(outcome, code=first.code, value=_cell(first.value), threshold=_cell(first.threshold))


def _plan(row: Row, outcome: Outcome, states: Mapping[str, str]) -> Outcome:
    if row.action == "use":
        if outcome.status != "unusable":
            return outcome
        action, source, reason = plan_gap(outcome.contrast, outcome.reason, row.fallback != "n/a", states)
    elif row.action == "impute" and states[row.source] not in USABLE:
        action, source, reason = "gap", "n/a", f"{row.reason}; its source {row.source} is {states[row.source]}"
    else:
        action, source, reason = row.action, row.source, row.reason
    return replace(outcome, action=action, source=source, reason=reason)


def _cell(number: float | None) -> str:
    return "n/a" if number is None else f"{number:.6g}"


def write_review(path: Path, outcomes: Iterable[Outcome]) -> None:
    """Write the review table and its data dictionary."""
    write_table(path, COLUMNS, map(attrgetter(*COLUMNS), outcomes))


def read_review(path: Path) -> list[Outcome]:
    """Read a review table.

    Raises
    ------
    GliofillError
        If the file is missing or is not a review table.
    """
    rows = read_columns(path, COLUMNS, kind="a review table", made_by="gliofill review")
    return [Outcome(participant, session, Contrast(contrast), *rest) for participant, session, contrast, *rest in rows]


def read_late_fillings(table: Path) -> Mapping[str, list[Contrast]]:
    """Return the contrasts to synthesise that were acquired and found unusable only after registration, by session.

    The same state of the file is read once per process: the workflow asks for every single job.
    """
    stat = table.stat()
    return _late_fillings(table, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=1)
def _late_fillings(table: Path, _time_ns: int, _size: int) -> Mapping[str, list[Contrast]]:
    planned = _planned_by_coverage(table.with_name(paths.COVERAGE))
    found: dict[str, list[Contrast]] = {}
    for outcome in read_review(table):
        if outcome.action == "impute" and (outcome.folder, outcome.contrast) not in planned:
            found.setdefault(outcome.folder, []).append(outcome.contrast)
    return found


def _planned_by_coverage(table: Path) -> set[tuple[str, str]]:
    return {(row.folder, row.contrast) for row in read_coverage(table) if row.action == "impute"}


def remove_unplanned(output_dir: Path, outcomes: Iterable[Outcome]) -> list[str]:
    """Remove synthetic images of an earlier run that nobody asks for any more, and return their names.

    Only synthetic images are ever removed, never acquired ones. What the coverage table plans keeps its record, also
    where that says that nothing could be made.
    """
    planned = _planned_by_coverage(output_dir / paths.COVERAGE)
    removed = []
    for outcome in outcomes:
        record = output_dir / paths.imputed_qc(outcome.folder, outcome.contrast)
        if outcome.action == "impute" or (outcome.folder, outcome.contrast) in planned or not record.is_file():
            continue
        for file in paths.imputed_files(outcome.folder, outcome.contrast):
            if (output_dir / file).is_file():
                (output_dir / file).unlink()
                removed.append(file)
        record.unlink()
    return removed
