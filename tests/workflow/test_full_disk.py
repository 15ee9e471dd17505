"""Disks that are full, read-only or gone: one clear line, nothing partial, nothing recorded, and on it goes with room.

A small disk in memory is mounted and filled; a limit on the size of files is tried as well.
"""

import errno
import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from tests.support.known_model import GRID
from tests.support.records import session_record
from tests.support.reviewed import GOOD, coverage

from gliofill.cli.main import main
from gliofill.cohort.coverage import write_coverage
from gliofill.config.settings import ImputeSettings
from gliofill.contrasts import Contrast
from gliofill.derivatives import paths
from gliofill.errors import GliofillError
from gliofill.files.atomic import TEMPORARY, read_json, write_json
from gliofill.files.itk_transform import write_transform
from gliofill.files.nifti import write_image
from gliofill.preprocess import session, verdicts
from gliofill.preprocess.plan import SessionPlan
from gliofill.preprocess.scratch import MASK, Scratch
from gliofill.preprocess.workflow import NodeFailure
from gliofill.run.lock import take_lock

pytestmark = pytest.mark.usefixtures("known_model")

SESSION = "sub-01"
#: smaller than any file of these tests, and larger than what pytest writes meanwhile
FEW_BYTES = 200


@dataclass
class SmallDisk:
    """A disk that can be filled."""

    root: Path

    def fill(self) -> None:
        """Leave no room for another file with content."""
        with (self.root / ".filling").open("wb", buffering=0) as file:
            for size in (65536, 1):
                try:
                    while file.write(bytes(size)):
                        pass
                except OSError as error:
                    assert error.errno == errno.ENOSPC

    def free(self) -> None:
        """Make room again."""
        (self.root / ".filling").unlink(missing_ok=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """Mount eight megabytes of memory."""
    root = tmp_path / "disk"
    root.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(root)]
    can_mount = os.geteuid() == 0 and shutil.which("mount")
    if not can_mount or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here (needs root)")
    yield SmallDisk(root)
    subprocess.run(["umount", "-l", str(root)], check=True)


@contextmanager
def limit_on_file_sizes() -> Iterator[None]:
    """Let no file grow beyond `FEW_BYTES`, as ``ulimit -f`` does."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (FEW_BYTES, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[str]]:
    """Run a subcommand and return its exit code and what it says on the error channel."""
    capsys.readouterr()
    code = main(words)
    return code, capsys.readouterr().err.splitlines()


def files(folder: Path) -> set[str]:
    """Return all files with content but the one that fills the disk; a name alone takes no room and tells nothing."""
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".filling" and path.suffix != ".lock"
    }


def is_one_clear_line(lines: list[str]) -> bool:
    (line,) = lines
    reasons = (os.strerror(errno.ENOSPC), os.strerror(errno.EFBIG))
    return line.startswith("gliofill: ") and any(r in line for r in reasons) and "run the same command again" in line


def write_ball(bids: Path) -> None:
    ball = np.linalg.norm(np.indices((20, 20, 20)) - 9.5, axis=0) < 8
    write_image(bids / SESSION / "anat" / f"{SESSION}_T2w.nii.gz", 1000 * ball, np.diag([5.0, 5, 5, 1]))


def test_coverage_on_a_full_disk(disk: SmallDisk, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_ball(tmp_path / "bids")
    words = ("coverage", str(tmp_path / "bids"), str(disk.root))
    disk.fill()
    code, lines = run(capsys, *words)
    assert code == 1 and is_one_clear_line(lines) and files(disk.root) == set()
    disk.free()
    assert main(words) == 0 and (disk.root / paths.COVERAGE).is_file()


def test_coverage_under_a_limit_on_file_sizes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_ball(tmp_path / "bids")
    words = ("coverage", str(tmp_path / "bids"), str(tmp_path / "out"))
    with limit_on_file_sizes():
        code, lines = run(capsys, *words)
    assert code == 1 and is_one_clear_line(lines) and files(tmp_path / "out") == set()
    assert main(words) == 0 and (tmp_path / "out" / paths.COVERAGE).is_file()


def acquire(folder: Path) -> tuple[Path, Path]:
    """Write a dataset with one T2w and its coverage table; returns both folders."""
    write_image(folder / "bids" / SESSION / "anat" / f"{SESSION}_T2w.nii.gz", np.ones(GRID), np.eye(4))
    row = coverage({Contrast.T2W: GOOD})
    file = f"{SESSION}/anat/{SESSION}_T2w.nii.gz"
    write_coverage(folder / "coverage.tsv", [replace(r, file=file if r.contrast == "T2w" else r.file) for r in row])
    return folder / "bids", folder / "coverage.tsv"


def leave_scratch(_workflow: object, scratch: Path, **_: object) -> list[NodeFailure]:
    """Leave what the steps of a session would."""
    left = Scratch(scratch, Contrast.T2W)
    for what, data in ((Contrast.T2W, np.random.default_rng(0).random(GRID)), (MASK, np.ones(GRID))):
        left.on_template(what).parent.mkdir(parents=True)
        nib.save(nib.Nifti1Image(data.astype(np.float32), np.eye(4)), left.on_template(what))
    write_transform(left.transform(Contrast.T2W), np.eye(4))
    attempt = {"start": "header", "before": {}, "after": {}, "problem": ""}
    write_json(left.alignment_scores, {"problem": "", "best": 0, "attempts": [attempt]})
    return []


@pytest.fixture
def words(tmp_path: Path, disk: SmallDisk, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """Give the command that preprocesses a session onto the small disk; its steps are done already."""
    bids, table = acquire(tmp_path)
    shutil.copy(table, disk.root / paths.COVERAGE)
    monkeypatch.setattr(session, "build", lambda plan, *_, **__: plan)
    monkeypatch.setattr(session, "run", leave_scratch)
    monkeypatch.setattr(verdicts, "judge_session", lambda content, *_: content)
    return ("preprocess", str(bids), str(disk.root), SESSION, "--work-dir", str(tmp_path / "work"))


def test_publishing_a_session_on_a_full_disk(
    words: tuple[str, ...], disk: SmallDisk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fill_at_the_end(workflow: SessionPlan, scratch: Path, **options: object) -> list[NodeFailure]:
        failures = leave_scratch(workflow, scratch)
        disk.fill()
        return failures

    before = files(disk.root)
    monkeypatch.setattr(session, "run", fill_at_the_end)
    code, lines = run(capsys, *words)
    assert code == 1 and is_one_clear_line(lines)
    assert files(disk.root) == before, "something partial is there"
    assert not list(Path(words[-1]).glob("*/*")), "scratch is left"
    disk.free()
    monkeypatch.setattr(session, "run", leave_scratch)
    assert main(words) == 0
    assert read_json(disk.root / paths.session_qc(SESSION))["Contrasts"]["T2w"]["status"] == "ok"


@pytest.mark.parametrize("where", ["a step tells", "nipype breaks down", "scratch vanishes"])
def test_a_disk_that_fails_the_steps_is_no_fault_of_the_session(
    words: tuple[str, ...],
    disk: SmallDisk,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    where: str,
) -> None:
    def fail(_workflow: SessionPlan, scratch: Path, **_: object) -> list[NodeFailure]:
        text = "OSError: [Errno 28] No space left on device"
        if where == "nipype breaks down":
            raise RuntimeError(text)
        if where == "scratch vanishes":
            shutil.rmtree(scratch.parent)
            text = "FileNotFoundError: corrected.nii"
        return [NodeFailure("correct_T2w", text)]

    before = files(disk.root)
    monkeypatch.setattr(session, "run", fail)
    code, (line,) = run(capsys, *words)
    expected = "has vanished" if where == "scratch vanishes" else "No space left on device"
    assert code == 1 and line.startswith("gliofill: ") and expected in line and "run the same command again" in line
    assert files(disk.root) == before
    monkeypatch.setattr(session, "run", leave_scratch)
    assert main(words) == 0 and (disk.root / paths.session_qc(SESSION)).is_file()


def test_a_result_of_which_a_part_was_written_is_told_as_a_full_disk(
    words: tuple[str, ...], disk: SmallDisk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def publish(_publisher: object) -> None:
        raise GliofillError("resampled.nii: cannot be read as NIfTI (expected 34 MB, got 18)")

    before = files(disk.root)
    monkeypatch.setattr(session, "run", leave_scratch)
    with monkeypatch.context() as patch:
        patch.setattr(session._Publisher, "publish", publish)
        patch.setattr("gliofill.run.disk.shutil.disk_usage", lambda _: shutil._ntuple_diskusage(1, 1, 0))
        code, (line,) = run(capsys, *words)
    assert code == 1 and "No space left on device; make room" in line
    assert files(disk.root) == before
    assert main(words) == 0


def test_imputation_on_a_full_disk(disk: SmallDisk, capsys: pytest.CaptureFixture[str]) -> None:
    write_coverage(disk.root / paths.COVERAGE, coverage({c: GOOD for c in Contrast if c is not Contrast.FLAIR}))
    session_record(SESSION).write(disk.root)
    source = np.random.default_rng(0).uniform(1000, 2000, size=GRID)
    write_image(disk.root / paths.preprocessed(SESSION, Contrast.T2W), source, np.eye(4))
    brain = np.zeros(GRID)
    brain[5:35, 5:45, 2:10] = 1
    write_image(disk.root / paths.brain_mask(SESSION), brain, np.eye(4), dtype="uint8")
    words = ("impute", str(disk.root), SESSION, "FLAIR", "--settings", ImputeSettings(device="cpu").to_json())
    before = files(disk.root)
    disk.fill()
    code, lines = run(capsys, *words)
    assert code == 1 and is_one_clear_line(lines) and files(disk.root) == before
    disk.free()
    assert main(words) == 0
    assert {paths.imputed(SESSION, Contrast.FLAIR), paths.imputed_qc(SESSION, Contrast.FLAIR)} <= files(disk.root)


@pytest.mark.parametrize("subcommand", ["review", "summary"])
def test_tables_on_a_full_disk_stay_as_they_were(
    disk: SmallDisk, capsys: pytest.CaptureFixture[str], subcommand: str
) -> None:
    write_coverage(disk.root / paths.COVERAGE, coverage({}))
    words = (subcommand, str(disk.root))
    assert main(words) == 0
    table = disk.root / (paths.REVIEW if subcommand == "review" else paths.COMPLETE)
    before = (files(disk.root), table.read_bytes())
    disk.fill()
    code, lines = run(capsys, *words)
    assert code == 1 and is_one_clear_line(lines)
    assert (files(disk.root), table.read_bytes()) == before
    disk.free()
    assert main(words) == 0


def test_a_read_only_output_folder_is_reported_before_anything_starts(
    disk: SmallDisk, capsys: pytest.CaptureFixture[str]
) -> None:
    write_coverage(disk.root / paths.COVERAGE, coverage({}))
    subprocess.run(["mount", "-o", "remount,ro", str(disk.root)], check=True)
    code, (line,) = run(capsys, "review", str(disk.root))
    assert code == 1 and "Read-only file system; make it writable" in line
    refuses_to_write(disk.root)
    subprocess.run(["mount", "-o", "remount,rw", str(disk.root)], check=True)
    assert not [name for name in files(disk.root) if TEMPORARY in name]


def test_an_output_folder_in_which_a_file_is_in_the_way_is_reported(tmp_path: Path) -> None:
    (tmp_path / ".gliofill").touch()
    refuses_to_write(tmp_path)


def refuses_to_write(output: Path) -> None:
    with pytest.raises(GliofillError, match=r"^output_dir [^\n]*: cannot be written \([^\n]+\)$"):
        take_lock(output, is_local=True)
