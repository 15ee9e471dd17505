"""Work side by side: in order, and over at once when a worker or the process that waits for it ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import BrokenExecutor
from pathlib import Path

import psutil
import pytest

from gliofill.run.processes import side_by_side

# workers import what they call, and cannot import tests: the functions are those of Python


@pytest.mark.parametrize("processes", [1, 2, 8])
def test_results_come_in_the_order_of_their_items(processes: int) -> None:
    assert list(side_by_side(str, [3, 1, 2, 0], processes)) == ["3", "1", "2", "0"]


@pytest.mark.parametrize("processes", [1, 2])
def test_nothing_to_do_is_done(processes: int) -> None:
    assert list(side_by_side(str, [], processes)) == []


@pytest.mark.parametrize("processes", [1, 2])
def test_what_the_function_raises_reaches_the_caller(processes: int) -> None:
    with pytest.raises(ValueError, match="three"):
        list(side_by_side(int, ["1", "2", "three", "4"], processes))


def test_a_killed_worker_is_told_and_the_next_call_has_new_ones() -> None:
    with pytest.raises(BrokenExecutor):
        list(side_by_side(signal.raise_signal, [0, 0, signal.SIGKILL, 0], 2))
    assert list(side_by_side(str, range(3), 2)) == ["0", "1", "2"]


WAITING = """
import os, sys, time
from pathlib import Path
from gliofill.run.processes import cleaning_up, side_by_side

def wait(folder):
    (Path(folder) / str(os.getpid())).touch()
    time.sleep(600)

if __name__ == "__main__":
    with cleaning_up():
        list(side_by_side(wait, [sys.argv[1]] * 2, 2))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sign", "to_all"),
    [
        (signal.SIGKILL, False),  # to all, it would leave semaphores for good
        (signal.SIGTERM, False),
        (signal.SIGTERM, True),
        (signal.SIGINT, False),
        (signal.SIGINT, True),
    ],
)
def test_workers_end_with_the_process_that_waits_for_them(tmp_path: Path, sign: signal.Signals, to_all: bool) -> None:
    script, folder = tmp_path / "waiting.py", tmp_path / "workers"
    script.write_text(WAITING)
    folder.mkdir()
    parent = subprocess.Popen(
        [sys.executable, str(script), str(folder)], start_new_session=True, stderr=subprocess.PIPE, text=True
    )
    try:
        wait_until(lambda: len(list(folder.iterdir())) == 2)
        workers = [int(path.name) for path in folder.iterdir()]
        # a terminal and a batch system signal all processes of a group
        os.killpg(parent.pid, sign) if to_all else parent.send_signal(sign)
        _, complaint = parent.communicate(timeout=60)  # whose end its workers hold, too
    finally:
        parent.kill()
    wait_until(lambda: not any(map(is_alive, workers)))
    if sign == signal.SIGTERM:
        assert complaint == ""
    if sign == signal.SIGINT:
        assert complaint.count("Traceback") == 1, "that of the parent alone"


def wait_until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.05)


def is_alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
