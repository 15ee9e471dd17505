"""What became of one session: its rows, its record and the outcomes that follow from them, worked out once."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from gliofill.cohort.coverage import Row, read_coverage, read_session
from gliofill.cohort.review import Outcome, review_rows
from gliofill.contrasts import Contrast
from gliofill.derivatives import paths
from gliofill.derivatives.imputation_record import ImputationRecord, read_imputation_record
from gliofill.derivatives.session_record import SessionRecord, read_session_record
from gliofill.errors import GliofillError


@dataclass(frozen=True)
class ReviewedSession:
    """A session after its preprocessing.

    Attributes
    ----------
    folder
        ``sub-X[/ses-Y]``.
    rows
        Of the coverage table.
    record
        Of the preprocessing; None if it did not finish.
    outcomes
        What becomes of each contrast.
    """

    folder: str
    rows: Mapping[Contrast, Row]
    record: SessionRecord | None
    outcomes: Mapping[Contrast, Outcome]

    @classmethod
    def of(cls, rows: Iterable[Row], record: SessionRecord | None) -> "ReviewedSession":
        """Review a session by its rows and its record."""
        by_contrast = {Contrast(row.contrast): row for row in rows}
        folder = next(iter(by_contrast.values())).folder
        outcomes = review_rows(by_contrast.values(), record)
        return cls(folder, by_contrast, record, {outcome.contrast: outcome for outcome in outcomes})

    @property
    def to_impute(self) -> list[Contrast]:
        """Contrasts to synthesise."""
        return [contrast for contrast, outcome in self.outcomes.items() if outcome.action == "impute"]

    def read_imputations(self, output_dir: Path) -> dict[Contrast, ImputationRecord]:
        """Read the records of the contrasts to synthesise, as far as they are there.

        Raises
        ------
        GliofillError
            If one is damaged.
        """
        records = {contrast: read_imputation_record(output_dir, self.folder, contrast) for contrast in self.to_impute}
        return {contrast: record for contrast, record in records.items() if record}


def read_reviewed(output_dir: Path, folder: str) -> ReviewedSession:
    """Review one session without reading the rows and records of the others.

    Raises
    ------
    GliofillError
        If there is no coverage table, it lacks the session, or the record of the session is damaged.
    """
    rows = read_session(output_dir / paths.COVERAGE, folder)
    if not rows:
        raise GliofillError(f"{output_dir / paths.COVERAGE}: has no session {folder}")
    return ReviewedSession.of(rows, read_session_record(output_dir, folder))


def review_cohort(output_dir: Path) -> Iterator[ReviewedSession]:
    """Review every session of the coverage table, one at a time.

    Raises
    ------
    GliofillError
        If there is no coverage table, or a record is damaged.
    """
    for folder, rows in groupby(read_coverage(output_dir / paths.COVERAGE), key=lambda row: row.folder):
        yield ReviewedSession.of(rows, read_session_record(output_dir, folder))


def unusable_images(output_dir: Path) -> frozenset[tuple[str, str]]:
    """Return session and contrast of the acquired images that should not be used, as far as the cohort was covered."""
    if not (output_dir / paths.COVERAGE).is_file():
        return frozenset()
    return frozenset(
        (session.folder, outcome.contrast)
        for session in review_cohort(output_dir)
        for outcome in session.outcomes.values()
        if outcome.status == "unusable"
    )
