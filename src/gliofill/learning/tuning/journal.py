"""Optuna's journal, the file with the trials of a study, safe against processes that are killed while they write."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import optuna
from filelock import FileLock
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

from gliofill.errors import GliofillError

#: its name in a study's folder; `optuna-dashboard` opens it
JOURNAL = "journal.log"


class JournalLock(JournalFileOpenLock):
    """The lock of a journal, freed at once when its holder is killed; Optuna's own is freed after half a minute.

    Parameters
    ----------
    journal
        The file; the lock is beside it.

    Raises
    ------
    GliofillError
        While it waits, if the disk has no locks.
    """

    def __init__(self, journal: Path) -> None:
        self.journal = journal
        # not journal.log.lock: programs that open the journal with the lock of Optuna use that name
        self._lock = FileLock(journal.with_suffix(".flock"), fallback_to_soft=False)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Keep every other process from writing; may be entered again by the one that has it."""
        self.acquire()
        try:
            yield
        finally:
            self.release()

    def acquire(self) -> bool:
        """Wait for the lock, and leave the journal so that a line can be added."""
        try:
            self._lock.acquire()
            self._drop_unfinished_line()
        except OSError as error:
            raise GliofillError(f"{self.journal}: cannot be locked ({error}); tune on a disk with locks") from error
        return True

    def release(self) -> None:
        """Let the next process write."""
        self._lock.release()

    def _drop_unfinished_line(self) -> None:
        # of a process that was killed while it wrote, or had no space: it would spoil the line that comes after it
        if not self.journal.is_file():
            return
        with self.journal.open("rb+") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - 1, 0))
            if file.read(1) in (b"", b"\n"):
                return
            file.seek(0)
            file.truncate(file.read().rfind(b"\n") + 1)


def open_study(lock: JournalLock, name: str, pruner: optuna.pruners.BasePruner) -> optuna.Study:
    """Open a study of a journal, to be maximised; it is made if it is not there.

    Raises
    ------
    GliofillError
        If the file is no journal, or cannot be written or locked.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        with lock.held():
            return optuna.create_study(
                storage=JournalStorage(JournalFileBackend(str(lock.journal), lock)),
                study_name=name,
                direction="maximize",
                # only asked when Optuna draws parameters, and it never does: they are given
                sampler=optuna.samplers.RandomSampler(),
                pruner=pruner,
                load_if_exists=True,
            )
    except (OSError, LookupError, TypeError, ValueError, AssertionError) as error:
        raise GliofillError(
            f"{lock.journal}: is not an Optuna journal ({error}); move it away to start anew"
        ) from error
