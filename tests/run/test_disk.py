"""Faults of a disk are recognised, explained in one line, and not taken for faults of the data."""

import errno
import os
import time
from pathlib import Path

import pytest

from gliofill.errors import GliofillError
from gliofill.run import disk


@pytest.mark.parametrize("number", disk.REMEDIES, ids=errno.errorcode.get)
def test_every_fault_of_a_disk_gets_one_line_with_file_and_remedy(number: int) -> None:
    line = disk.explain_disk(OSError(number, os.strerror(number), "/out/image.nii.gz"))
    assert line is not None and "\n" not in line
    assert line.startswith(f"/out/image.nii.gz: {os.strerror(number)}; {disk.REMEDIES[number]}")


def test_other_errors_are_not_blamed_on_the_disk(tmp_path: Path) -> None:
    assert disk.explain_disk(PermissionError(errno.EACCES, "Permission denied", "/out")) is None
    assert disk.disk_problem("ValueError: operands could not be broadcast together", tmp_path) is None


def test_a_raw_image_on_bad_sectors_is_a_fault_of_that_image(tmp_path: Path) -> None:
    assert disk.disk_problem("OSError: [Errno 5] Input/output error: sub-01_T2w.nii.gz", tmp_path) is None


def test_a_step_that_says_no_space_or_whose_folder_vanished_had_no_disk(tmp_path: Path) -> None:
    text = f"nibabel: {os.strerror(errno.ENOSPC)}: 'image.nii'"
    assert "make room" in (disk.disk_problem(text, tmp_path) or "")
    assert "has vanished" in (disk.disk_problem("anything", tmp_path / "gone") or "")


def test_a_library_that_gives_no_reason_failed_for_the_disk_where_it_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = os.statvfs_result([4096, 4096, 100, 1, 1, 10, 1, 1, 0, 255])
    monkeypatch.setattr(os, "statvfs", lambda _: full)
    assert "make room" in (disk.disk_problem("ITK: could not write", tmp_path) or "")


def test_free_room_is_that_of_the_nearest_folder_that_exists(tmp_path: Path) -> None:
    assert disk.free_bytes(tmp_path / "not" / "yet") == pytest.approx(disk.free_bytes(tmp_path), rel=0.05)


def test_a_disk_that_answers_or_refuses_is_asked_in_a_moment(tmp_path: Path) -> None:
    disk.check_answers(reads=[tmp_path, tmp_path / "absent"], writes=[tmp_path / "a" / "b", Path("/proc/absent")])
    assert not list(tmp_path.iterdir())


def test_a_disk_that_does_not_answer_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "PATIENCE_SECONDS", 0.5)
    monkeypatch.setattr(disk, "_PROBE", "import time; time.sleep(60)")
    began = time.monotonic()
    with pytest.raises(GliofillError, match=r"^[^\n]*: its disk does not answer [^\n]*run the same command again$"):
        disk.check_answers(writes=[tmp_path])
    assert time.monotonic() - began < 20
