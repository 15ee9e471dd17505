"""What records and notes say that an output folder holds: files, their checksums, and what makes them again."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from gliofill.derivatives import experiment_paths, paths
from gliofill.derivatives.imputation_record import ImputationRecord
from gliofill.derivatives.records import NOTES, Note, read_record
from gliofill.derivatives.session_record import SessionRecord
from gliofill.errors import GliofillError
from gliofill.files.atomic import read_json
from gliofill.files.typed_json import JsonRecord
from gliofill.verification.findings import Finding

#: of the records that lie beside images
RECORD_ENDING = "_qc.json"
#: of those that tell of whole sessions
SESSION_ENDING = Path(paths.session_qc("")).name


@dataclass(frozen=True)
class Claim:
    """What a record says of one file.

    Attributes
    ----------
    file
        Relative to the output folder.
    sha256
        Checksum from when it was written.
    remove
        What is to be removed beside it, so that the workflow makes it again.
    """

    file: str
    sha256: str
    remove: tuple[str, ...]


@dataclass
class Claims:
    """All claims of an output folder, and what is wrong with the records themselves.

    Attributes
    ----------
    by_file
        Claims by file.
    records
        Names of the records and notes that are sound.
    sessions
        The records of sessions among them, by their name.
    findings
        Records that are not.
    """

    by_file: dict[str, Claim] = field(default_factory=dict)
    records: set[str] = field(default_factory=set)
    sessions: dict[str, SessionRecord] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


def read_claims(output_dir: Path, files: list[str]) -> Claims:
    """Read every record among the files of an output folder, and every note.

    Parameters
    ----------
    output_dir
        Derivatives.
    files
        What lies there, relative to it.
    """
    claims = Claims()
    names = [name for name in files if name.endswith(RECORD_ENDING)]
    names += [f"{NOTES}/{path.name}" for path in sorted((output_dir / NOTES).glob("*.json"))]
    for name in names:
        try:
            record = _kind(name).from_json(read_record(output_dir / name), output_dir / name)
        except GliofillError as error:
            problem = str(error).removeprefix(f"{output_dir / name}: ").removesuffix(f"; {JsonRecord.REMEDY}")
            claims.findings.append(Finding(name, problem, remove=(name, *_outputs(output_dir, name))))
            continue
        listed = _files(record)
        claims.records.add(name)
        if isinstance(record, SessionRecord):
            claims.sessions[name] = record
        remove = _made_together(name, listed)
        claims.by_file |= {file: Claim(file, checksum, remove) for file, checksum in listed}
    claims.findings += _model_findings(output_dir, claims)
    return claims


def _kind(name: str) -> type[SessionRecord | ImputationRecord | Note]:
    """Return what a record or note is, by its name."""
    if name.startswith(NOTES):
        return Note
    return SessionRecord if name.endswith(SESSION_ENDING) else ImputationRecord


def _made_together(name: str, listed: list[tuple[str, str]]) -> tuple[str, ...]:
    """Return what to remove for the files of a record or note to be made again."""
    if not name.startswith(NOTES):
        return (name,)
    files = tuple(file for file, _ in listed)
    # the page over the cohort makes the pages of sessions again
    return (*files, paths.INDEX) if Path(name).stem.startswith("sub-") else files


def _files(record: SessionRecord | ImputationRecord | Note) -> list[tuple[str, str]]:
    """Return file and checksum of all that a record vouches for."""
    if isinstance(record, Note):
        return list(record.files.items())
    parts = record.parts if isinstance(record, SessionRecord) else (record,)
    return [pair for part in parts for checksums in (part.files, part.sidecars) for pair in checksums.items()]


def _outputs(output_dir: Path, note: str) -> tuple[str, ...]:
    """Return what a damaged note of a session or a subcommand stood for, as far as its name tells."""
    if not note.startswith(NOTES):
        return ()
    group = Path(note).stem
    outputs = {
        "coverage": (paths.COVERAGE, paths.QUALITY),
        "review": (paths.REVIEW,),
        "status": (paths.COMPLETE, paths.FAILURES),
        "report": (paths.INDEX, paths.SCORES, paths.CITATION),
        "audit": (paths.AUDIT_METRICS, paths.AUDIT_SUMMARY, paths.AUDIT_SESSIONS),
    }.get(group)
    if group.startswith("audit-"):
        parts = (output_dir / ".gliofill" / "audit" / group.removeprefix("audit-")).glob("*.tsv")
        outputs = tuple(path.relative_to(output_dir).as_posix() for path in parts)
    return outputs or (f"{group}.html", paths.INDEX)


def _model_findings(output_dir: Path, claims: Claims) -> Iterator[Finding]:
    """Add the weights of the models that were trained in the folder; yield descriptions that cannot be read."""
    for path in sorted(output_dir.glob(experiment_paths.model("*", "*", "*"))):
        name = path.relative_to(output_dir).as_posix()
        weights = str(Path(name).with_name("weights.safetensors"))
        try:
            claims.by_file[weights] = Claim(weights, str(read_json(path)["weights_sha256"]), (name,))
        except (GliofillError, KeyError):
            yield Finding(name, "cannot be read as the description of a model", remove=(name,))
