"""What the coverage table asks the workflow to do, session by session."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path

from gliofill.cohort.coverage import read_cells
from gliofill.contrasts import Contrast


@dataclass(frozen=True)
class WorkList:
    """The work of a cohort.

    Attributes
    ----------
    sessions
        All of them, also those without any usable image.
    images
        For each session to be preprocessed, its acquired images relative to the raw dataset.
    fillings
        For each session with gaps to fill, the contrasts to synthesise.
    """

    sessions: tuple[str, ...] = ()
    images: Mapping[str, list[str]] = field(default_factory=dict)
    fillings: Mapping[str, list[Contrast]] = field(default_factory=dict)

    @cached_property
    def firsts(self) -> dict[str, str]:
        """For each session that is not its participant's first, the one that is.

        The first is that of the sessions to be preprocessed whose label sorts first.

        Examples
        --------
        >>> WorkList(images={"sub-01/ses-02": [], "sub-01/ses-01": [], "sub-02": []}).firsts
        {'sub-01/ses-02': 'sub-01/ses-01'}
        """
        first: dict[str, str] = {}
        for folder in sorted(self.images):
            first.setdefault(folder.split("/")[0], folder)
        return {folder: own for folder in self.images if (own := first[folder.split("/")[0]]) != folder}


def read_worklist(table: Path) -> WorkList:
    """Read the work from a coverage table; the same state of the file is read once per process.

    The workflow asks for every single job: without a memory its time would grow with the square of the cohort.

    Raises
    ------
    GliofillError
        If the file is not a coverage table.
    """
    stat = table.stat()
    return _read_state(table, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=1)
def _read_state(table: Path, _time_ns: int, _size: int) -> WorkList:
    sessions: dict[str, None] = {}
    images: dict[str, list[str]] = {}
    fillings: dict[str, list[Contrast]] = {}
    names = ("participant_id", "session_id", "contrast", "action", "file")
    for participant, session, contrast, action, file in read_cells(table, *names):
        folder = participant if session == "n/a" else f"{participant}/{session}"
        sessions[folder] = None
        if action == "use":
            images.setdefault(folder, []).append(file)
        elif action == "impute":
            fillings.setdefault(folder, []).append(Contrast(contrast))
    return WorkList(tuple(sessions), images, fillings)
