"""What reads names, sidecars, headers and tables that others made, each as a function of bytes.

Whatever the bytes are, a target returns: what is read is a result or an error that says what is wrong, and anything
else leaves the target as it was raised. Hypothesis drives the targets in the suite, ``make fuzz`` by coverage.
"""

import gzip
import json
import logging
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

from gliofill.bids.filters import read_filters
from gliofill.bids.gadolinium import judge_gadolinium
from gliofill.bids.names import natural, parse_name
from gliofill.bids.sidecars import read_sidecar
from gliofill.cli.arguments import read_filter
from gliofill.cohort.decisions import read_decisions
from gliofill.config.settings import UsabilitySettings
from gliofill.derivatives.imputation_record import ImputationRecord
from gliofill.derivatives.session_record import SessionRecord
from gliofill.errors import GliofillError
from gliofill.files.atomic import read_json
from gliofill.learning.training.patients import read_participants
from gliofill.learning.training.split import read_split
from gliofill.quality.acquired.measurement import Measurement
from gliofill.quality.acquired.usability import header_problem, judge, measure

# as the command line does: it reports repairs
logging.getLogger("nibabel.global").setLevel(logging.CRITICAL)
_GOOD = Measurement(shape=(192, 224, 28), spacing_mm=(1.0, 1.0, 5.0), units="mm")
_NAME = parse_name("sub-01_acq-x_run-02_T1w.nii.gz")


def names(data: bytes) -> None:
    """Take a file name apart: it is refused with a reason, or can be put together again."""
    text = os.fsdecode(data)
    natural(text[:255])  # as long as names of files can be
    try:
        parsed = parse_name(text)
    except ValueError as error:
        assert str(error)
    else:
        assert str(parsed) == text
        judge_gadolinium(parsed.entities, {})


def sidecars(data: bytes) -> None:
    """Read a sidecar: its fields or a warning of one line; and judge an image by them, whatever they are."""
    found = read_sidecar(_file(data, ".json"))
    assert found.warning.isprintable()
    judge_gadolinium({}, found.content)
    judge(_GOOD, UsabilitySettings(), metadata=found.content)


def headers(data: bytes) -> None:
    """Measure a NIfTI file, plain, packed, or packed here: what is wrong with it is one line."""
    how, data = data[:1], data[1:]
    path = _file(gzip.compress(data, 1) if how == b"z" else data, ".nii" if how == b"n" else ".nii.gz")
    assert header_problem(path).isprintable()
    verdict = judge(measure(path), UsabilitySettings())
    assert verdict is None or verdict.sentence.isprintable()


def review_tables(data: bytes) -> None:
    """Read a reviewer's table."""
    _read(read_decisions, _file(data, ".tsv"))


def filters(data: bytes) -> None:
    """Read a BIDS filter from the command line, and try a name."""
    with suppress(GliofillError):
        for wanted in read_filters(read_filter("{" + data.decode("utf-8", "replace"))).values():
            wanted.mismatch(_NAME)


def json_files(data: bytes) -> None:
    """Read a record, or what describes a model."""
    _read(read_json, _file(data, ".json"))


def records(data: bytes) -> None:
    """Read bytes as the record of a session, and as that of an imputation."""
    path = _file(data, ".json")
    for kind in (SessionRecord, ImputationRecord):
        _read(lambda file, kind=kind: kind.from_json(read_json(file), file), path)


def participants(data: bytes) -> None:
    """Read a ``participants.tsv``."""
    _read(read_participants, _file(data, ".tsv"))


def splits(data: bytes) -> None:
    """Read a split made by hand."""
    _read(read_split, _file(data, ".tsv"))


#: by name
TARGETS: dict[str, Callable[[bytes], None]] = {
    target.__name__: target
    for target in (names, sidecars, headers, review_tables, filters, json_files, records, participants, splits)
}


def seeds() -> dict[str, list[bytes]]:
    """Return well-formed and damaged input for each target, to begin with."""
    from tests.support.damaged_inputs import EVIL, PLAIN

    table = "participant\tsession\tcontrast\tuse\treason\nsub-01\tses-1\tFLAIR\tno\tmotion\n"
    wanted = {"T1w": {"acquisition": ["x", None], "run": 2, "ceagent": "*"}}
    return {
        "names": [b"sub-01_ses-1_ce-gd_run-02_T1w.nii.gz", *map(os.fsencode, EVIL)],
        "sidecars": [b'{"ContrastBolusAgent": "Gd", "SliceThickness": 5, "SpacingBetweenSlices": 6}', b"[" * 9000],
        "headers": [b"n" + PLAIN[:2000], b"z" + PLAIN, b"p" + gzip.compress(PLAIN, mtime=0)],
        "review_tables": [table.encode(), b"\xef\xbb\xbf" + table.replace("\n", "\r\n").encode()],
        "filters": [json.dumps(wanted).encode()[1:], b'"T1w":{"run":"' + b"9" * 5000 + b'"}}', b'"a":{' * 9000],
        "json_files": [b'{"a": [1, null, "x"]}', b'{"a":' * 9000],
        "records": [
            b'{"Session": "a", "GliofillVersion": "1", "Contrasts": {"T2w": {"status": "ok", "reason": ""}}}',
            b'{"Session": "a", "GliofillVersion": "1", "Contrast": "FLAIR", "status": "gap", "reason": ""}',
        ],
        "participants": [b"participant_id\tage\nsub-01\t40\n", b'participant_id\n"sub-01\n', b"a\tb\nc\n"],
        "splits": [b"participant_id\tfold\tset\tpatient\nsub-01\t1\ttrain\tx\n", b"fold\n" + b"9" * 5000],
    }


def _read(reader: Callable[[Path], object], path: Path) -> None:
    """Let a reader succeed or tell in one line what is wrong with the file."""
    try:
        reader(path)
    except GliofillError as error:
        assert str(error).startswith((str(path), f"review table {path}"))
        assert str(error).isprintable(), str(error)


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """Return a folder in memory, which goes with this process."""
    return tempfile.TemporaryDirectory(prefix="gliofill-fuzz-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None)


def _file(data: bytes, ending: str) -> Path:
    path = Path(_folder().name) / f"input{ending}"
    path.write_bytes(data)
    return path
