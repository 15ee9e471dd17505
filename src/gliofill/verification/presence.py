"""What should be in an output folder and is not, and what is there and should not be."""

from collections.abc import Collection, Iterable, Iterator
from itertools import groupby
from pathlib import Path

from gliofill.cohort.coverage import Row, read_coverage
from gliofill.cohort.reviewed_session import ReviewedSession
from gliofill.derivatives import paths
from gliofill.derivatives.records import note_name
from gliofill.errors import GliofillError
from gliofill.files.atomic import TEMPORARY, read_json
from gliofill.verification.claims import Claims
from gliofill.verification.findings import RUN, Finding

#: what only gliofill gives its files as names
OWN_NAMES = ("_desc-preproc_", "_desc-imputed", "_desc-uncertainty_", "_desc-brain_mask", "_seg-lesion_", "_xfm.txt")


def undescribed(output_dir: Path) -> Iterator[Finding]:
    """Yield what the description of the dataset does not tell."""
    name = "dataset_description.json"
    remove = (paths.COVERAGE,)  # the step that writes the description
    try:
        content = read_json(output_dir / name)
    except GliofillError as error:
        yield Finding(name, str(error).removeprefix(f"{output_dir / name}: "), remove=remove)
        return
    makers = content.get("GeneratedBy")
    maker = makers[0] if isinstance(makers, list) and makers and isinstance(makers[0], dict) else {}
    links = content.get("DatasetLinks")
    if maker.get("Name") != "gliofill" or not maker.get("Version"):
        yield Finding(name, "does not say what made the dataset (GeneratedBy)", remove=remove)
    if not (isinstance(links, dict) and links.get("raw")):
        yield Finding(name, "does not say where the raw dataset is (DatasetLinks.raw)", remove=remove)


def unfinished(output_dir: Path, claims: Claims) -> Iterator[Finding]:
    """Yield the records and pages that the coverage table plans and that are not there."""
    try:
        rows = read_coverage(output_dir / paths.COVERAGE)
    except GliofillError:
        yield Finding(paths.COVERAGE, "is missing or damaged: what should be there is not known", RUN)
        return
    damaged = {finding.file for finding in claims.findings}
    for folder, group in groupby(rows, key=lambda row: row.folder):
        for record in _planned_records(folder, list(group), claims):
            if record not in claims.records and record not in damaged:
                yield Finding(record, "is not there: this step is not done, or its record was deleted", RUN)
        page, note = paths.session_page(folder), note_name(folder)
        if note not in claims.records and note not in damaged:
            yield _unvouched_page(output_dir, page)


def _unvouched_page(output_dir: Path, page: str) -> Finding:
    if (output_dir / page).is_file():
        return Finding(page, "has no checksum", remove=(page, paths.INDEX))
    # the page over the cohort comes last, and renews those of the sessions
    if (output_dir / paths.INDEX).is_file():
        return Finding(page, "is not there", remove=(paths.INDEX,))
    return Finding(page, "is not there", RUN)


def _planned_records(folder: str, rows: list[Row], claims: Claims) -> Iterator[str]:
    record = paths.session_qc(folder)
    if any(row.action == "use" for row in rows):
        yield record
    for contrast in ReviewedSession.of(rows, claims.sessions.get(record)).to_impute:
        yield paths.imputed_qc(folder, contrast)


def find_strays(present: Iterable[str], claims: Claims, pending: Collection[str]) -> tuple[list[Finding], list[str]]:
    """Return temporary files and derivatives that no record knows, and the files of others among the sessions.

    Parameters
    ----------
    present
        What lies in the output folder, relative to it.
    claims
        What the records say.
    pending
        Folders whose records are missing or damaged: their next run decides about the files there.
    """
    findings, foreign = [], []
    known = set(claims.by_file) | claims.records | {finding.file for finding in claims.findings}
    for file in present:
        name = Path(file).name
        if name.startswith(TEMPORARY):
            findings.append(Finding(file, "is a temporary file of a step that was killed", remove=(file,)))
        elif file in known or not file.startswith("sub-") or "/" not in file:
            continue
        elif any(mark in name for mark in OWN_NAMES):
            if str(Path(file).parent) not in pending:
                findings.append(Finding(file, "is in no record", remove=(file,)))
        elif "/figures/" not in file:
            foreign.append(file)
    return findings, foreign
