"""In the place of `gliofill`: leaves the records of a session without images, to try what Snakemake starts and when.

The subcommands that work on the whole cohort are the real ones.
"""

import os
import sys
import time
from collections.abc import Collection, Sequence
from pathlib import Path

from gliofill.cohort.coverage import Row, read_session
from gliofill.contrasts import Contrast
from gliofill.derivatives import paths
from gliofill.derivatives.imputation_record import ImputationRecord
from gliofill.derivatives.records import note_checksums
from gliofill.derivatives.session_record import PreprocessedContrast, SessionRecord
from gliofill.files.atomic import write_text
from gliofill.report.pages.freshness import page_state
from gliofill.run.processes import cleaning_up


def leave_records(output: Path, subcommand: str, folder: str, contrast: str = "", rows: Sequence[Row] = ()) -> None:
    """Write what preprocess or impute leaves of a session; its rows are read if none are given."""
    if subcommand == "preprocess":
        _record(folder, PreprocessedContrast(status="ok", reason="")).write(output)
    else:
        record = ImputationRecord(session=folder, contrast=Contrast(contrast), version="0", status="ok", reason="")
        record.write(output)
    rows = rows or read_session(output / paths.COVERAGE, folder)
    records = [paths.imputed_qc(folder, Contrast(row.contrast)) for row in rows if row.action == "impute"]
    if all((output / record).is_file() for record in records):
        leave_page(output, folder, rows)


def leave_page(output: Path, folder: str, rows: Sequence[Row], failures: Collection[str] = ()) -> None:
    """Write a page, picture and viewer that say nothing, but that they are up to date."""
    state = page_state(output, folder, rows, failures)
    names = (paths.session_page(folder), paths.montage(folder), paths.viewer_volumes(folder))
    for name in names:
        write_text(output / name, f'<meta name="gliofill-state" content="{state}">')
    note_checksums(output, folder, names, anew=True)


def _main(subcommand: str, words: list[str]) -> int:
    if subcommand not in ("preprocess", "impute"):
        from gliofill.cli.main import main

        return main([subcommand, *words])
    start = time.monotonic()
    if seconds := float(os.environ.get("STAND_IN_SECONDS", 0)):
        time.sleep(seconds)
    if subcommand == "preprocess":
        if os.environ.get("STAND_IN_FAILS") == subcommand:
            return _fail(words[2])
        leave_records(Path.cwd(), subcommand, words[2])
    else:
        leave_records(Path.cwd(), subcommand, *words[1:3])
    with Path(f"times-{subcommand}.txt").open("a") as file:
        file.write(f"{start} {time.monotonic()}\n")
    return 0


def leave_failure(output: Path, folder: str) -> dict[str, str]:
    """Write the record of a session whose contrasts failed, and return why each did."""
    record = _record(folder, PreprocessedContrast(status="failed", reason="broken on purpose"))
    record.write(output)
    return record.failures


def _record(folder: str, every: PreprocessedContrast) -> SessionRecord:
    return SessionRecord(session=folder, version="0", contrasts=dict.fromkeys(Contrast, every))


def _fail(folder: str) -> int:
    """Record a failure of every contrast, and end as the real subcommand does then."""
    from gliofill.cli.cohort import verdict, write_page

    failures = leave_failure(Path.cwd(), folder)
    write_page(Path.cwd(), folder)
    return verdict({f"{folder} {name}": reason for name, reason in failures.items()})


if __name__ == "__main__":
    with cleaning_up():
        sys.exit(_main(sys.argv[1], sys.argv[2:]))
