"""Records of sessions and imputations, small ones with a wanted fate."""

from gliofill.contrasts import Contrast
from gliofill.derivatives.imputation_record import ImputationRecord
from gliofill.derivatives.session_record import PreprocessedContrast, SessionRecord
from gliofill.quality.verdict import Verdict

WRONG = Verdict("wrong-contrast", "looks like a T2w", 1.8, 1.15)


def unusable(verdict: Verdict = WRONG) -> PreprocessedContrast:
    return PreprocessedContrast(status="unusable", reason=verdict.sentence, verdicts=(verdict,))


def failed(reason: str) -> PreprocessedContrast:
    return PreprocessedContrast(status="failed", reason=reason)


def session_record(folder: str = "sub-01", **entries: PreprocessedContrast) -> SessionRecord:
    """Return the record of a session in which the named contrasts differ from ok."""
    ok = PreprocessedContrast(status="ok", reason="", verdicts=())
    return SessionRecord(session=folder, version="0.1.0", contrasts={c: entries.get(c, ok) for c in Contrast})


def imputation_record(folder: str, contrast: Contrast, status: str = "ok", reason: str = "") -> ImputationRecord:
    return ImputationRecord(session=folder, contrast=contrast, version="0.1.0", status=status, reason=reason)
