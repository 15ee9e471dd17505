"""What the user sees on the terminal: compact tables and progress bars, plain when piped."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from gliofill.contrasts import Contrast, task_filling
from gliofill.dataset import Dataset, Scan, Session

if TYPE_CHECKING:
    from gliofill.report.summary import Summary

STYLES = {
    "acquired": "green",
    "synthetic": "yellow",
    "fillable": "yellow",
    "missing": "red",
    "failed": "bold red",
    "gap": "red",
    "flagged": "magenta",
}


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[], None]]:
    """Show a progress bar on a terminal, nothing in a log; gives the function to call after each step."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)


def print_scan(dataset: Dataset, problems: Mapping[Path, str]) -> None:
    """Print a row per session: which contrasts there are, which files cannot be read, and what could be filled.

    Parameters
    ----------
    dataset
        From `gliofill.bids.scan.scan_dataset`.
    problems
        Why files cannot be read, by path.
    """
    table = Table(title=f"{dataset.root}: {len(dataset.sessions)} sessions", title_justify="left")
    for heading in ("session", *map(str, Contrast)):
        table.add_column(heading)
    for session in dataset.sessions:
        table.add_row(session.folder, *(_scan_cell(session, contrast, problems) for contrast in Contrast))
    console = _console()
    console.print(table)
    for path, problem in problems.items():
        console.print(f"unreadable: {path.relative_to(dataset.root)}: {problem}", markup=False, style="red")
    for scan in (scan for session in dataset.sessions for scan in session.scans if scan.warnings):
        console.print(f"note: {scan.path.relative_to(dataset.root)}: {'; '.join(scan.warnings)}", markup=False)
    for left_out in dataset.unrecognised:
        console.print(f"not used: {left_out.path.relative_to(dataset.root)}: {left_out.reason}", markup=False)


def _scan_cell(session: Session, contrast: Contrast, problems: Mapping[Path, str]) -> Text:
    candidates = session.candidates(contrast)
    readable = _readable(session, contrast, problems)
    if readable:
        return _cell("acquired", "yes" if len(candidates) == 1 else f"yes, 1 of {len(candidates)}")
    state = "unreadable" if candidates else "missing"
    task = task_filling(contrast)
    if task is not None and _readable(session, task.source, problems):
        return _cell("fillable", f"{state}, from {task.source}")
    return _cell("missing", state)


def _readable(session: Session, contrast: Contrast, problems: Mapping[Path, str]) -> list[Scan]:
    return [scan for scan in session.candidates(contrast) if scan.path not in problems]


def print_status(summary: "Summary") -> None:
    """Print a row per session with the state of each contrast; then warnings, failures and what to do."""
    table = Table(title="complete contrasts", title_justify="left")
    for heading in ("session", *map(str, Contrast)):
        table.add_column(heading)
    for session in summary.sessions:
        table.add_row(
            session.folder, *(_cell(session.states[contrast], session.states[contrast]) for contrast in Contrast)
        )
    console = _console()
    console.print(table)
    for warning in summary.warnings:
        console.print(f"warning: {warning}", markup=False, style="magenta")
    for failure in summary.failures:
        logs = ", ".join(log for log in (failure.log, failure.slurm_log) if log != "n/a")
        console.print(
            f"failed: {failure.folder} {failure.step}: {failure.reason} (log: {logs})", markup=False, style="red"
        )
    console.print(summary.sentence, markup=False)


def _cell(state: str, text: str) -> Text:
    return Text(text, style=STYLES.get(state, ""))


def _console() -> Console:
    console = Console()
    # a pipe has no width; cutting words there would break what reads it
    return console if console.is_terminal else Console(width=160)
