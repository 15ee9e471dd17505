"""In the place of `gliofill`: leaves the records of a session without images, to try what Snakemake starts and when.

The verbs that work on the whole cohort are the real ones.
"""

import os
import sys
import time
from pathlib import Path
from typing import Any

from gliofill.bids import derivatives
from gliofill.bids.records import note_checksums, write_record
from gliofill.contrasts import Contrast
from gliofill.images import write_text
from gliofill.processes import cleaning_up

OK: dict[str, Any] = {"status": "ok", "reason": ""}


def leave_records(output: Path, verb: str, folder: str, contrast: str = "") -> None:
    """Write what a job of the verbs preprocess, impute or report leaves of a session."""
    if verb == "preprocess":
        manifest = {"Session": folder, "Contrasts": dict.fromkeys(Contrast, OK)}
        write_record(output / derivatives.session_qc(folder), manifest)
    elif verb == "impute":
        write_record(output / derivatives.imputed_qc(folder, Contrast(contrast)), OK)
    else:
        names = (derivatives.session_page(folder), derivatives.montage(folder), derivatives.viewer_volumes(folder))
        for name in names:
            write_text(output / name, "{}")
        note_checksums(output, folder, names, anew=True)


def _main(verb: str, words: list[str]) -> int:
    if verb not in ("preprocess", "impute", "report") or len(words) < 2 or words[1].startswith("-"):
        from gliofill.cli import main

        return main([verb, *words])
    start = time.monotonic()
    if seconds := float(os.environ.get("STAND_IN_SECONDS", 0)):
        time.sleep(seconds)
    if verb == "preprocess":
        leave_records(Path.cwd(), verb, words[2])
        if os.environ.get("STAND_IN_FAILS") == verb:
            return _fail(words[2])
    else:
        leave_records(Path.cwd(), verb, *words[1 : 3 if verb == "impute" else 2])
    with Path(f"times-{verb}.txt").open("a") as file:
        file.write(f"{start} {time.monotonic()}\n")
    return 0


def _fail(folder: str) -> int:
    """Record a failure of every contrast, and end as the real verb does then."""
    from gliofill.verbs.cohort import verdict

    contrasts = {str(contrast): {"status": "failed", "reason": "broken on purpose"} for contrast in Contrast}
    write_record(Path.cwd() / derivatives.session_qc(folder), {"Session": folder, "Contrasts": contrasts})
    return verdict({f"{folder} {name}": entry for name, entry in contrasts.items()})


if __name__ == "__main__":
    with cleaning_up():
        sys.exit(_main(sys.argv[1], sys.argv[2:]))
