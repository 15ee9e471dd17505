"""What records and notes say that an output folder holds: files, their checksums, and what makes them again."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gliofill.derivatives import experiment_paths, paths
from gliofill.derivatives.records import NOTES, read_record
from gliofill.errors import GliofillError
from gliofill.files.atomic import read_json
from gliofill.verification.findings import Finding

#: of the records that lie beside images
RECORD_ENDING = "_qc.json"


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
        Content of the records that are sound, by their name.
    findings
        Records that are not.
    """

    by_file: dict[str, Claim]
    records: dict[str, dict[str, Any]]
    findings: list[Finding]


def read_claims(output_dir: Path, files: list[str]) -> Claims:
    """Read every record among the files of an output folder, and every note.

    Parameters
    ----------
    output_dir
        Derivatives.
    files
        What lies there, relative to it.
    """
    claims = Claims({}, {}, [])
    names = [name for name in files if name.endswith(RECORD_ENDING)]
    names += [f"{NOTES}/{path.name}" for path in sorted((output_dir / NOTES).glob("*.json"))]
    for name in names:
        try:
            content = read_record(output_dir / name)
            listed = list(_files(content))
        except (GliofillError, AttributeError, TypeError, ValueError) as error:
            problem = str(error).partition(f"{output_dir / name}: ")[2] or "is not a record"
            claims.findings.append(Finding(name, problem, remove=(name, *_outputs(output_dir, name))))
            continue
        claims.records[name] = content
        remove = _made_together(name, listed)
        claims.by_file |= {file: Claim(file, checksum, remove) for file, checksum in listed}
    claims.findings += _model_findings(output_dir, claims)
    return claims


def _made_together(name: str, listed: list[tuple[str, str]]) -> tuple[str, ...]:
    """Return what to remove for the files of a record or note to be made again."""
    if not name.startswith(NOTES):
        return (name,)
    files = tuple(file for file, _ in listed)
    # the page over the cohort makes the pages of sessions again
    return (*files, paths.INDEX) if Path(name).stem.startswith("sub-") else files


def _files(record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield file and checksum of all that a record vouches for."""
    parts = [record, *record.get("Contrasts", {}).values()]
    parts += [record.get(part, {}) for part in ("BrainMask", "Lesion")]
    for part in parts:
        for kind in ("files", "sidecars"):
            yield from part.get(kind, {}).items()


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
