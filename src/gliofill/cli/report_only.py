"""Pages and tables of what is already there, without a run."""

import sys
from pathlib import Path

from gliofill.cli.arguments import limit_threads
from gliofill.cli.terminal import print_status, progress
from gliofill.cohort.coverage import read_coverage
from gliofill.config.settings import Settings
from gliofill.derivatives.paths import COVERAGE
from gliofill.errors import GliofillError
from gliofill.report.pages.upkeep import write_pages
from gliofill.report.status.summary import summarise


def report_only(settings: Settings, *, workers: int, dry_run: bool = False) -> int:
    """Write the pages of the chosen sessions and everything over the cohort from what an earlier run left.

    A page that cannot be written does not stop the others.

    Returns
    -------
    int
        1 if a step failed or was not reached, or a page could not be written; 0 if all is there.

    Raises
    ------
    GliofillError
        If there is nothing to report on.
    """
    folders = chosen_sessions(settings)
    if dry_run:
        print(f"would write the pages of {len(folders)} sessions, index.html and the tables in {settings.output_dir}")
        return 0
    limit_threads(1)
    with progress("pages", len(folders)) as advance:
        problems = write_pages(
            settings.output_dir, folders, bids_dir=settings.bids_dir, workers=workers, advance=advance
        )
    outcome = report_cohort(settings.output_dir)
    for folder, problem in problems.items():
        print(f"gliofill: {folder}: its page could not be written: {problem}", file=sys.stderr)
    return 1 if problems else outcome


def report_cohort(output_dir: Path) -> int:
    """Write and print the tables and the page over the cohort; 1 if a step failed or was not reached."""
    from gliofill.report.pages.cohort import write_cohort_page

    summary = summarise(output_dir)
    summary.write(output_dir)
    write_cohort_page(output_dir)
    print_status(summary)
    return 0 if summary.is_done else 1


def chosen_sessions(settings: Settings) -> list[str]:
    """Return the sessions of the coverage table that the settings choose.

    Raises
    ------
    GliofillError
        If there is no table, or none of its sessions is chosen.
    """
    folders = dict.fromkeys(row.folder for row in read_coverage(settings.output_dir / COVERAGE))
    chosen = [folder for folder in folders if _is_chosen(folder, settings)]
    if not chosen:
        raise GliofillError(f"{settings.output_dir / COVERAGE}: has none of the participants and sessions asked for")
    return chosen


def _is_chosen(folder: str, settings: Settings) -> bool:
    participant, _, visit = folder.partition("/")
    label = participant.removeprefix("sub-")
    if label in settings.exclude_participants or (settings.participants and label not in settings.participants):
        return False
    return not settings.sessions or visit.removeprefix("ses-") in settings.sessions
