"""One session: the state of each contrast, the steps that failed or were not reached, and what to know before use."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gliofill.cohort.review import NOT_FINISHED, Outcome
from gliofill.cohort.reviewed_session import ReviewedSession
from gliofill.cohort.states import State
from gliofill.contrasts import Contrast
from gliofill.derivatives import paths
from gliofill.derivatives.imputation_record import ImputationRecord
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
    """What the tables over the cohort say of one session.

    Attributes
    ----------
    states
        Of each contrast; a ``gap`` here is also an unusable image that nothing replaces.
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
    states: Mapping[Contrast, State]
    files: Mapping[Contrast, str]
    gaps: Mapping[Contrast, str]
    warnings: tuple[str, ...]
    unusable: Mapping[Contrast, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SessionFacts:
    """Everything on disk about one session, read once.

    Attributes
    ----------
    reviewed
        Its rows, its record and its outcomes.
    imputed
        Record of each synthetic image that is there.
    summary
        What they come to.
    failures, unfinished
        Steps that failed, and steps that were not reached.
    """

    reviewed: ReviewedSession
    imputed: Mapping[Contrast, ImputationRecord]
    summary: SessionSummary
    failures: tuple[Failure, ...]
    unfinished: tuple[Failure, ...]

    @property
    def folder(self) -> str:
        """``sub-X[/ses-Y]``."""
        return self.reviewed.folder

    @property
    def name(self) -> str:
        """Beginning of the session's file names, ``sub-X[_ses-Y]``."""
        return self.folder.replace("/", "_")

    def shown_state(self, contrast: Contrast) -> State:
        """Return the state for pages: an unusable image that nothing replaces is not the same as a missing one."""
        state = self.summary.states[contrast]
        is_unusable = state is State.GAP and self.reviewed.rows[contrast].status == "unusable"
        return State.UNUSABLE if is_unusable else state


def read_facts(output_dir: Path, reviewed: ReviewedSession) -> SessionFacts:
    """Read what a session has left beside its record.

    Raises
    ------
    GliofillError
        If a record is damaged.
    """
    folder, record = reviewed.folder, reviewed.record
    if record is None and not has_begun(output_dir, step_logs(output_dir, "preprocess", folder, None)):
        return _not_reached(reviewed)
    imputations = reviewed.read_imputations(output_dir)
    fates = {
        contrast: _fate(output_dir, reviewed, contrast, imputations.get(contrast)) for contrast in reviewed.outcomes
    }
    broken = [fate.failure for fate in fates.values() if fate.failure]
    if record and record.lesion and record.lesion.status == "failed":
        logs = step_logs(output_dir, "preprocess", folder, None)
        broken.append(Failure(folder, "preprocess lesion", record.lesion.reason, *logs))
    summary = SessionSummary(
        folder,
        {contrast: fate.state for contrast, fate in fates.items()},
        {contrast: fate.file for contrast, fate in fates.items() if fate.file},
        {contrast: fate.gap for contrast, fate in fates.items() if not fate.file},
        (*((record and record.problems) or ()), *(warning for fate in fates.values() for warning in fate.warnings)),
        {contrast: outcome.reason for contrast, outcome in reviewed.outcomes.items() if outcome.status == "unusable"},
    )
    imputed = {contrast: made for contrast, made in imputations.items() if fates[contrast].state is State.SYNTHETIC}
    failures = tuple(failure for failure in broken if failure.reason != NOT_REACHED)
    unfinished = tuple(failure for failure in broken if failure.reason == NOT_REACHED)
    return SessionFacts(reviewed, imputed, summary, failures, unfinished)


def _not_reached(reviewed: ReviewedSession) -> SessionFacts:
    """Return what is to be said of a session that the run has not come to."""
    rows, steps = reviewed.rows, {"use": "preprocess", "impute": "impute"}
    summary = SessionSummary(
        reviewed.folder,
        {contrast: State.GAP if row.action == "gap" else State.UNFINISHED for contrast, row in rows.items()},
        {},
        {contrast: row.reason if row.action == "gap" else NOT_REACHED for contrast, row in rows.items()},
        (),
        {contrast: row.reason for contrast, row in rows.items() if row.status == "unusable"},
    )
    missing = (
        Failure(reviewed.folder, f"{steps[row.action]} {contrast}", NOT_REACHED, "n/a")
        for contrast, row in rows.items()
        if row.action in steps
    )
    return SessionFacts(reviewed, {}, summary, (), tuple(missing))


@dataclass(frozen=True)
class _Fate:
    """What became of one contrast: its file, or why there is none."""

    state: State
    file: str = ""
    gap: str = ""
    warnings: tuple[str, ...] = ()
    failure: Failure | None = None


def _fate(output_dir: Path, reviewed: ReviewedSession, contrast: Contrast, made: ImputationRecord | None) -> _Fate:
    outcome, step, file = reviewed.outcomes[contrast], "preprocess", paths.preprocessed(reviewed.folder, contrast)
    status, reason, warnings = outcome.status, outcome.reason, []
    if outcome.action == "impute":
        step, file = "impute", paths.imputed(reviewed.folder, contrast)
        status, reason = (made.status, made.reason) if made else ("failed", NOT_FINISHED)
        if outcome.status == "unusable":
            warnings.append(
                f"{contrast}: the acquired image is unusable, it {outcome.reason}; a synthetic one is used instead"
            )
    if status == "failed":
        failure = _step_failure(output_dir, step, reviewed.folder, contrast, reason)
        state = State.UNFINISHED if failure.reason == NOT_REACHED else State.FAILED
        return _Fate(state, gap=failure.reason, warnings=tuple(warnings), failure=failure)
    if outcome.action == "gap" or status == "gap":
        return _Fate(State.GAP, gap=reason, warnings=tuple(warnings))
    state = State.SYNTHETIC if made else State.FLAGGED if status == "flagged" else State.ACQUIRED
    return _Fate(state, file, warnings=(*warnings, *_warnings(outcome, made)))


def _warnings(outcome: Outcome, made: ImputationRecord | None) -> list[str]:
    """Return what to know before a file is used."""
    if made is None:
        return [f"{outcome.contrast}: {outcome.reason}"] if outcome.status == "flagged" else []
    warnings = [f"synthetic {outcome.contrast}: {problem}" for problem in made.domain_problems]
    if made.source_state == "flagged":
        warnings.insert(0, f"synthetic {outcome.contrast}: its source {outcome.source} is flagged")
    return warnings


def _step_failure(output_dir: Path, step: str, folder: str, contrast: Contrast, reason: str) -> Failure:
    """Return the failure of a step; the last line of its log tells of one that left no record."""
    logs = step_logs(output_dir, step, folder, contrast)
    if reason == NOT_FINISHED:
        if not has_begun(output_dir, logs):
            return Failure(folder, f"{step} {contrast}", NOT_REACHED, "n/a")
        words = last_words(output_dir / logs[0])
        reason = f"the step did not finish: {words}" if words else reason
    return Failure(folder, f"{step} {contrast}", reason, *logs)
