"""What can be wrong with an output folder, in one line."""

from dataclasses import asdict, dataclass, field

REBUILD = "gliofill verify --repair marks it to be made again"
RUN = "run the same command again"


@dataclass(frozen=True)
class Finding:
    """One file that is not as it should be.

    Attributes
    ----------
    file
        Relative to the output folder.
    problem
        What is wrong.
    remedy
        What to do.
    remove
        Files without which the workflow makes the damaged one again, and that one itself; relative to the output
        folder. Empty if a run does so anyway, or only a person can repair it.
    """

    file: str
    problem: str
    remedy: str = REBUILD
    remove: tuple[str, ...] = field(default=())

    @property
    def line(self) -> str:
        """The finding in one line, whatever the file is called.

        Examples
        --------
        >>> Finding("sub-01.html", "is missing", "run the same command again").line
        'sub-01.html: is missing; run the same command again'
        """
        return f"{_printable(self.file)}: {self.problem}; {self.remedy}"

    def as_mapping(self) -> dict[str, object]:
        """Return the finding for JSON."""
        return asdict(self)


def _printable(name: str) -> str:
    """Return a file name in which nothing can break a line or a terminal."""
    return name if name.isprintable() else repr(name)
