"""What became of every session: which four files to use, which of them are synthetic, and what failed."""

from dataclasses import dataclass
from pathlib import Path

from gliofill.cohort.reviewed_session import review_cohort
from gliofill.cohort.states import State
from gliofill.contrasts import Contrast
from gliofill.derivatives import paths
from gliofill.derivatives.records import note_checksums, with_dictionary
from gliofill.files.tables import MISSING, write_table
from gliofill.report.status.session import Failure, SessionSummary, read_facts

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
        synthetic = sum(state is State.SYNTHETIC for session in self.sessions for state in session.states.values())
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
        write_table(output_dir / paths.COMPLETE, COLUMNS, map(_table_row, self.sessions))
        failures = [(f.folder, f.step, f.reason, f.log, f.slurm_log) for f in (*self.failures, *self.unfinished)]
        write_table(output_dir / paths.FAILURES, FAILURE_COLUMNS, failures)
        tables = (*with_dictionary(paths.COMPLETE), *with_dictionary(paths.FAILURES))
        note_checksums(output_dir, "status", tables)


def summarise(output_dir: Path) -> Summary:
    """Read the coverage table and the records of all sessions, as far as they exist.

    Raises
    ------
    GliofillError
        If there is no coverage table, or a record is damaged.
    """
    sessions: list[SessionSummary] = []
    failures: list[Failure] = []
    unfinished: list[Failure] = []
    for reviewed in review_cohort(output_dir):
        facts = read_facts(output_dir, reviewed)
        sessions.append(facts.summary)
        failures += facts.failures
        unfinished += facts.unfinished
    return Summary(tuple(sessions), tuple(failures), tuple(unfinished))


def _record(failure: Failure) -> str:
    step, what = failure.step.split(" ")
    return paths.imputed_qc(failure.folder, Contrast(what)) if step == "impute" else paths.session_qc(failure.folder)


def _table_row(session: SessionSummary) -> tuple[str, ...]:
    """Return the cells of `COLUMNS`."""
    participant, _, visit = session.folder.partition("/")
    synthetic = [str(contrast) for contrast, state in session.states.items() if state is State.SYNTHETIC]
    return (
        participant,
        visit or MISSING,
        *(session.files.get(contrast, MISSING) for contrast in Contrast),
        ",".join(synthetic) or MISSING,
        "; ".join(f"{contrast}: {reason}" for contrast, reason in session.gaps.items()) or MISSING,
        "; ".join(f"{contrast}: {reason}" for contrast, reason in session.unusable.items()) or MISSING,
        "yes" if len(session.files) == len(Contrast) else "no",
        "; ".join(session.warnings) or MISSING,
    )
