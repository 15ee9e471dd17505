"""What the user sees on the terminal: compact tables and progress bars, plain when piped."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from gliofill.bids.dataset import Dataset, Scan, Session
from gliofill.cohort.states import LOOKS, State
from gliofill.contrasts import Contrast, task_filling
from gliofill.derivatives.paths import COMPLETE

if TYPE_CHECKING:
    from gliofill.report.status.progress import RunProgress
    from gliofill.report.status.session import Failure
    from gliofill.report.status.summary import Summary

#: sessions, warnings or failures that a terminal shows one by one
MOST_ROWS = 40


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
        console.print(f"not used: {left_out.describe(dataset.root)}", markup=False)


def _scan_cell(session: Session, contrast: Contrast, problems: Mapping[Path, str]) -> Text:
    candidates = session.candidates(contrast)
    readable = _readable(session, contrast, problems)
    if readable:
        return _cell(State.ACQUIRED, "yes" if len(candidates) == 1 else f"yes, 1 of {len(candidates)}")
    state = "unreadable" if candidates else "missing"
    task = task_filling(contrast)
    if task is not None and _readable(session, task.source, problems):
        return _cell(State.SYNTHETIC, f"{state}, from {task.source}")
    return _cell(State.GAP, state)


def _readable(session: Session, contrast: Contrast, problems: Mapping[Path, str]) -> list[Scan]:
    return [scan for scan in session.candidates(contrast) if scan.path not in problems]


def print_progress(progress: "RunProgress") -> None:
    """Print where a run stands: a row per stage, then what failed so far."""
    console = _console()
    if not progress.stages:
        console.print("The run measures the images; nothing is planned yet.")
        return
    table = Table(title="the run is in progress", title_justify="left")
    for heading in ("stage", "done", "planned", "under way", "failed"):
        table.add_column(heading, justify="left" if heading == "stage" else "right")
    for stage in progress.stages:
        complete = "green" if stage.done == stage.planned else ""
        failed = Text(str(len(stage.failures)), style="bold red" if stage.failures else "")
        done = Text(str(stage.done), style=complete)
        table.add_row(stage.name, done, str(stage.planned), str(len(stage.under_way)), failed)
    console.print(table)
    for stage in progress.stages:
        if stage.under_way:
            names = ", ".join(stage.under_way[:8]) + (" …" if len(stage.under_way) > 8 else "")
            console.print(f"{stage.name}: {names}", markup=False)
    _print_failures(console, progress.failures)
    if progress.quiet_seconds is not None:
        console.print(f"last sign of a job: {_spoken_time(progress.quiet_seconds)} ago", markup=False)


def print_status(summary: "Summary") -> None:
    """Print a row per session with the state of each contrast; then warnings, failures and what to do.

    A large cohort gets the numbers only: its sessions stand on the cohort page and in the tables.
    """
    console = _console()
    console.print(_session_table(summary) if len(summary.sessions) <= MOST_ROWS else _count_table(summary))
    warnings = summary.warnings
    for warning in warnings[:MOST_ROWS]:
        console.print(f"warning: {warning}", markup=False, style="magenta")
    if len(warnings) > MOST_ROWS:
        console.print(f"warning: {len(warnings) - MOST_ROWS} more, see {COMPLETE}", markup=False, style="magenta")
    _print_failures(console, summary.failures)
    console.print(summary.sentence, markup=False)


def _session_table(summary: "Summary") -> Table:
    table = Table(title="complete contrasts", title_justify="left")
    for heading in ("session", *map(str, Contrast)):
        table.add_column(heading)
    for session in summary.sessions:
        table.add_row(session.folder, *(_cell(session.states[contrast]) for contrast in Contrast))
    return table


def _count_table(summary: "Summary") -> Table:
    counts = {contrast: Counter(session.states[contrast] for session in summary.sessions) for contrast in Contrast}
    states = dict.fromkeys(state for count in counts.values() for state in count)
    table = Table(title=f"contrasts of {len(summary.sessions)} sessions", title_justify="left")
    table.add_column("contrast")
    for state in states:
        table.add_column(_cell(state), justify="right")
    for contrast, count in counts.items():
        table.add_row(str(contrast), *(str(count[state]) for state in states))
    return table


def _print_failures(console: Console, failures: "Sequence[Failure]") -> None:
    # all of them, however many: this is the one command that finds them
    for failure in failures:
        logs = ", ".join(log for log in (failure.log, failure.slurm_log) if log != "n/a")
        console.print(
            f"failed: {failure.folder} {failure.step}: {failure.reason} (log: {logs})", markup=False, style="red"
        )


def _spoken_time(seconds: float) -> str:
    """Return a time for people, as in "3 min"."""
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def _cell(state: State, text: str = "") -> Text:
    return Text(text or state, style=LOOKS[state].terminal)


def _console() -> Console:
    console = Console()
    # a pipe has no width; cutting words there would break what reads it
    return console if console.is_terminal else Console(width=160)
