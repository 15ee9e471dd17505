"""Compare an output folder with what its records say of it."""

import os
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path

from gliofill.derivatives import experiment_paths, paths
from gliofill.errors import GliofillError
from gliofill.files.atomic import sha256
from gliofill.verification.claims import RECORD_ENDING, Claim, Claims, read_claims
from gliofill.verification.findings import Finding
from gliofill.verification.marks import kind_of, problems
from gliofill.verification.presence import find_strays, undescribed, unfinished


@dataclass(frozen=True)
class Verification:
    """What was looked at, and what was found.

    Attributes
    ----------
    files, size
        Files whose checksum was compared, and their bytes.
    findings
        What is wrong, ordered by file.
    foreign
        Files among the sessions that gliofill did not make; they are left alone.
    """

    files: int
    size: int
    findings: tuple[Finding, ...]
    foreign: tuple[str, ...]


def verify_output(output_dir: Path, *, threads: int = 1) -> Verification:
    """Look whether every file of an output folder is as it was written, and whether all that should be there is.

    Nothing is written, and the raw dataset is not needed.

    Parameters
    ----------
    output_dir
        Derivatives.
    threads
        Files read at a time.

    Raises
    ------
    GliofillError
        If the folder was not made by gliofill.
    """
    _check_maker(output_dir)
    present = list(_walk(output_dir))
    claims = read_claims(output_dir, present)
    findings = [*claims.findings, *undescribed(output_dir), *unfinished(output_dir, claims)]
    owners = {claim.sha256: claim.file for claim in claims.by_file.values()}
    with ThreadPoolExecutor(threads) as pool:
        for found in pool.map(partial(_compare, output_dir, claims, owners), claims.by_file.values()):
            findings += found
    pending = {str(Path(finding.file).parent) for finding in findings if finding.file.endswith(RECORD_ENDING)}
    strays, foreign = find_strays(present, claims, pending)
    size = sum((output_dir / file).stat().st_size for file in claims.by_file if (output_dir / file).is_file())
    return Verification(len(claims.by_file), size, tuple(_one_per_file([*findings, *strays])), tuple(foreign))


def _check_maker(output_dir: Path) -> None:
    if not output_dir.is_dir():
        raise GliofillError(f"{output_dir}: no such folder")
    if not (output_dir / ".gliofill").is_dir() and not (output_dir / "dataset_description.json").is_file():
        raise GliofillError(f"{output_dir}: is not an output folder of gliofill; give the folder with its derivatives")


def _walk(output_dir: Path) -> Iterator[str]:
    """Yield the files of pages, tables and sessions, and what is hidden there, but not logs and notes of the run."""
    left_out = {".snakemake", ".gliofill", paths.LOGS, experiment_paths.ROOT, paths.PAGE_ASSETS}
    for folder, folders, names in os.walk(output_dir):
        if Path(folder) == output_dir:
            folders[:] = [name for name in folders if name not in left_out]
        folders.sort()
        yield from (Path(folder, name).relative_to(output_dir).as_posix() for name in sorted(names))


def _compare(output_dir: Path, claims: Claims, owners: Mapping[str, str], claim: Claim) -> list[Finding]:
    """Return what is wrong with a file: its content, and the marks and the sidecar if it is an image."""
    remove = (*claim.remove, claim.file)
    try:
        checksum = sha256(output_dir / claim.file)
    except FileNotFoundError:
        return [Finding(claim.file, "is missing", remove=remove)]
    except OSError as error:
        return [Finding(claim.file, f"cannot be read ({error.strerror})", remove=remove)]
    findings = list(_marks(output_dir, claim))
    if checksum != claim.sha256:
        other = owners.get(checksum)
        problem = f"has the content of {other}" if other else "is not as it was written"
        findings.append(Finding(claim.file, problem, remove=remove))
    return findings


def _marks(output_dir: Path, claim: Claim) -> Iterator[Finding]:
    kind, sidecar = kind_of(claim.file), paths.sidecar(claim.file)
    if kind is None:
        return
    for path, problem in problems(output_dir / claim.file, output_dir / sidecar, kind):
        file = path.relative_to(output_dir).as_posix()
        yield Finding(file, problem, remove=(*claim.remove, file))


def _one_per_file(findings: Iterable[Finding]) -> list[Finding]:
    """Return one finding per file, which names all its problems."""
    ordered = sorted(findings, key=lambda finding: finding.file)
    merged = []
    for file, group in groupby(ordered, key=lambda finding: finding.file):
        own = list(group)
        problem = ", ".join(dict.fromkeys(finding.problem for finding in own))
        remove = tuple(dict.fromkeys(name for finding in own for name in finding.remove))
        remedy = next((finding.remedy for finding in own if finding.remove), own[0].remedy)
        merged.append(Finding(file, problem, remedy, remove))
    return merged
