"""Processes that end as they should: cleaned up after SIGTERM, and with those that started them."""

import _thread
import ctypes
import os
import platform
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import TypeVar

import psutil

#: environment variable in which a run on this machine tells its steps who started them
RUN = "GLIOFILL_RUN"
#: exit code, as shells count it, of a process that SIGTERM ended
STOPPED = 128 + signal.SIGTERM
#: message when a process of a pool was killed
KILLED = (
    "a process was killed, most likely for lack of memory; nothing was recorded: run the same command again, with "
    "fewer jobs at a time or more memory"
)
#: a step that does not end by itself after this long is ended
PATIENCE_SECONDS = 20.0
#: clocks are set while processes run, and their time of start is counted from that of the machine
TOLERANCE_SECONDS = 5.0
#: in the command of a process that removes semaphores and folders of others, as multiprocessing and joblib start it
CLEANER = "resource_tracker"
#: of Linux: the signal that a process gets when its parent ends
PR_SET_PDEATHSIG = 1

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class ProcessIdentity:
    """A process that can be distinguished from a later one with the same number.

    Attributes
    ----------
    host
        Name of its machine.
    pid
        Its number.
    started
        Seconds since the epoch.
    """

    host: str
    pid: int
    started: float

    @classmethod
    def own(cls) -> "ProcessIdentity":
        """Return that of this process."""
        return cls(platform.node(), os.getpid(), round(psutil.Process().create_time(), 2))

    @classmethod
    def parse(cls, text: str) -> "ProcessIdentity | None":
        """Read what `str` wrote; None if it did not."""
        try:
            host, pid, started = text.rsplit(":", 2)
            return cls(host, int(pid), float(started))
        except ValueError:
            return None

    def __str__(self) -> str:
        return f"{self.host}:{self.pid}:{self.started}"

    @property
    def is_here(self) -> bool:
        """Whether it runs, or ran, on this machine."""
        return self.host == platform.node()

    @property
    def is_alive(self) -> bool:
        """Whether it still runs; to be asked only on its own machine."""
        try:
            process = psutil.Process(self.pid)
            is_same = abs(process.create_time() - self.started) <= TOLERANCE_SECONDS
            return is_same and bool(process.status() != psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            return False
        except psutil.AccessDenied:  # another user's: it is there
            return True


@contextmanager
def cleaning_up() -> Iterator[None]:
    """Let SIGTERM end this process as an exception does: what it began is removed, and what it started ends with it.

    In a step of a run, the same happens when the run is gone, or the shell between them: the engine then takes the step
    for over, and what it wrote after that would be taken for whole.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _stop)
    run = ProcessIdentity.parse(os.environ.get(RUN, ""))
    if run is not None and run.is_here and run.pid != os.getpid():
        _signal_at_end_of_parent(signal.SIGTERM)
        threading.Thread(target=_watch, args=(run, os.getppid()), daemon=True).start()
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _stop(_signal: int, _frame: FrameType | None) -> None:
    end_children()
    raise SystemExit(STOPPED)


def answer_aside(sign: signal.Signals) -> None:
    """Let what answers a signal do so beside the main thread, whose locks it may need.

    Snakemake's answer to SIGTERM takes a lock that the main thread holds while it notes the end of a job: there, it
    would wait for itself.
    """
    answer = signal.getsignal(sign)
    if callable(answer):
        # not threading, whose own locks may be held, too
        signal.signal(sign, lambda *words: _thread.start_new_thread(answer, words))


def end_children() -> None:
    """End all processes that this one started, and those that they did; what cleans up after them ends by itself."""
    for child in psutil.Process().children(recursive=True):
        try:
            if not any(CLEANER in word for word in child.cmdline()):
                child.kill()
        except psutil.NoSuchProcess:
            continue


def _watch(run: ProcessIdentity, parent: int) -> None:
    while run.is_alive and os.getppid() == parent:
        time.sleep(1)
    print("gliofill: the run that started this step has ended; the step ends, too", file=sys.stderr, flush=True)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(PATIENCE_SECONDS)
    end_children()
    os._exit(STOPPED)


def end_with_parent(parent: int) -> None:
    """Let this worker process be killed with its parent, given by number; one that waits would never notice its end."""
    _signal_at_end_of_parent(signal.SIGKILL)
    if os.getppid() != parent:  # it ended before it could be watched
        os._exit(STOPPED)


def _signal_at_end_of_parent(sign: signal.Signals) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, sign, 0, 0, 0)


def side_by_side(function: Callable[[Item], Result], items: Sequence[Item], processes: int) -> Iterator[Result]:
    """Call a function for each item, in processes that end with this one.

    Parameters
    ----------
    function, items
        As for `map`; both are pickled.
    processes
        Items worked on at a time; 1 to work in this process.

    Yields
    ------
    object
        What the function returned, in the order of the items.

    Raises
    ------
    BrokenExecutor
        If one of the processes was killed; the others have ended then.

    Notes
    -----
    The executor of the standard library starts its processes one by one while it watches them: if one is killed
    meanwhile, it waits for ever. Copies of this process are no way out, since those of one with threads can hang.
    """
    from joblib import Parallel, delayed

    starting = {"initializer": _begin_worker, "initargs": (os.getpid(),)}
    # without a limit, large arguments would be put on a disk
    run = Parallel(min(processes, len(items)) or 1, backend="loky", return_as="generator", max_nbytes=None, **starting)
    yield from run(delayed(function)(item) for item in items)


def _begin_worker(parent: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all; the parent ends its workers
    end_with_parent(parent)


def steps_of(run: ProcessIdentity) -> list[psutil.Process]:
    """Return the living steps of a run on this machine, as far as this user may see them."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(RUN) == str(run):
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found
