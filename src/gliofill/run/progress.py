"""What a person sees of a training run, a bar or a line now and then, and how it hears that it should stop."""

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from types import FrameType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

SECONDS_BETWEEN_LINES = 30.0


@contextlib.contextmanager
def show_progress(
    title: str, iterations: int, *, start: int = 0, log: Callable[[str], None] = print
) -> Iterator[Callable[[Mapping[str, float]], None]]:
    """Give a function to be called after each iteration with the losses.

    Parameters
    ----------
    title
        What is being trained.
    iterations, start
        All iterations, and those done before.
    log
        Receives a line every 30 seconds where there is no terminal.
    """
    console = Console(stderr=True)
    began, done, last_line = time.monotonic(), start, time.monotonic()

    def describe(losses: Mapping[str, float]) -> str:
        speed = (done - start) / max(time.monotonic() - began, 1e-9)
        return "  ".join([*(f"{name} {value:.3f}" for name, value in losses.items()), f"{speed:.2f} iterations/s"])

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[losses]}"),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        row = bar.add_task(title, total=iterations, completed=start, losses="")

        def advance(losses: Mapping[str, float]) -> None:
            nonlocal done, last_line
            done += 1
            bar.update(row, completed=done, losses=describe(losses))
            now = time.monotonic()
            if not console.is_terminal and (now - last_line >= SECONDS_BETWEEN_LINES or done == iterations):
                last_line = now
                minutes = (now - began) / max(done - start, 1) * (iterations - done) / 60
                log(f"{title}: {done} of {iterations}  {describe(losses)}  {minutes:.0f} min left")

        yield advance


@contextlib.contextmanager
def stop_requests() -> Iterator[list[signal.Signals]]:
    """Give a list that SIGTERM and SIGINT append to instead of ending the process."""
    received: list[signal.Signals] = []
    if threading.current_thread() is not threading.main_thread():
        yield received  # only the main thread may handle signals
        return

    def note(number: int, frame: FrameType | None) -> None:
        received.append(signal.Signals(number))

    previous = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield received
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
