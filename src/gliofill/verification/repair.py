"""Make the workflow build again what is damaged: what it would take for finished is removed."""

from collections.abc import Iterable
from pathlib import Path

from gliofill.errors import GliofillError
from gliofill.verification.findings import Finding


def mark_for_rebuild(output_dir: Path, findings: Iterable[Finding]) -> list[str]:
    """Remove damaged files, and the records and outputs that vouch for them; return what was removed.

    Only files that gliofill makes are removed. The next run makes the sessions of these files again, and no others.

    Raises
    ------
    GliofillError
        If a file cannot be removed.
    """
    removed = []
    for name in dict.fromkeys(name for finding in findings for name in finding.remove):
        path = output_dir / name
        try:
            path.unlink()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise GliofillError(f"{path}: cannot be removed ({error.strerror}); nothing after it was marked") from error
        removed.append(name)
    return removed
