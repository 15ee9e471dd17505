"""The room that a run will need, so that it does not begin what it cannot end."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from gliofill.config.settings import Settings
from gliofill.derivatives import paths
from gliofill.errors import GliofillError
from gliofill.run.disk import free_bytes

#: measured, and rounded up: what a session with four contrasts leaves per output space, and its scratch (docs/scale.md)
RESULT_BYTES = 30_000_000
SCRATCH_BYTES = 450_000_000


def check_room(settings: Settings, *, side_by_side: int) -> None:
    """Refuse a run for which there is too little room.

    Parameters
    ----------
    settings
        The configuration.
    side_by_side
        Sessions that may be at work on this machine at a time; 0 if they are on others.

    Raises
    ------
    GliofillError
        Saying how much is needed, and how much there is.
    """
    sessions = sum(1 for _ in _unfinished(settings))
    if not (settings.check_space and sessions):
        return
    results = sessions * RESULT_BYTES * len(settings.preprocess.output_spaces)
    scratch = min(sessions, side_by_side) * SCRATCH_BYTES
    needs = {settings.output_dir: results}
    scratch_dir = Path(settings.scratch) if settings.scratch else settings.output_dir
    if _disk(scratch_dir) == _disk(settings.output_dir):
        needs[settings.output_dir] += scratch
    elif scratch:
        needs[scratch_dir] = scratch
    for folder, needed in needs.items():
        free = free_bytes(folder)
        if free < needed:
            raise GliofillError(
                f"{folder}: {sessions} sessions need about {needed / 1e9:.1f} GB there, {free / 1e9:.1f} GB are free; "
                "make room, choose another folder, or set check_space: false"
            )


def _disk(path: Path) -> int:
    while not path.exists():
        path = path.parent
    return path.stat().st_dev


def _unfinished(settings: Settings) -> Iterator[str]:
    """Yield the sessions that are chosen by name and have no record yet."""
    for participant in _folders(settings.bids_dir, "sub-"):
        label = participant.name.removeprefix("sub-")
        if label in settings.exclude_participants or (settings.participants and label not in settings.participants):
            continue
        visits = [f"{participant.name}/{visit.name}" for visit in _folders(Path(participant.path), "ses-")]
        for folder in visits or [participant.name]:
            visit = folder.partition("/ses-")[2]
            is_chosen = not settings.sessions or visit in settings.sessions
            if is_chosen and not (settings.output_dir / paths.session_qc(folder)).is_file():
                yield folder


def _folders(path: Path, prefix: str) -> Iterable["os.DirEntry[str]"]:
    try:
        with os.scandir(path) as entries:
            return [entry for entry in entries if entry.name.startswith(prefix) and entry.is_dir()]
    except OSError:
        return []
