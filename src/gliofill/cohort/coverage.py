"""Which contrast of which session is there, is missing or is unusable, and what will be done about it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any

from gliofill.bids.absence import explain_absence
from gliofill.bids.dataset import Dataset, Scan, Session
from gliofill.bids.scan import explain_choice
from gliofill.cohort.decisions import Decisions
from gliofill.config.settings import UsabilitySettings
from gliofill.contrasts import Contrast, Task, task_filling
from gliofill.files.tables import read_columns, write_table
from gliofill.quality.acquired.measurement import Measurement
from gliofill.quality.acquired.outliers import outlier_limits
from gliofill.quality.acquired.usability import judge
from gliofill.quality.verdict import CODES, Verdict

#: explanation of the columns, written beside the table
COLUMNS: dict[str, Any] = {
    "participant_id": "Participant, with sub-.",
    "session_id": "Session, with ses-; n/a if the dataset has no sessions.",
    "contrast": "T1post is T1w after gadolinium, T1w is before.",
    "status": "ok, missing or unusable.",
    "action": "use: preprocess the acquired image; impute: synthesise it; gap: it stays missing.",
    "source": "Contrast that it is synthesised from; n/a if it is not.",
    "reason": "Why the status and the action are what they are.",
    "code": {"Description": "Code of the verdict if the image is unusable; n/a if not.", "Levels": CODES},
    "value": "The number that decided the verdict; n/a if no number did.",
    "threshold": "What that number was compared with; n/a if no number decided.",
    "file": "The chosen image, relative to the raw dataset; n/a if there is none.",
    "choice": "Why this file was chosen among the candidates.",
    "warnings": "What was odd about the chosen file.",
    "fallback": "Contrast that it would be synthesised from if it is found unusable later; n/a if there is no model.",
    "reviewer": "yes or no if a reviewer decided on this contrast; n/a if not.",
    "reviewer_reason": "The reviewer's reason; n/a if there is none.",
}

#: states of a contrast that others can be synthesised from
USABLE = ("ok", "flagged")
#: reason of an image that nothing speaks against
ACQUIRED = "acquired"
NO_DECISIONS = Decisions()


@dataclass(frozen=True)
class Row:
    """One line of the coverage table; see `COLUMNS`."""

    participant_id: str
    session_id: str
    contrast: str
    status: str
    action: str = "gap"
    source: str = "n/a"
    reason: str = ""
    code: str = "n/a"
    value: str = "n/a"
    threshold: str = "n/a"
    file: str = "n/a"
    choice: str = "n/a"
    warnings: str = "n/a"
    fallback: str = "n/a"
    reviewer: str = "n/a"
    reviewer_reason: str = "n/a"

    @property
    def folder(self) -> str:
        """Path of the session below a BIDS root."""
        return self.participant_id if self.session_id == "n/a" else f"{self.participant_id}/{self.session_id}"

    @property
    def fault(self) -> str:
        """What is wrong with the image: the reason without what `plan_gap` says follows from it.

        Examples
        --------
        >>> reason = "is dark; or black; T2w cannot be synthesised honestly"
        >>> Row("sub-01", "n/a", "T2w", "unusable", reason=reason).fault
        'is dark; or black'
        """
        fault, separator, consequence = self.reason.rpartition("; ")
        return fault if separator and consequence in _consequences(Contrast(self.contrast)) else self.reason


def cover(
    dataset: Dataset,
    measurements: dict[Path, Measurement],
    settings: UsabilitySettings,
    *,
    fillable: frozenset[Contrast],
    decisions: Decisions = NO_DECISIONS,
) -> list[Row]:
    """Judge every contrast of every session and plan what happens to it.

    Parameters
    ----------
    dataset
        A scanned dataset.
    measurements
        Of every scan in it.
    settings
        What counts as unusable.
    fillable
        Contrasts that a model is configured for.
    decisions
        What a reviewer decided, over the verdicts.
    """
    verdicts = judge_scans(dataset, measurements, settings)
    return [
        row for session in dataset.sessions for row in _cover_session(dataset, session, verdicts, fillable, decisions)
    ]


def judge_scans(
    dataset: Dataset, measurements: dict[Path, Measurement], settings: UsabilitySettings
) -> dict[Path, Verdict | None]:
    """Judge every scan by the thresholds for its contrast and, where there are enough similar scans, by its cohort."""
    scans = [scan for session in dataset.sessions for scan in session.scans]
    limits: Mapping[Path, Mapping[str, float]] = {}
    if settings.cohort_outliers:
        contrasts = {scan.path: str(scan.contrast) for scan in scans}
        own = {path: measurements[path] for path in contrasts}
        limits = outlier_limits(own, contrasts, minimum=settings.cohort_minimum)
    thresholds = {contrast: settings.for_contrast(contrast) for contrast in Contrast}
    return {
        scan.path: judge(
            measurements[scan.path],
            thresholds[scan.contrast],
            metadata=scan.metadata,
            limits=limits.get(scan.path, {}),
        )
        for scan in scans
    }


def _cover_session(
    dataset: Dataset,
    session: Session,
    verdicts: dict[Path, Verdict | None],
    fillable: frozenset[Contrast],
    decisions: Decisions,
) -> Iterator[Row]:
    judged = {contrast: _choose(session.candidates(contrast), verdicts) for contrast in Contrast}
    chosen = {
        contrast: (scan, decision.overrule(problem), choice)
        if scan and (decision := decisions.find(session.folder, contrast))
        else (scan, problem, choice)
        for contrast, (scan, problem, choice) in judged.items()
    }
    states = {
        str(contrast): "missing" if scan is None else "unusable" if problem else "ok"
        for contrast, (scan, problem, _) in chosen.items()
    }
    for contrast, (scan, problem, choice) in chosen.items():
        identity = (f"sub-{session.participant}", f"ses-{session.session}" if session.session else "n/a", str(contrast))
        found = (
            {}
            if scan is None
            else {
                "file": scan.path.relative_to(dataset.root).as_posix(),
                "choice": choice,
                "warnings": "; ".join(scan.warnings) or "n/a",
            }
        )
        if problem:
            found |= {"code": problem.code, "value": _cell(problem.value), "threshold": _cell(problem.threshold)}
        found |= _decided(decisions, session.folder, contrast)
        has_model = contrast in fillable
        if states[contrast] == "ok":
            overruled = judged[contrast][1]
            doubt = f"used because a reviewer decided so, although the image {overruled.sentence}" if overruled else ""
            fallback = str(task.source) if has_model and (task := task_filling(contrast)) else "n/a"
            yield Row(*identity, "ok", "use", reason=doubt or ACQUIRED, fallback=fallback, **found)
            continue
        why = problem.sentence if problem else explain_absence(dataset, session, contrast)
        action, source, reason = plan_gap(contrast, why, has_model, states)
        yield Row(*identity, states[contrast], action, source, reason, **found)


def _decided(decisions: Decisions, folder: str, contrast: Contrast) -> dict[str, str]:
    decision = decisions.find(folder, contrast)
    return {"reviewer": decision.answer, "reviewer_reason": decision.reason} if decision else {}


def plan_gap(contrast: Contrast, why: str, has_model: bool, states: Mapping[str, str]) -> tuple[str, str, str]:
    """Return action, source and reason for a contrast that is missing or unusable.

    Parameters
    ----------
    contrast
        The contrast that is lacking.
    why
        What is wrong with it.
    has_model
        Whether a model is configured that fills it.
    states
        State of each contrast of the session; those in `USABLE` can be synthesised from.

    Examples
    --------
    >>> plan_gap(Contrast.FLAIR, "no such image", True, {"T2w": "ok"})
    ('impute', 'T2w', 'no such image')
    >>> plan_gap(Contrast.FLAIR, "no such image", True, {"T2w": "missing"})
    ('gap', 'n/a', 'no such image; its source T2w is missing')
    """
    task = task_filling(contrast)
    if task is None:
        return "gap", "n/a", f"{why}; {_no_task(contrast)}"
    if not has_model:
        return "gap", "n/a", f"{why}; {_no_model(task)}"
    if states[task.source] not in USABLE:
        return "gap", "n/a", f"{why}; {_no_source(task, states[task.source])}"
    return "impute", str(task.source), why


def _no_task(contrast: Contrast) -> str:
    return f"{contrast} cannot be synthesised honestly"


def _no_model(task: Task) -> str:
    return f"no model is configured for {task.name}"


def _no_source(task: Task, state: str) -> str:
    return f"its source {task.source} is {state}"


def _consequences(contrast: Contrast) -> tuple[str, ...]:
    """Return all that `plan_gap` may add to what is wrong with an image of the raw dataset."""
    task = task_filling(contrast)
    if task is None:
        return (_no_task(contrast),)
    return _no_model(task), *(_no_source(task, state) for state in ("missing", "unusable"))


def _cell(number: float | None) -> str:
    return "n/a" if number is None else f"{number:.6g}"


def _choose(
    candidates: tuple[Scan, ...], verdicts: dict[Path, Verdict | None]
) -> tuple[Scan | None, Verdict | None, str]:
    """Return the best usable candidate, or the best of all with its problem, and why it was chosen."""
    if not candidates:
        return None, None, ""
    problems = [verdicts[scan.path] for scan in candidates]
    for index, (scan, problem) in enumerate(zip(candidates, problems, strict=True)):
        if not problem:
            passed = "".join(
                f"; {s.path.name} was better by name but {p.sentence}"
                for s, p in zip(candidates[:index], problems[:index], strict=True)
                if p
            )
            return scan, None, explain_choice(candidates[index:]) + passed
    return candidates[0], problems[0], explain_choice(candidates)


def write_coverage(path: Path, rows: Iterable[Row]) -> None:
    """Write the coverage table and its data dictionary."""
    write_table(path, COLUMNS, map(attrgetter(*COLUMNS), rows))


def read_coverage(path: Path) -> list[Row]:
    """Read a coverage table.

    Raises
    ------
    GliofillError
        If the file is missing or is not a coverage table.
    """
    return [Row(*cells) for cells in read_cells(path)]


def read_session(path: Path, folder: str) -> list[Row]:
    """Read one session's rows of a coverage table; none if it has no such session.

    Every job of a session does, so it must not take long where there are thousands.

    Raises
    ------
    GliofillError
        If the file is missing or is not a coverage table.
    """
    participant, _, session = folder.partition("/")
    mine = (participant, session or "n/a")
    return [Row(*cells) for cells in read_cells(path) if cells[:2] == mine]


def read_cells(path: Path, *names: str) -> Iterator[tuple[str, ...]]:
    """Yield some columns, two at least, of each row of a coverage table; all if none is named.

    Raises
    ------
    GliofillError
        If the file is missing or is not a coverage table.
    """
    return read_columns(path, COLUMNS, *names, kind="a coverage table", made_by="gliofill coverage")
