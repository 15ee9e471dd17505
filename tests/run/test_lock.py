"""A second run is refused, a stale lock is cleared, and steps end with the run that started them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from gliofill.cli.main import main
from gliofill.errors import GliofillError
from gliofill.files.atomic import read_json, write_json
from gliofill.run.lock import (
    NOTE,
    check_free,
    read_lock_holder,
    release_lock,
    remove_leftovers,
    scratch_root,
    take_lock,
    unlock,
)
from gliofill.run.processes import RUN, STOPPED, ProcessIdentity


@pytest.fixture
def other() -> Iterator[subprocess.Popen[bytes]]:
    """Give another process, which does nothing."""
    process = subprocess.Popen(["sleep", "600"])
    yield process
    process.kill()
    process.wait()


def held_by(output: Path, process: subprocess.Popen[bytes], **fields: object) -> None:
    """Let a folder be held by another process, as `take_lock` writes it there."""
    take_lock(output, is_local=True)
    started = psutil.Process(process.pid).create_time()
    write_json(output / NOTE, {**read_json(output / NOTE), "pid": process.pid, "started": started, **fields})


def end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def wait_until(is_so: Callable[[], bool], seconds: float = 60) -> bool:
    end_at = time.monotonic() + seconds
    while not is_so() and time.monotonic() < end_at:
        time.sleep(0.05)
    return is_so()


def test_a_second_run_is_told_who_holds_the_folder(tmp_path: Path, other: subprocess.Popen[bytes]) -> None:
    held_by(tmp_path, other, user="anna")
    with pytest.raises(GliofillError, match=rf"held by process {other.pid} of anna on \S+, since 20\d\d-.*; wait"):
        take_lock(tmp_path, is_local=True)
    with pytest.raises(GliofillError, match="which is still running; stop it first"):
        unlock(tmp_path)
    holder = read_lock_holder(tmp_path)
    assert holder is not None and holder.process.pid == other.pid


def test_the_app_refuses_other_participants_while_a_run_works(
    tmp_path: Path, other: subprocess.Popen[bytes], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for session in ("sub-01", "sub-02"):
        (tmp_path / "bids" / session).mkdir(parents=True)
    monkeypatch.setattr("gliofill.cli.app._become", lambda *_: 0)
    assert main(["bids", "out", "participant", "--participant-label", "01"]) == 0
    before = (tmp_path / "out" / ".gliofill" / "config.json").read_text()
    held_by(tmp_path / "out", other)
    assert main(["bids", "out", "participant", "--participant-label", "02"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"is held by process {other.pid} of " in line
    # the configuration that the run at work reads is not touched; a dry run looks at its own
    assert main(["bids", "out", "participant", "--participant-label", "02", "--dry-run"]) == 0
    assert (tmp_path / "out" / ".gliofill" / "config.json").read_text() == before
    for words in (["bids", "out", "participant", "--report-only"], ["bids", "out", "group"]):
        assert main(words) == 2 and "is held by" in capsys.readouterr().err


def test_what_a_killed_run_left_is_removed_by_the_next(tmp_path: Path, other: subprocess.Popen[bytes]) -> None:
    held_by(tmp_path, other, work_dir=str(tmp_path / "scratch"))
    left = [
        tmp_path / ".snakemake" / "locks" / "0.output.lock",
        tmp_path / "sub-01" / "anat" / ".tmp-abc-sub-01_T1w.nii.gz",
        tmp_path / ".gliofill" / "ahead" / "sub-02_FLAIR.ahead" / "image",
        scratch_root(tmp_path, tmp_path / "scratch") / "sub-01" / "session" / "image",
        tmp_path / ".gliofill" / "work" / "sub-03" / "image",
    ]
    kept = [tmp_path / "sub-01" / "anat" / "sub-01_T1w.nii.gz", tmp_path / "scratch" / "of-others"]
    for file in (*left, *kept):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    end(other)
    text = take_lock(tmp_path, is_local=True)
    assert f"process {other.pid} of " in text and "was killed; its lock and 4 unfinished" in text
    assert not any(file.exists() for file in left) and all(file.exists() for file in kept)
    assert take_lock(tmp_path, is_local=True) == ""
    release_lock(tmp_path)
    assert read_lock_holder(tmp_path) is None


@pytest.mark.parametrize(
    ("fields", "remedy"),
    [
        ({"host": "node17"}, "this machine cannot tell whether it is still running"),
        ({"is_local": False}, "its jobs on the cluster may"),
    ],
    ids=["other machine", "cluster"],
)
def test_what_cannot_be_proved_to_be_over_is_left_to_the_user(
    tmp_path: Path, other: subprocess.Popen[bytes], fields: dict[str, object], remedy: str
) -> None:
    held_by(tmp_path, other, **fields)
    end(other)
    with pytest.raises(GliofillError, match=rf"{remedy}.*add --unlock once"):
        check_free(tmp_path)
    unlock(tmp_path)
    check_free(tmp_path)


def test_a_later_process_with_the_same_number_is_not_taken_for_the_holder(
    tmp_path: Path, other: subprocess.Popen[bytes]
) -> None:
    held_by(tmp_path, other, started=1e9)
    check_free(tmp_path)


def test_nobody_releases_what_another_holds(tmp_path: Path, other: subprocess.Popen[bytes]) -> None:
    held_by(tmp_path, other)
    release_lock(tmp_path)
    assert read_lock_holder(tmp_path) is not None


def test_two_output_folders_share_a_work_dir_without_sharing_scratch(tmp_path: Path) -> None:
    own, others = (scratch_root(tmp_path / name, tmp_path / "work") / "sub-01" for name in ("a", "b"))
    own.mkdir(parents=True)
    others.mkdir(parents=True)
    assert remove_leftovers(tmp_path / "a", [str(tmp_path / "work")], temporary=False) == 1
    assert not own.exists() and others.exists()


STEP = """
import subprocess, sys, time
from pathlib import Path
from gliofill.files.atomic import whole_file
from gliofill.run.processes import cleaning_up

with cleaning_up(), whole_file(Path(sys.argv[1]) / "image") as temporary:
    child = subprocess.Popen(["sleep", "600"])
    (Path(sys.argv[1]) / "child").write_text(str(child.pid))
    time.sleep(600)
"""


def start_step(folder: Path, **environment: str) -> tuple[subprocess.Popen[bytes], int]:
    """Start a step that writes a file and has a process of its own; return both."""
    step = subprocess.Popen(
        [sys.executable, "-c", STEP, str(folder)], env=os.environ | environment, stderr=subprocess.DEVNULL
    )
    assert wait_until(lambda: (folder / "child").is_file() and (folder / "child").read_text() != "")
    return step, int((folder / "child").read_text())


def test_a_step_that_gets_sigterm_leaves_neither_files_nor_processes(tmp_path: Path) -> None:
    step, child = start_step(tmp_path)
    step.send_signal(signal.SIGTERM)
    assert step.wait(timeout=60) == STOPPED
    assert [file.name for file in tmp_path.iterdir()] == ["child"] and wait_until(lambda: not psutil.pid_exists(child))


@pytest.mark.slow
def test_a_step_ends_when_the_run_that_started_it_is_killed(tmp_path: Path, other: subprocess.Popen[bytes]) -> None:
    run = ProcessIdentity("", other.pid, psutil.Process(other.pid).create_time())
    step, child = start_step(tmp_path, **{RUN: str(ProcessIdentity(ProcessIdentity.own().host, run.pid, run.started))})
    assert step.poll() is None
    end(other)
    assert step.wait(timeout=60) == STOPPED
    assert [file.name for file in tmp_path.iterdir()] == ["child"] and wait_until(lambda: not psutil.pid_exists(child))


def test_a_step_ends_when_the_shell_that_started_it_is_killed(tmp_path: Path) -> None:
    environment = os.environ | {RUN: str(ProcessIdentity.own())}
    # without the look once a second: at once, before the engine has removed what the step wrote
    by_the_kernel_alone = f"from gliofill.run import processes\nprocesses._watch = lambda *_: None\n{STEP}"
    words = [sys.executable, "-c", by_the_kernel_alone, str(tmp_path)]
    shell = subprocess.Popen(["bash", "-c", '"$@"; true', "bash", *words], env=environment, stderr=subprocess.DEVNULL)
    assert wait_until(lambda: (tmp_path / "child").is_file() and (tmp_path / "child").read_text() != "")
    child = int((tmp_path / "child").read_text())
    (step,) = psutil.Process(shell.pid).children()
    end(shell)
    assert wait_until(lambda: not step.is_running() or step.status() == psutil.STATUS_ZOMBIE)
    assert wait_until(lambda: not psutil.pid_exists(child))
    assert [file.name for file in tmp_path.iterdir()] == ["child"]


def test_an_output_folder_that_cannot_be_written_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(GliofillError, match=r"^output_dir .*/file: cannot be written \([^\n]+\)$"):
        take_lock(tmp_path / "file", is_local=True)
