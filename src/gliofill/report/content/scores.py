"""Numbers that tell how well steps went, session by session: what the cohort page plots, and a table of the same."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from gliofill.derivatives import paths
from gliofill.derivatives.session_record import Registration
from gliofill.files.tables import write_table
from gliofill.report.content.facts import read_table
from gliofill.report.status.session import SessionFacts

#: columns of the quality table that may hold a number and are no score
_NO_SCORES = ("participant_id", "session_id", "contrast", "file", "value", "threshold")

COLUMNS = {
    "participant_id": "Participant, with sub-.",
    "session_id": "Session, with ses-; n/a if the dataset has no sessions.",
    "contrast": "Contrast that the number is about; all for the whole session.",
    "score": (
        "Name of the number. registration: of the best attempt, the contrast against the reference of its session, "
        "or the reference against the template (template alignment) or the participant's first session (first session "
        "alignment). brain volume in mL. raw: a column of "
        f"{paths.QUALITY}. source: how far the source of a synthetic contrast lies from the training data."
    ),
    "value": "The number.",
}


@dataclass(frozen=True)
class Score:
    """One number about one contrast of one session; see `COLUMNS`."""

    participant_id: str
    session_id: str
    contrast: str
    score: str
    value: float

    @property
    def folder(self) -> str:
        """Path of the session below a BIDS root."""
        return self.participant_id if self.session_id == "n/a" else f"{self.participant_id}/{self.session_id}"


def session_scores(facts: SessionFacts) -> Iterator[Score]:
    """Yield the numbers in the records of one session."""
    participant, _, session = facts.folder.partition("/")
    for contrast, name, value in _named_scores(facts):
        yield Score(participant, session or "n/a", contrast, name, float(value))


def _named_scores(facts: SessionFacts) -> Iterator[tuple[str, str, float]]:
    """Yield contrast, name and value of each number."""
    if record := facts.reviewed.record:
        for contrast, entry in record.contrasts.items():
            for name, value in _best_scores(entry.registration):
                yield contrast, f"registration: {name}", value
        place = "first session" if record.is_aligned_to_first else "template"
        for name, value in _best_scores(record.template_alignment):
            yield record.reference or "all", f"{place} alignment: {name}", value
        if mask := record.brain_mask:
            if mask.volume_ml is not None:
                yield "all", "brain volume (mL)", mask.volume_ml
            for contrast, value in mask.agreement.items():
                yield contrast, "brain mask: overlap with the others", value
    for contrast, made in facts.imputed.items():
        for name, score in (made.domain.scores if made.domain else {}).items():
            yield contrast, f"source: {name.replace('_', ' ')}", score.value


def quality_scores(output_dir: Path, chosen: Collection[str]) -> Iterator[Score]:
    """Yield the scores of the raw images that were chosen, given by their paths, if they were measured."""
    for row in read_table(output_dir / paths.QUALITY):
        if row["file"] not in chosen:
            continue
        for name, text in row.items():
            try:
                value = float(text)
            except (TypeError, ValueError):
                continue
            if name not in _NO_SCORES and value == value:
                yield Score(row["participant_id"], row.get("session_id", "n/a"), row["contrast"], f"raw: {name}", value)


def write_scores(output_dir: Path, scores: list[Score]) -> None:
    """Write the table of scores and its data dictionary."""
    rows = ((s.participant_id, s.session_id, s.contrast, s.score, f"{s.value:.6g}") for s in scores)
    write_table(output_dir / paths.SCORES, COLUMNS, rows)


def _best_scores(registration: Registration | None) -> Iterator[tuple[str, float]]:
    if registration:
        yield from ((name.replace("_", " "), value) for name, value in registration.best_attempt.after.items())
