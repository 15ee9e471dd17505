"""Which GPU a process takes where it sees several: its own, as long as there are enough.

SLURM shows each job the GPU that it gave it. On a workstation with two GPUs Snakemake starts two jobs
(``--resources gpu=2``) and both see both; each then holds a file locked for the GPU that it took. The operating system
frees the lock when the process ends, however it ends.
"""

import getpass
import os
import tempfile
from functools import cache
from itertools import count as rounds
from pathlib import Path

from filelock import FileLock, Timeout

from gliofill.errors import GliofillError

# as long as the process lives
_HELD: list[FileLock] = []


@cache
def take_gpu(visible: int) -> int:
    """Return the index of the GPU that this process takes, the same one whenever it asks.

    Parameters
    ----------
    visible
        How many GPUs the process sees, at least 1.
    """
    if visible == 1:
        return 0
    names = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    # of this machine and user: a shared disk would confuse the GPUs of two machines
    folder = Path(tempfile.gettempdir()) / f"gliofill-gpus-{getpass.getuser()}"
    index, lock = lease(names if len(names) == visible else [str(index) for index in range(visible)], folder)
    _HELD.append(lock)
    return index


def lease(names: list[str], folder: Path) -> tuple[int, FileLock]:
    """Lock the first GPU with the fewest processes on it.

    Parameters
    ----------
    names
        Of the GPUs, the same in all processes.
    folder
        Of the locks, on a disk of this machine.

    Returns
    -------
    index : int
        Of the GPU in `names`.
    lock : FileLock
        To be kept; the GPU is free when it is released.

    Raises
    ------
    GliofillError
        If the folder cannot be written or has no locks.
    """
    for processes in rounds():
        for index, name in enumerate(names):
            lock = FileLock(folder / f"gpu-{name}-{processes}.lock", fallback_to_soft=False)
            try:
                folder.mkdir(parents=True, exist_ok=True)
                lock.acquire(blocking=False)
            except Timeout:
                continue
            except OSError as error:
                raise GliofillError(
                    f"{folder}: cannot be locked ({error}); set TMPDIR to a folder of this machine, "
                    "or CUDA_VISIBLE_DEVICES to one GPU"
                ) from error
            return index, lock
    raise AssertionError("there is always a further round")
