"""A disk that stops to answer, as one on the network may: a run that starts says so, one that works waits and goes on.

A small file system is mounted and frozen: what writes there then waits, and no signal reaches it.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.conftest import run_gliofill
from tests.support.one_session import LENIENT_JSON, SESSION, SETTINGS, files
from tests.support.small_cohort import make_cohort
from tests.support.small_disk import NO_DISK, make_disk, mount, unmount

from gliofill.errors import GliofillError
from gliofill.files.atomic import sha256
from gliofill.run import disk, lock
from gliofill.run.lock import release_lock, take_lock

#: a frozen file system is thawed after this long, whatever became of the test
SAFETY_SECONDS = 90


@dataclass
class StallingDisk:
    """A mounted disk that can be made to stall."""

    root: Path

    @contextmanager
    def stalled(self) -> Iterator[None]:
        """Let the disk not answer."""
        thaw = ["fsfreeze", "--unfreeze", str(self.root)]
        later = ["sh", "-c", f'sleep {SAFETY_SECONDS}; exec "$@"', "sh", *thaw]
        safety = subprocess.Popen(later, start_new_session=True)
        try:
            subprocess.run(["fsfreeze", "--freeze", str(self.root)], check=True)
            yield
        finally:
            subprocess.run(thaw, check=False)
            os.killpg(safety.pid, signal.SIGKILL)
            safety.wait()


@pytest.fixture
def stalling(tmp_path: Path) -> Iterator[StallingDisk]:
    image, root = tmp_path / "disk.img", tmp_path / "disk"
    root.mkdir()
    if not (shutil.which("fsfreeze") and make_disk(image) and mount(image, root)):
        pytest.skip(NO_DISK)
    yield StallingDisk(root)
    unmount(root)


def test_a_run_does_not_start_on_a_disk_that_does_not_answer(
    stalling: StallingDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "PATIENCE_SECONDS", 2.0)
    output = stalling.root / "out"
    with stalling.stalled():
        refuses_in_one_line(output)
    assert not output.exists()
    take_lock(output, is_local=True)
    assert (output / lock.NOTE).is_file()
    release_lock(output)


def test_a_run_does_not_start_if_the_disk_is_not_read_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "PATIENCE_SECONDS", 0.5)
    monkeypatch.setattr(disk, "_PROBE", "import time; time.sleep(60)")
    refuses_in_one_line(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def refuses_in_one_line(output: Path) -> None:
    began = time.monotonic()
    with pytest.raises(GliofillError) as caught:
        take_lock(output, is_local=True)
    assert time.monotonic() - began < 20
    message = str(caught.value)
    assert message.startswith(f"{output}: its disk does not answer") and "run the same command again" in message
    assert "\n" not in message


def test_a_step_waits_for_a_disk_that_stalls_and_then_writes_what_it_would_have_written(
    stalling: StallingDisk, tmp_path: Path
) -> None:
    make_cohort(tmp_path, sessions=1)
    made = {}
    for output in (tmp_path / "healthy", stalling.root / "out"):
        done = run_gliofill("coverage", str(tmp_path / "bids"), str(output), "--settings", LENIENT_JSON)
        assert done.returncode == 0, done.stderr
        command = [
            sys.executable,
            "-m",
            "gliofill.cli",
            "preprocess",
            str(tmp_path / "bids"),
            str(output),
            SESSION,
        ]
        command += ["--settings", SETTINGS, "--threads", "1"]
        step = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if output.parent == stalling.root:
            time.sleep(2)
            with stalling.stalled():
                time.sleep(8)
                assert step.poll() is None
        told, complaint = step.communicate(timeout=240)
        assert step.returncode == 0, complaint
        assert "T2w: ok" in told
        results = [path for path in files(output) if path.name.endswith((".nii.gz", ".txt"))]
        made[output.name] = {str(path.relative_to(output)): sha256(path) for path in results}
    assert len(made["out"]) >= 3 and made["out"] == made["healthy"]
