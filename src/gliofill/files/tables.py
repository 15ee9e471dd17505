"""Tables of tab-separated values with a BIDS data dictionary beside them: written whole, read in one place."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any

from gliofill.errors import GliofillError
from gliofill.files.atomic import whole_file, write_json

#: what stands in a cell that has no value, as BIDS wants it
MISSING = "n/a"

#: description of each column, or its whole entry in the data dictionary, in the order of the columns
Columns = Mapping[str, str | Mapping[str, Any]]


def write_table(path: Path, columns: Columns, rows: Iterable[Iterable[object]]) -> None:
    """Write a table and its data dictionary, each whole or not at all.

    Parameters
    ----------
    path
        Of the table, ending in ``.tsv``.
    columns
        In their order.
    rows
        Cells in that order.
    """
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, delimiter="\t", lineterminator="\n")
        table.writerow(columns)
        table.writerows(map(_in_one_row, row) for row in rows)
    write_dictionary(path, columns)


def _in_one_row(cell: object) -> object:
    # readers take a carriage return for the end of a row, and the writer does not quote it
    return cell.replace("\r", " ") if isinstance(cell, str) else cell


def write_dictionary(table: Path, columns: Columns, notes: Sequence[str] = ()) -> None:
    """Write the data dictionary of a table beside it; notes stand at its head."""
    entries = {name: {"Description": text} if isinstance(text, str) else text for name, text in columns.items()}
    write_json(table.with_suffix(".json"), {**({"Notes": list(notes)} if notes else {}), **entries})


def read_columns(path: Path, columns: Columns, *names: str, kind: str, made_by: str) -> Iterator[tuple[str, ...]]:
    """Yield some columns, two at least, of each row of a table that gliofill wrote, as texts.

    Parameters
    ----------
    path
        Of the table.
    columns
        All that it must have.
    *names
        Those that are wanted; all if none is named.
    kind, made_by
        For messages: what the table is, and the subcommand that writes it.

    Raises
    ------
    GliofillError
        If the file is missing or is no such table.
    """
    try:
        # every job of a run over thousands of sessions reads a table: pandas alone would take half a second to load
        with path.open(encoding="utf-8", newline="") as file:
            lines = csv.reader(file, delimiter="\t")
            head = next(lines, [])
            if missing := [name for name in columns if name not in head]:
                raise ValueError(f"has no column {missing[0]}")
            yield from map(itemgetter(*map(head.index, names or columns)), lines)
    except FileNotFoundError as error:
        raise GliofillError(f"{path}: no such file; run '{made_by}' first") from error
    except (ValueError, IndexError, csv.Error) as error:
        raise GliofillError(f"{path}: is not {kind} ({error}); delete it and run '{made_by}' again") from error


@dataclass(frozen=True)
class Texts:
    """Any table, as people write them.

    Attributes
    ----------
    columns
        Names in the header.
    rows
        Number of the line in the file, and cells by column; empty lines are left out.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[int, dict[str, str]], ...]


def read_texts(path: Path, *, blank: str = "", remedy: str = "") -> Texts:
    """Read a table that may have been written by hand.

    A byte order mark, Windows line ends and empty lines do no harm.

    Parameters
    ----------
    path
        Of the table.
    blank
        What stands for the cells that a short row lacks.
    remedy
        What to do if the file is missing, for the message.

    Raises
    ------
    GliofillError
        If the file is missing or cannot be read as a table.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, delimiter="\t", restval=blank)
            columns = tuple(reader.fieldnames or ())
            # what a row has beyond the columns is no cell
            rows = tuple((reader.line_num, {name: row[name] for name in columns}) for row in reader)
    except FileNotFoundError as error:
        raise GliofillError(f"{path}: no such file{f'; {remedy}' if remedy else ''}") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise GliofillError(f"{path}: cannot be read as a table ({error})") from error
    return Texts(columns, rows)
