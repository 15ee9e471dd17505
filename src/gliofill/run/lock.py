"""The run lock: a second run in an output folder is refused and told who holds the folder; stale locks are cleared."""

import getpass
import hashlib
import os
import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from gliofill.errors import GliofillError
from gliofill.files.atomic import TEMPORARY, read_json, write_json
from gliofill.run.disk import check_answers
from gliofill.run.processes import ProcessIdentity, steps_of

#: where the run lock is, relative to the output folder that it is for
NOTE = ".gliofill/run.json"
#: seconds to wait for the steps of a run that has ended; they check every second whether it is still there
PATIENCE_SECONDS = 30.0


@dataclass(frozen=True)
class LockHolder:
    """The run that holds an output folder.

    Attributes
    ----------
    process
        Its process.
    user, since
        Who started it, and when.
    is_local
        Whether its steps run on the same machine rather than as jobs of a cluster.
    work_dir
        Where its scratch is; empty for the output folder.
    """

    process: ProcessIdentity
    user: str
    since: str
    is_local: bool
    work_dir: str

    @property
    def is_gone(self) -> bool:
        """Whether it has certainly ended."""
        return self.process.is_here and not self.process.is_alive

    def __str__(self) -> str:
        return f"process {self.process.pid} of {self.user} on {self.process.host}, since {self.since}"


def read_lock_holder(output_dir: Path) -> LockHolder | None:
    """Return the run that holds an output folder, or held it when it was killed; None if no run does."""
    try:
        content = read_json(output_dir / NOTE)
        process = ProcessIdentity(str(content["host"]), int(content["pid"]), float(content["started"]))
        fields = {name: str(content[name]) for name in ("user", "since", "work_dir")}
        return LockHolder(process, is_local=bool(content["is_local"]), **fields)
    except (GliofillError, KeyError, TypeError, ValueError):
        return None


def check_free(output_dir: Path) -> None:
    """Refuse an output folder that another run holds.

    Raises
    ------
    GliofillError
        Saying who holds it, since when, and what to do.
    """
    holder = read_lock_holder(output_dir)
    if holder is None or holder.process == ProcessIdentity.own() or (holder.is_gone and holder.is_local):
        return
    if not holder.is_gone and holder.process.is_here:
        remedy = "wait for it, stop it, or choose another output folder"
    elif holder.is_gone:
        remedy = (
            "it has ended, its jobs on the cluster may not have: cancel them, then add --unlock once (docs/slurm.md)"
        )
    else:
        remedy = "this machine cannot tell whether it is still running: if it is not, add --unlock once"
    raise GliofillError(f"output_dir {output_dir} is held by {holder}; {remedy}")


def take_lock(output_dir: Path, *, is_local: bool, work_dir: str = "") -> str:
    """Lock an output folder for this process until `release_lock`.

    What a killed run on this machine left behind is removed: Snakemake's lock, scratch, and incomplete files.

    Parameters
    ----------
    output_dir
        Derivatives.
    is_local
        Whether the steps run on this machine.
    work_dir
        Where scratch is; empty for the output folder.

    Returns
    -------
    str
        What was found and removed, for the user; empty if nothing was.

    Raises
    ------
    GliofillError
        If another run holds it, the folder cannot be written, or a disk does not answer.
    """
    check_answers(writes=[output_dir, *([Path(work_dir)] if work_dir else [])])
    own = LockHolder(ProcessIdentity.own(), _user(), f"{datetime.now():%Y-%m-%d %H:%M:%S}", is_local, work_dir)
    try:
        (output_dir / NOTE).parent.mkdir(parents=True, exist_ok=True)
        with FileLock(output_dir / ".gliofill" / "run.lock", timeout=10):
            return _take(output_dir, own)
    except Timeout as error:
        raise GliofillError(f"output_dir {output_dir}: another run is starting there; try again in a moment") from error
    except OSError as error:
        raise GliofillError(f"output_dir {output_dir}: cannot be written ({error.strerror or error})") from error


def _take(output_dir: Path, own: LockHolder) -> str:
    check_free(output_dir)
    before = read_lock_holder(output_dir)
    text = ""
    if before is not None and before.process != own.process:
        _wait_for_steps(before)
        shutil.rmtree(output_dir / ".snakemake" / "locks", ignore_errors=True)
        removed = remove_leftovers(output_dir, [before.work_dir, own.work_dir], temporary=True)
        text = (
            f"the previous run ({before}) was killed; its lock and {removed} unfinished files and folders were removed"
        )
    process = own.process
    content = {"host": process.host, "pid": process.pid, "started": process.started, "user": own.user}
    write_json(output_dir / NOTE, {**content, "since": own.since, "is_local": own.is_local, "work_dir": own.work_dir})
    return text


def _wait_for_steps(holder: LockHolder) -> None:
    """Wait until the steps of a run that has ended have noticed, and ended, too.

    Raises
    ------
    GliofillError
        If some do not end.
    """
    end = time.monotonic() + PATIENCE_SECONDS
    while steps := steps_of(holder.process):
        if time.monotonic() > end:
            numbers = ", ".join(str(step.pid) for step in steps)
            raise GliofillError(f"steps of a killed run are still running: end processes {numbers}, then start again")
        time.sleep(0.5)


def release_lock(output_dir: Path) -> None:
    """Unlock an output folder that this process holds; do nothing if it does not."""
    holder = read_lock_holder(output_dir)
    if holder is not None and holder.process == ProcessIdentity.own():
        (output_dir / NOTE).unlink(missing_ok=True)


def unlock(output_dir: Path) -> None:
    """Unlock an output folder on the word of a user who knows that the run that holds it has ended.

    Raises
    ------
    GliofillError
        If it is still running on this machine.
    """
    holder = read_lock_holder(output_dir)
    if holder is not None and holder.process.is_here and not holder.is_gone:
        raise GliofillError(f"output_dir {output_dir} is held by {holder}, which is still running; stop it first")
    (output_dir / NOTE).unlink(missing_ok=True)


def scratch_root(output_dir: Path, work_dir: str | Path = "") -> Path:
    """Return the folder for the scratch of the steps of an output folder; no other run uses it."""
    if not work_dir:
        return output_dir / ".gliofill" / "work"
    return Path(work_dir) / f"gliofill-{hashlib.sha256(str(output_dir).encode()).hexdigest()[:12]}"


def remove_leftovers(output_dir: Path, work_dirs: Iterable[str], *, temporary: bool) -> int:
    """Remove what killed steps left behind, while no step runs; return how many files and folders that were.

    Parameters
    ----------
    output_dir
        Derivatives.
    work_dirs
        Where scratch may be; empty for the output folder.
    temporary
        Also look through the whole output folder for incomplete files.
    """
    folders = {scratch_root(output_dir, work_dir) for work_dir in work_dirs} | {output_dir / ".gliofill" / "ahead"}
    left = [entry for folder in folders if folder.is_dir() for entry in folder.iterdir()]
    for entry in left:
        shutil.rmtree(entry, ignore_errors=True) if entry.is_dir() else entry.unlink(missing_ok=True)
    return len(left) + (remove_temporary(output_dir) if temporary else 0)


def remove_temporary(folder: Path) -> int:
    """Remove incomplete files below a folder; return how many there were."""
    number = 0
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != ".snakemake"]
        for name in names:
            if name.startswith(TEMPORARY):
                Path(parent, name).unlink(missing_ok=True)
                number += 1
    return number


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # in a container any number may be the user
        return f"uid {os.getuid()}"
