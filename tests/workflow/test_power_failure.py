"""The power fails: what had its final name is there and whole, and the same command completes the rest.

A copy of a mounted disk, taken without asking the system to write, is what a machine finds when it starts again.
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
from tests.support.killing import leftovers
from tests.support.one_session import LENIENT_JSON, SESSION, SETTINGS, files
from tests.support.small_cohort import make_cohort
from tests.support.small_disk import NO_DISK, make_disk, mount, unmount

from gliofill.derivatives import paths
from gliofill.files.atomic import TEMPORARY, sha256, write_text


@dataclass
class Disk:
    """A mounted disk, and the file that it is in."""

    image: Path
    root: Path

    @contextmanager
    def after_power_failed(self) -> Iterator[Path]:
        """Give what would be found if the power failed now."""
        found, root = self.image.with_name("found.img"), self.image.with_name("found")
        subprocess.run(["cp", "--sparse=always", str(self.image), str(found)], check=True)
        root.mkdir()
        assert mount(found, root)
        try:
            yield root
        finally:
            unmount(root)
            root.rmdir()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """Mount a disk that is a file."""
    made = Disk(tmp_path / "disk.img", tmp_path / "disk")
    made.root.mkdir()
    if not (make_disk(made.image) and mount(made.image, made.root)):
        pytest.skip(NO_DISK)
    yield made
    unmount(made.root)


def test_content_folder_and_name_are_synchronised_in_this_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, replace, synchronise = [], Path.replace, os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (asked.append(Path(f"/dev/fd/{fd}").resolve()), synchronise(fd)))
    monkeypatch.setattr(Path, "replace", lambda own, to: (asked.append(to), replace(own, to)))
    write_text(tmp_path / "written", "whole")
    assert asked[0].name.startswith(TEMPORARY) and asked[1:] == [tmp_path / "written", tmp_path]


def test_a_file_that_was_written_is_there_after_the_power_failed(disk: Disk) -> None:
    for text in ("first", "second"):
        write_text(disk.root / "a" / "written", text)
        with disk.after_power_failed() as found:
            assert (found / "a" / "written").read_text() == text


def test_a_session_is_whole_or_made_again_after_the_power_failed(disk: Disk, tmp_path: Path) -> None:
    make_cohort(tmp_path, sessions=1)
    output = disk.root / "derivatives"
    done = run_gliofill("coverage", str(tmp_path / "bids"), str(output), "--settings", LENIENT_JSON)
    assert done.returncode == 0, done.stderr
    step = start(tmp_path / "bids", output)
    wait_for_results(output, 3)
    step.send_signal(signal.SIGSTOP)
    meanwhile, at_the_end = tmp_path / "found-meanwhile", tmp_path / "found-at-the-end"
    copy_state(disk, output, meanwhile)
    step.send_signal(signal.SIGCONT)
    _, complaint = step.communicate(timeout=240)
    assert step.returncode == 0, complaint
    copy_state(disk, output, at_the_end)
    whole, found = checksums(output), checksums(meanwhile)
    assert checksums(at_the_end) == whole
    # what has its final name is what it is in the end; of the last one the name may not have been written yet
    assert len(found) >= 2 and found.items() <= whole.items()
    assert found == whole or paths.session_qc(SESSION) not in found, "the record comes last"
    again = start(tmp_path / "bids", meanwhile)
    _, complaint = again.communicate(timeout=240)
    assert again.returncode == 0, complaint
    assert checksums(meanwhile) == whole and not leftovers(meanwhile)


def start(bids: Path, output: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "gliofill.cli", "preprocess", str(bids), str(output), SESSION]
    return subprocess.Popen(
        [*command, "--settings", SETTINGS, "--threads", "1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def results(output: Path) -> set[Path]:
    return {path for path in files(output / SESSION) if not path.name.startswith(TEMPORARY)}


def wait_for_results(output: Path, count: int) -> None:
    end = time.monotonic() + 240
    while len(results(output)) < count:
        assert time.monotonic() < end
        time.sleep(0.005)


def copy_state(disk: Disk, output: Path, to: Path) -> None:
    """Copy what the power would leave of an output folder."""
    with disk.after_power_failed() as found:
        shutil.copytree(found / output.name, to)


def checksums(output: Path) -> dict[str, str]:
    return {path.relative_to(output).as_posix(): sha256(path) for path in results(output)}
