"""A session of the coverage table and its record, as the review finds them."""

from pathlib import Path

from gliofill.bids.dataset import Dataset, Scan, Session
from gliofill.cohort.coverage import Row, cover, write_coverage
from gliofill.cohort.decisions import Decision, Decisions
from gliofill.cohort.review import Outcome, write_review
from gliofill.cohort.reviewed_session import review_cohort
from gliofill.config.settings import UsabilitySettings
from gliofill.contrasts import TASKS, Contrast
from gliofill.derivatives import paths
from gliofill.derivatives.session_record import SessionRecord
from gliofill.quality.acquired.usability import Measurement

GOOD = Measurement(shape=(192, 224, 192), spacing_mm=(1.0, 1.0, 1.0), units="mm")
ALL = frozenset(task.target for task in TASKS)


def coverage(
    measurements: dict[Contrast, Measurement],
    *decisions: tuple[Contrast, bool],
    fillable: frozenset[Contrast] = ALL,
) -> list[Row]:
    """Return the rows of a session whose images measure so, and on which a reviewer decided so."""
    root = Path("/data")
    scans = tuple(Scan(root / f"sub-01/anat/{contrast}.nii.gz", contrast, {"sub": "01"}) for contrast in measurements)
    said = {("sub-01", c): Decision("sub-01", c, use, "I looked", 2) for c, use in decisions}
    dataset = Dataset(root, (Session("01", "", scans),))
    by_path = {scan.path: measurements[scan.contrast] for scan in scans}
    return cover(dataset, by_path, UsabilitySettings(), fillable=fillable, decisions=Decisions(said))


def cohort(folder: Path, rows: list[Row], record: SessionRecord) -> list[Outcome]:
    """Write the tables and the record of an output folder with one session, and return its review."""
    write_coverage(folder / paths.COVERAGE, rows)
    record.write(folder)
    found = [outcome for session in review_cohort(folder) for outcome in session.outcomes.values()]
    write_review(folder / paths.REVIEW, found)
    return found
