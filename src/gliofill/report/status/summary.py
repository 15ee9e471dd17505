"""What became of every session: which four files to use, which of them are synthetic, and what failed."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import pandas as pd

from gliofill.cohort.coverage import Row, read_coverage, read_session
from gliofill.cohort.review import NOT_FINISHED, Outcome, read_manifest, review_session
from gliofill.contrasts import Contrast
from gliofill.derivatives import paths
from gliofill.derivatives.records import note_checksums, with_dictionary
from gliofill.errors import GliofillError
from gliofill.files.atomic import read_json, whole_file, write_json
from gliofill.report.status.logs import has_begun, step_logs
from gliofill.report.status.session import NOT_REACHED, Failure, SessionSummary, not_reached, step_failure

COLUMNS = {
    "participant_id": "Participant, with sub-.",
    "session_id": "Session, with ses-; n/a if the dataset has no sessions.",
    **{
        str(contrast): f"File to use for {contrast}, relative to this table; n/a if there is none."
        for contrast in Contrast
    },
    "synthetic": "Contrasts whose file is synthetic, separated by commas; n/a if none is.",
    "gaps": "Contrasts that stay missing, each with the reason; n/a if none does.",
    "unusable": "Acquired images that exist and should not be used, each with the reason; n/a if none.",
    "complete": "Whether all four files are there.",
    "warnings": "What to look at before use; n/a if nothing.",
}

FAILURE_COLUMNS = {
    "session": "sub-X, or sub-X/ses-Y.",
    "step": "The step, and the contrast that it was about.",
    "reason": "What went wrong.",
    "log": "Log of the step, relative to this table.",
    "slurm_log": "What SLURM reported about the job; n/a if it ran elsewhere.",
}


@dataclass(frozen=True)
class Summary:
    """All sessions, what failed, and what a run that ended early has not reached."""

    sessions: tuple[SessionSummary, ...]
    failures: tuple[Failure, ...]
    unfinished: tuple[Failure, ...] = ()

    @property
    def is_done(self) -> bool:
        """Whether everything that was planned was done."""
        return not (self.failures or self.unfinished)

    @property
    def warnings(self) -> list[str]:
        """Warnings of all sessions."""
        return [f"{session.folder}: {warning}" for session in self.sessions for warning in session.warnings]

    @property
    def sentence(self) -> str:
        """The end of the story, with what to do next."""
        complete = sum(len(session.files) == len(Contrast) for session in self.sessions)
        synthetic = sum(state == "synthetic" for session in self.sessions for state in session.states.values())
        text = f"{complete} of {len(self.sessions)} sessions have all four contrasts; {synthetic} images are synthetic."
        if self.unfinished:
            sessions = len({failure.folder for failure in self.unfinished})
            count = f"{len(self.unfinished)} steps of {sessions} sessions"
            text += f"\n{count} were not reached; another run continues there."
        if not self.failures:
            return text
        redo = " ".join(sorted({_record(failure) for failure in self.failures}))
        return (
            f"{text}\n{len(self.failures)} steps failed. Fix the input, then run "
            f"only these again by adding (with the command gliofill: after --): --forcerun {redo}"
        )

    def write(self, output_dir: Path) -> None:
        """Write the table of complete contrasts with its data dictionary, and the table of failures."""
        rows = [_table_row(session) for session in self.sessions]
        with whole_file(output_dir / paths.COMPLETE) as temporary:
            pd.DataFrame(rows, columns=list(COLUMNS)).to_csv(temporary, sep="\t", index=False)
        dictionary = {name: {"Description": text} for name, text in COLUMNS.items()}
        write_json((output_dir / paths.COMPLETE).with_suffix(".json"), dictionary)
        failures = [(f.folder, f.step, f.reason, f.log, f.slurm_log) for f in (*self.failures, *self.unfinished)]
        with whole_file(output_dir / paths.FAILURES) as temporary:
            pd.DataFrame(failures, columns=list(FAILURE_COLUMNS)).to_csv(temporary, sep="\t", index=False)
        dictionary = {name: {"Description": text} for name, text in FAILURE_COLUMNS.items()}
        write_json((output_dir / paths.FAILURES).with_suffix(".json"), dictionary)
        tables = (*with_dictionary(paths.COMPLETE), *with_dictionary(paths.FAILURES))
        note_checksums(output_dir, "status", tables)


def summarise(output_dir: Path) -> Summary:
    """Read the coverage table and the records of all sessions, as far as they exist.

    Raises
    ------
    GliofillError
        If there is no coverage table.
    """
    rows = read_coverage(output_dir / paths.COVERAGE)
    sessions: list[SessionSummary] = []
    failures: list[Failure] = []
    unfinished: list[Failure] = []
    for folder, group in groupby(rows, key=lambda row: row.folder):
        session, failed = _summarise_session(output_dir, folder, list(group))
        sessions.append(session)
        for failure in failed:
            (unfinished if failure.reason == NOT_REACHED else failures).append(failure)
    return Summary(tuple(sessions), tuple(failures), tuple(unfinished))


def summarise_session(output_dir: Path, folder: str) -> tuple[SessionSummary, tuple[Failure, ...]]:
    """Summarise one session without reading the records of the others.

    Raises
    ------
    GliofillError
        If there is no coverage table, or it lacks the session.
    """
    rows = read_session(output_dir / paths.COVERAGE, folder)
    if not rows:
        raise GliofillError(f"{output_dir / paths.COVERAGE}: has no session {folder}")
    session, failed = _summarise_session(output_dir, folder, rows)
    return session, tuple(failure for failure in failed if failure.reason != NOT_REACHED)


def _summarise_session(output_dir: Path, folder: str, rows: list[Row]) -> tuple[SessionSummary, list[Failure]]:
    manifest = read_manifest(output_dir, folder)
    if not manifest and not has_begun(output_dir, step_logs(output_dir, "preprocess", folder, None)):
        return not_reached(folder, rows)
    states: dict[Contrast, str] = {}
    files: dict[Contrast, str] = {}
    gaps: dict[Contrast, str] = {}
    unusable: dict[Contrast, str] = {}
    warnings: list[str] = list(manifest.get("Problems", ()))
    failures: list[Failure] = []
    for outcome in review_session(rows, manifest):
        contrast = Contrast(outcome.contrast)
        step, record, name = _result(output_dir, outcome)
        if outcome.status == "unusable":
            unusable[contrast] = outcome.reason
        if outcome.status == "unusable" and outcome.action == "impute":
            warnings.append(
                f"{contrast}: the acquired image is unusable, it {outcome.reason}; a synthetic one is used instead"
            )
        if record["status"] == "failed":
            failure = step_failure(output_dir, step, folder, contrast, record["reason"])
            states[contrast] = "unfinished" if failure.reason == NOT_REACHED else "failed"
            gaps[contrast] = failure.reason
            failures.append(failure)
        elif outcome.action == "gap" or record["status"] == "gap":
            states[contrast], gaps[contrast] = "gap", record["reason"]
        else:
            states[contrast] = {"use": "acquired", "impute": "synthetic"}[outcome.action]
            files[contrast] = name
            if outcome.status == "flagged":
                states[contrast] = "flagged"
                warnings.append(f"{contrast}: {outcome.reason}")
            if record.get("source_state") == "flagged":
                warnings.append(f"synthetic {contrast}: its source {outcome.source} is flagged")
            warnings += [f"synthetic {contrast}: {problem}" for problem in record.get("Domain", {}).get("problems", ())]
    lesion = manifest.get("Lesion", {})
    if lesion.get("status") == "failed":
        logs = step_logs(output_dir, "preprocess", folder, None)
        failures.append(Failure(folder, "preprocess lesion", lesion["reason"], *logs))
    return SessionSummary(folder, states, files, gaps, tuple(warnings), unusable), failures


def _result(output_dir: Path, outcome: Outcome) -> tuple[str, Mapping[str, Any], str]:
    """Return the step that makes a contrast, what it recorded, and the file that it makes."""
    contrast = Contrast(outcome.contrast)
    own = {"status": outcome.status, "reason": outcome.reason}
    if outcome.action != "impute":
        return "preprocess", own, paths.preprocessed(outcome.folder, contrast)
    record = _read_if_there(output_dir / paths.imputed_qc(outcome.folder, contrast))
    return "impute", record or NOT_FINISHED, paths.imputed(outcome.folder, contrast)


def _read_if_there(path: Path) -> dict[str, Any]:
    return read_json(path) if path.is_file() else {}


def _record(failure: Failure) -> str:
    step, what = failure.step.split(" ")
    return paths.imputed_qc(failure.folder, Contrast(what)) if step == "impute" else paths.session_qc(failure.folder)


def _table_row(session: SessionSummary) -> dict[str, Any]:
    participant, _, visit = session.folder.partition("/")
    synthetic = [str(contrast) for contrast, state in session.states.items() if state == "synthetic"]
    return {
        "participant_id": participant,
        "session_id": visit or "n/a",
        **{str(contrast): session.files.get(contrast, "n/a") for contrast in Contrast},
        "synthetic": ",".join(synthetic) or "n/a",
        "gaps": "; ".join(f"{contrast}: {reason}" for contrast, reason in session.gaps.items()) or "n/a",
        "unusable": "; ".join(f"{contrast}: {reason}" for contrast, reason in session.unusable.items()) or "n/a",
        "complete": "yes" if len(session.files) == len(Contrast) else "no",
        "warnings": "; ".join(session.warnings) or "n/a",
    }
