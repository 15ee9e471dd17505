"""The state of a session that a page tells of: noted in the page, so that one which is out of date is known."""

import hashlib
import re
from collections.abc import Collection, Sequence
from dataclasses import astuple
from pathlib import Path

from gliofill.cohort.coverage import Row
from gliofill.contrasts import TASKS
from gliofill.derivatives import paths

#: the template of the page writes it in its head
_NOTE = re.compile(rb'<meta name="gliofill-state" content="([0-9a-f]{64})">')
#: the note stands before anything large
_HEAD_BYTES = 2000


def page_state(output_dir: Path, folder: str, rows: Sequence[Row], failures: Collection[str]) -> str:
    """Return a checksum of all that the page of a session is made from.

    Parameters
    ----------
    output_dir
        Derivatives.
    folder
        ``sub-X[/ses-Y]``.
    rows
        Its rows of the coverage table, which hold what a reviewer decided.
    failures
        Reasons why steps of the session failed, as its records or logs tell them.
    """
    digest = hashlib.sha256(repr([*map(astuple, rows), *failures]).encode())
    files = [paths.session_qc(folder)]
    for task in TASKS:
        files += [paths.imputed_qc(folder, task.target), paths.audit_panels(folder, task.target)]
    for file in files:
        path = output_dir / file
        # the records hold the checksums of the images
        digest.update(hashlib.sha256(path.read_bytes() if path.is_file() else b"").digest())
    return digest.hexdigest()


def written_state(output_dir: Path, folder: str) -> str:
    """Return the state that the page of a session tells of; empty if there is no page, or it tells none."""
    try:
        with (output_dir / paths.session_page(folder)).open("rb") as file:
            found = _NOTE.search(file.read(_HEAD_BYTES))
    except FileNotFoundError:
        return ""
    return found[1].decode() if found else ""
