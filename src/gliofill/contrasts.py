"""The four anatomical contrasts of a glioma session, and which of them can be synthesised."""

from dataclasses import dataclass
from enum import StrEnum


class Contrast(StrEnum):
    """One of the four MRI contrasts that glioma segmentation needs.

    The value is the short key used in tables, configuration and command lines.

    Examples
    --------
    >>> Contrast("T1post").suffix, Contrast("T1post").ce_entity
    ('T1w', 'ce-gadolinium')
    """

    T1POST = "T1post"
    T1W = "T1w"
    T2W = "T2w"
    FLAIR = "FLAIR"

    @property
    def suffix(self) -> str:
        """BIDS suffix; T1w before and after gadolinium share one."""
        return "T1w" if self is Contrast.T1POST else self.value

    @property
    def ce_entity(self) -> str:
        """BIDS contrast-enhancement entity of the derivatives, empty if there is none."""
        return "ce-gadolinium" if self is Contrast.T1POST else ""


@dataclass(frozen=True)
class Task:
    """An image-to-image mapping that the method of ISMRM 2022 abstract 3460 covers."""

    source: Contrast
    target: Contrast

    @property
    def name(self) -> str:
        """Name used for rules, folders and models.

        Examples
        --------
        >>> Task(Contrast.T2W, Contrast.FLAIR).name
        'T2w-to-FLAIR'
        """
        return f"{self.source}-to-{self.target}"


TASKS = (Task(Contrast.T2W, Contrast.FLAIR), Task(Contrast.T1POST, Contrast.T1W))


def find_task(name: str) -> Task:
    """Return the task of that name.

    Raises
    ------
    ValueError
        If no task has that name.
    """
    for task in TASKS:
        if task.name == name:
            return task
    raise ValueError(f"unknown task {name!r}: expected one of {', '.join(t.name for t in TASKS)}")


def task_filling(target: Contrast) -> Task | None:
    """Return the task that synthesises `target`, or None where no honest mapping exists.

    Examples
    --------
    >>> task_filling(Contrast.FLAIR).source
    <Contrast.T2W: 'T2w'>
    >>> task_filling(Contrast.T1POST) is None
    True
    """
    return next((task for task in TASKS if task.target is target), None)
