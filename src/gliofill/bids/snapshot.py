"""A note of the state of the raw dataset, whose change makes the workflow look at it again."""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from gliofill.errors import GliofillError
from gliofill.files.atomic import write_text

#: the note, relative to the output folder
DATASET_STATE = ".gliofill/dataset.txt"


def record_dataset_state(bids_dir: Path, output_dir: Path) -> None:
    """Note the state of the raw dataset in a file that changes only if the dataset does.

    The state is a checksum over name, size and time of every file below the participants' folders and of the JSON files
    above them. The rule ``coverage`` depends on the note, and so runs again when images come, go or change.

    Raises
    ------
    GliofillError
        If the dataset does not exist.
    """
    if not bids_dir.is_dir():
        raise GliofillError(f"bids_dir {bids_dir}: no such folder")
    if not any(bids_dir.glob("sub-*")):
        raise GliofillError(f"bids_dir {bids_dir}: has no sub-* folder; give the folder of a BIDS dataset")
    digest = hashlib.sha256()
    for line in sorted(_file_states(bids_dir)):
        digest.update(line.encode("utf-8", "surrogateescape"))
    note = output_dir / DATASET_STATE
    content = json.dumps({"bids_dir": str(bids_dir), "state": digest.hexdigest()}) + "\n"
    if not note.is_file() or note.read_text(encoding="utf-8") != content:
        write_text(note, content)


def _file_states(bids_dir: Path) -> Iterator[str]:
    with os.scandir(bids_dir) as entries:
        tops = list(entries)
    for entry in tops:
        if entry.is_dir() and entry.name.startswith("sub-"):
            yield from _participant_states(entry.path)
        elif entry.name.endswith(".json"):
            yield _file_state(entry.path)


def _participant_states(top: str) -> Iterator[str]:
    for folder, _, names in os.walk(top):
        # below the participant: the dataset itself may lie in a folder of any name
        is_anat = "anat" in Path(folder).relative_to(top).parts
        yield from (_file_state(f"{folder}/{name}") for name in names if is_anat or name.endswith(".json"))


def _file_state(path: str) -> str:
    try:
        stat = Path(path).stat()
    except OSError:
        return f"{path} unreadable"
    return f"{path} {stat.st_size} {stat.st_mtime_ns}\n"
