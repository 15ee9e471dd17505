"""Patients: participants of a dataset with what its ``participants.tsv`` says, those of one person taken together."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gliofill.errors import GliofillError
from gliofill.files.tables import read_texts

#: how BIDS writes an unknown value
UNKNOWN = "n/a"


@dataclass(frozen=True)
class Patient:
    """One person, under one participant label or several.

    Attributes
    ----------
    participants
        BIDS labels without ``sub-``, sorted; more than one if they share an alias.
    strata
        Values of the columns that a split is balanced over, in their order; ``n/a`` where unknown.
    """

    participants: tuple[str, ...]
    strata: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The first of the labels, with ``sub-``."""
        return f"sub-{self.participants[0]}"


def read_participants(path: Path) -> dict[str, dict[str, str]]:
    """Read ``participants.tsv``: for each label, without ``sub-``, its values by column.

    A byte order mark, Windows line ends and empty rows do no harm; values that a short row lacks are unknown.

    Raises
    ------
    GliofillError
        If the file cannot be read, has no column ``participant_id`` or one column twice, or has a participant twice or
        a row without one.
    """
    found = read_texts(path, blank=UNKNOWN)
    columns = found.columns
    rows = [(line, row) for line, row in found.rows if any(map(_text, row.values()))]
    if "participant_id" not in columns:
        raise GliofillError(f"{path}: has no column participant_id; columns are separated by tabs")
    if twice := [column for column in columns if columns.count(column) > 1]:
        raise GliofillError(f"{path}: column {twice[0]!r} occurs twice")
    table: dict[str, dict[str, str]] = {}
    for line, row in rows:
        label = _text(row["participant_id"]).removeprefix("sub-")
        if not label:
            raise GliofillError(f"{path}: line {line} has no participant_id")
        if label in table:
            raise GliofillError(f"{path}: line {line}: participant {label!r} occurs twice")
        table[label] = {column: _text(row[column]) or UNKNOWN for column in columns}
    return table


def _text(value: object) -> str:
    """Return a cell without the blanks around it; what a row has beyond the columns is no cell."""
    return value.strip() if isinstance(value, str) else ""


def group_patients(
    participants: Collection[str], path: Path | None, *, strata: Sequence[str] = (), alias: str = ""
) -> list[Patient]:
    """Group participants into patients.

    Parameters
    ----------
    participants
        Labels without ``sub-``.
    path
        ``participants.tsv``; None if nothing of it is needed.
    strata
        Columns whose values the patients carry.
    alias
        Column with a name of the person; participants with the same name are one patient. Empty: each is one.

    Returns
    -------
    list of Patient
        Sorted by first label.

    Raises
    ------
    GliofillError
        If a column is needed and there is no table, or it lacks the column or a participant.
    """
    columns = [*strata, *([alias] if alias else [])]
    table = _columns(participants, path, columns) if columns else {label: {} for label in participants}
    groups: dict[tuple[str, str], list[str]] = {}
    for label in sorted(participants):
        name = table[label].get(alias, UNKNOWN)
        # an unknown alias is no alias
        groups.setdefault(("label", label) if name == UNKNOWN else ("alias", name), []).append(label)
    return [Patient(tuple(group), tuple(table[group[0]][column] for column in strata)) for group in groups.values()]


def _columns(
    participants: Collection[str], path: Path | None, columns: Sequence[str]
) -> Mapping[str, Mapping[str, str]]:
    if path is None:
        raise GliofillError(f"columns {', '.join(columns)} are asked for, but no participants.tsv is named")
    table = read_participants(path)
    for label in sorted(participants):
        if label not in table:
            raise GliofillError(f"{path}: has no participant {label}; add a row, with n/a for what is unknown")
        for column in columns:
            if column not in table[label]:
                raise GliofillError(f"{path}: has no column {column}; it has {', '.join(table[label])}")
    return table
