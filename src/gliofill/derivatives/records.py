"""What vouches for the files of an output folder: records that hold checksums, and a checksum of their own.

The record of a session and that of an imputation are BIDS files beside the images. Tables, pages and pictures have
notes in ``.gliofill/checksums``, one per session and one per subcommand that works on the cohort.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from gliofill.errors import GliofillError
from gliofill.files.atomic import read_json, sha256, write_json
from gliofill.files.typed_json import JsonRecord

#: key of a record's own checksum
SEAL = "RecordSHA256"

#: folder of the notes, relative to the output folder
NOTES = ".gliofill/checksums"


def seal(content: Mapping[str, object]) -> str:
    """Return the checksum of a record: SHA-256 of its content without the seal, however it is spaced.

    Examples
    --------
    >>> record = {"Session": "sub-01"}
    >>> seal(record) == seal({**record, "RecordSHA256": "..."})
    True
    """
    plain = {key: value for key, value in content.items() if key != SEAL}
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def write_record(path: Path, content: Mapping[str, object]) -> None:
    """Write a record with its own checksum, whole or not at all."""
    plain = json.loads(json.dumps(content))
    write_json(path, {**plain, SEAL: seal(plain)})


def read_record(path: Path) -> dict[str, object]:
    """Read a record and check its seal.

    Raises
    ------
    GliofillError
        If it is missing, not a record, or not as it was written.
    """
    content = read_json(path)
    if SEAL not in content:
        raise GliofillError(f"{path}: has no checksum of its own; an earlier version wrote it")
    if content[SEAL] != seal(content):
        raise GliofillError(f"{path}: is not as it was written")
    return content


@dataclass(frozen=True)
class Note(JsonRecord):
    """Checksums (SHA-256) of files, by name relative to the output folder."""

    files: Mapping[str, str]


def note_name(group: str) -> str:
    """Return the note of a session (``sub-01/ses-pre``) or of a subcommand, relative to the output folder.

    Examples
    --------
    >>> note_name("sub-01/ses-pre")
    '.gliofill/checksums/sub-01_ses-pre.json'
    """
    return f"{NOTES}/{group.replace('/', '_')}.json"


def note_checksums(output_dir: Path, group: str, files: Iterable[str | Path], *, anew: bool = False) -> None:
    """Note the checksums of files that were just written, beside what the note holds already of others.

    Parameters
    ----------
    output_dir
        Derivatives.
    group
        The session, or the subcommand: what is made again as a whole.
    files
        Relative to `output_dir`, or below it.
    anew
        Forget what the note held before.
    """
    path = output_dir / note_name(group)
    known = {} if anew else _known(path)
    for file in files:
        name = (output_dir / file).relative_to(output_dir).as_posix()
        known[name] = sha256(output_dir / name)
    write_record(path, Note(known).to_json())


def _known(note: Path) -> dict[str, str]:
    """Return what a note holds; nothing if it is missing or damaged, and what it held then counts as unvouched."""
    try:
        return dict(Note.from_json(read_record(note), note).files)
    except GliofillError:
        return {}


def with_dictionary(table: str) -> tuple[str, str]:
    """Return a table and its data dictionary.

    Examples
    --------
    >>> with_dictionary("failures.tsv")
    ('failures.tsv', 'failures.json')
    """
    return table, table.removesuffix(".tsv") + ".json"
