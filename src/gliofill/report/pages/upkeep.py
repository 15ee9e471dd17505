"""Keeping the pages of sessions true: the last step of a session writes its page, the page over the cohort the rest."""

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import BrokenExecutor
from functools import partial
from itertools import groupby
from pathlib import Path

from gliofill.cohort.coverage import Row, read_coverage
from gliofill.cohort.reviewed_session import read_reviewed
from gliofill.contrasts import Contrast
from gliofill.derivatives import paths
from gliofill.report.pages.freshness import page_state, written_state
from gliofill.report.status.summary import summarise
from gliofill.run.processes import KILLED, side_by_side

#: below this many pages, starting processes takes longer than writing the pages one by one
WORTH_PROCESSES = 4


def write_last_page(output_dir: Path, folder: str, *, bids_dir: Path | None = None) -> str:
    """Write the page of a session if all that is planned for it is there.

    A page that cannot be written does not make the step fail which made the images: what is missing or old is written
    with the page over the cohort, and reported there if it cannot be.

    Parameters
    ----------
    output_dir
        Derivatives.
    folder
        ``sub-X[/ses-Y]``.
    bids_dir
        Raw dataset; by default the one that the derivatives link to.

    Returns
    -------
    str
        What was done, for the log of the step.
    """
    waiting = _missing_records(output_dir, folder)
    if waiting:
        return f"its page waits for {', '.join(waiting)}"
    if problem := _problem_of_writing(output_dir, bids_dir, folder):
        return f"its page could not be written, and is tried again with index.html: {problem}"
    return f"wrote {paths.session_page(folder)}"


def _missing_records(output_dir: Path, folder: str) -> list[Contrast]:
    planned = read_reviewed(output_dir, folder).to_impute
    return [contrast for contrast in planned if not (output_dir / paths.imputed_qc(folder, contrast)).is_file()]


def outdated_pages(output_dir: Path) -> list[str]:
    """Return the sessions whose page is missing, or tells of another state than that of now.

    Raises
    ------
    GliofillError
        If there is no coverage table.
    """
    failures: dict[str, list[str]] = {}
    for failure in summarise(output_dir).failures:
        failures.setdefault(failure.folder, []).append(failure.reason)
    sessions = groupby(read_coverage(output_dir / paths.COVERAGE), key=lambda row: row.folder)
    return [
        folder for folder, rows in sessions if not _is_true(output_dir, folder, list(rows), failures.get(folder, ()))
    ]


def _is_true(output_dir: Path, folder: str, rows: Sequence[Row], failures: Collection[str]) -> bool:
    files = (paths.montage(folder), paths.viewer_volumes(folder))
    if not all((output_dir / file).is_file() for file in files):
        return False
    return written_state(output_dir, folder) == page_state(output_dir, folder, rows, failures)


def write_pages(
    output_dir: Path,
    folders: Sequence[str],
    *,
    bids_dir: Path | None = None,
    workers: int = 1,
    advance: Callable[[], None] = lambda: None,
) -> dict[str, str]:
    """Write the pages of sessions, side by side if there are many; one that cannot be written does not stop the others.

    Returns
    -------
    dict
        What went wrong, by session.
    """
    write = partial(_problem_of_writing, output_dir, bids_dir)
    found: list[str] = []
    try:
        for problem in side_by_side(write, folders, workers if len(folders) >= WORTH_PROCESSES else 1):
            found.append(problem)
            advance()
    except BrokenExecutor:
        found += [KILLED] * (len(folders) - len(found))
    return {folder: problem for folder, problem in zip(folders, found, strict=True) if problem}


def _problem_of_writing(output_dir: Path, bids_dir: Path | None, folder: str) -> str:
    from gliofill.report.pages.session import write_session_page

    try:
        write_session_page(output_dir, folder, bids_dir=bids_dir)
    except Exception as error:  # a damaged picture or a full disk concerns only this page
        return _in_a_line(error)
    return ""


def _in_a_line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
