"""A process of a step is killed, as where memory runs out: the step ends, says so, and blames no image."""

import json
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from tests.conftest import run_gliofill
from tests.support.one_session import LENIENT_JSON, SESSION, SETTINGS, files
from tests.support.small_cohort import make_cohort

from gliofill.derivatives import paths


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cohort")
    make_cohort(folder, sessions=1)
    done = run_gliofill("coverage", str(folder / "bids"), str(folder / "out"), "--settings", LENIENT_JSON)
    assert done.returncode == 0, done.stderr
    return folder


def preprocess(cohort: Path) -> list[str]:
    words = ["preprocess", str(cohort / "bids"), ".", SESSION, "--settings", SETTINGS, "--threads", "1"]
    return [sys.executable, "-m", "gliofill.cli", *words]


def worker_of(step: subprocess.Popen[str], word: str = "preprocess") -> psutil.Process:
    """Return the worker of a step, which has a word of its own in its command, as soon as there is one."""
    end = time.monotonic() + 60
    while time.monotonic() < end and step.poll() is None:
        for child in psutil.Process(step.pid).children():
            with suppress(psutil.NoSuchProcess):  # programs that libraries ask in passing
                if word in child.cmdline():  # one that was forked has the words of its parent
                    return child
        time.sleep(0.02)
    raise AssertionError(f"no worker: {step.communicate()}")


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_step_whose_worker_is_killed_ends_and_records_nothing(cohort: Path, sign: signal.Signals) -> None:
    output = cohort / "out"
    before = files(output)
    step = subprocess.Popen(preprocess(cohort), cwd=output, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        worker = worker_of(step)
        time.sleep(0.3)  # it has begun with a node
        worker.send_signal(sign)
        told, complaint = step.communicate(timeout=60)
    finally:
        step.kill()
    assert step.returncode == 1 and told == ""
    assert complaint.count("\n") == 1 and complaint.startswith(f"gliofill: {SESSION}: a process was killed")
    assert files(output) == before


def test_the_same_command_then_completes_the_session(cohort: Path) -> None:
    done = subprocess.run(preprocess(cohort), cwd=cohort / "out", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    record = json.loads((cohort / "out" / paths.session_qc(SESSION)).read_text())
    assert record["Contrasts"]["T2w"]["status"] == "ok"


@pytest.mark.parametrize("wait_seconds", [0, 0.1, 1])
def test_other_verbs_tell_of_a_killed_worker_too(tmp_path: Path, wait_seconds: float) -> None:
    words = ["demo", str(tmp_path / "demo"), "--sessions", "2", "--processes", "2"]
    command = [sys.executable, "-m", "gliofill.cli", *words]
    step = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        worker = worker_of(step, "--process-name")
        time.sleep(wait_seconds)  # also while the next is started, which the executor of Python 3.11 waits for ever for
        worker.kill()
        _, complaint = step.communicate(timeout=60)
    finally:
        step.kill()
    assert step.returncode == 1
    assert complaint.startswith("gliofill: a process was killed") and complaint.count("\n") == 1


def test_a_training_tells_of_a_killed_worker_too(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "gliofill.cli", "train-brain", str(tmp_path / "brain"), "--images", "40"]
    step = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        worker = worker_of(step, "train-brain")
        time.sleep(1)
        worker.kill()
        _, complaint = step.communicate(timeout=60)
    finally:
        step.kill()
    assert step.returncode == 1 and complaint.count("\n") == 1, complaint
    assert complaint.startswith(f"gliofill: {tmp_path / 'brain'}: a process that generates images was killed")
