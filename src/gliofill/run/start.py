"""What a run does before its first job, and what it tells all of its steps."""

import atexit
import os
import re
import sys
from collections.abc import Sequence

import psutil

from gliofill.bids.snapshot import record_dataset_state
from gliofill.config.settings import Settings
from gliofill.derivatives.external_masks import check_datasets
from gliofill.run.disk import check_answers
from gliofill.run.lock import release_lock, take_lock, unlock
from gliofill.run.processes import RUN, ProcessIdentity
from gliofill.run.space import check_room

#: environment variable that the workflow sets for its steps
STOP = "GLIOFILL_STOP_ON_FIRST_CRASH"
#: options with which Snakemake only looks at a run
LOOKS = frozenset(
    f"--{name}"
    for name in ("dry-run", "dryrun", "lint", "summary", "detailed-summary", "dag", "rulegraph", "filegraph", "report")
)


def start_run(settings: Settings, words: Sequence[str], *, cores: int, is_local: bool) -> None:
    """Check what the run needs, and hold the output folder until this process ends.

    Parameters
    ----------
    settings
        The configuration.
    words
        With which Snakemake was started. If it only looks, the folder is not held.
    cores
        Of all jobs together, on this machine.
    is_local
        Whether the steps run on this machine: those end with it.

    Raises
    ------
    GliofillError
        If another run holds the folder, a disk does not answer or is too full, or a dataset is not there.
    """
    os.environ.pop(RUN, None)
    if "--unlock" in words:
        unlock(settings.output_dir)
    elif not only_looks(words):
        check_answers(reads=[settings.bids_dir])
        found = take_lock(settings.output_dir, is_local=is_local, work_dir=settings.scratch)
        atexit.register(release_lock, settings.output_dir)
        if found:
            print(f"gliofill: {found}", file=sys.stderr)
        check_room(settings, side_by_side=max(1, cores // settings.threads.preprocess) if is_local else 0)
        if is_local:
            os.environ[RUN] = str(ProcessIdentity.own())
    check_datasets(settings.preprocess.derivatives)
    record_dataset_state(settings.bids_dir, settings.output_dir)


def only_looks(words: Sequence[str]) -> bool:
    """Tell whether Snakemake was asked for something else than a run.

    Examples
    --------
    >>> only_looks(["all", "-np"]), only_looks(["all", "--cores", "2"])
    (True, False)
    """
    return any(word in LOOKS or re.fullmatch("-[A-Za-z]*n[A-Za-z]*", word) for word in words)


def machine_resources() -> dict[str, int]:
    """Return what the jobs of this machine share: a GPU, and memory in megabytes, of which the system needs a tenth."""
    return {"gpu": 1, "mem_mb": int(0.9e-6 * psutil.virtual_memory().total)}


def tell_steps(settings: Settings) -> None:
    """Tell the steps of a run what does not change what they make: it is no parameter of their rules."""
    if settings.stop_on_first_crash:
        os.environ[STOP] = "1"


def stops_on_failure() -> bool:
    """Tell whether a step that would only record a failure must fail itself, so that the run ends with it."""
    return os.environ.get(STOP) == "1"
