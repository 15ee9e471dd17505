"""Any record of a session or an imputation, for hypothesis."""

from hypothesis import strategies as st

from gliofill.contrasts import Contrast
from gliofill.derivatives.imputation_record import DomainScore, ImputationRecord, SourceDomain
from gliofill.derivatives.session_record import (
    Attempt,
    BrainMask,
    Lesion,
    PreprocessedContrast,
    Registration,
    SessionRecord,
)
from gliofill.quality.verdict import CODES, Verdict

_text = st.text(max_size=8)
_numbers = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e9, max_value=1e9) | st.integers(-9, 9)
_scores = st.dictionaries(_text, _numbers, max_size=3)
_checksums = st.dictionaries(_text, _text, max_size=3)
_contrasts = st.sampled_from(Contrast)
_attempts = st.builds(Attempt, _text, _scores, _scores, _text)
_registrations = st.lists(_attempts, min_size=1, max_size=3).flatmap(
    lambda made: st.builds(
        Registration,
        target=_text,
        problem=_text,
        best=st.integers(0, len(made) - 1),
        attempts=st.just(tuple(made)),
    )
)
_verdicts = st.builds(Verdict, st.sampled_from(sorted(CODES)), _text, st.none() | _numbers, st.none() | _numbers)
_files = {"files": _checksums, "sidecars": _checksums}
_settings = st.dictionaries(_text, st.none() | _text | _numbers | st.lists(_text, max_size=2), max_size=3)


def _tuples(items: st.SearchStrategy) -> st.SearchStrategy:
    return st.lists(items, max_size=3).map(tuple)


_masks = st.builds(
    BrainMask,
    method=_text,
    volume_ml=st.none() | _numbers,
    model=_text,
    border_mm=st.none() | _numbers,
    voters=st.none() | _tuples(_contrasts),
    agreement=st.dictionaries(_contrasts, _numbers),
    sources=_tuples(_text),
    scores=_scores,
    **_files,
)
_entries = st.builds(
    PreprocessedContrast,
    status=st.sampled_from(("ok", "flagged", "unusable", "failed")),
    reason=_text,
    source=_text,
    registration=st.none() | _registrations,
    confirmed_by=st.none() | _contrasts,
    verdicts=st.none() | _tuples(_verdicts),
    identity=st.dictionaries(_text, _text | _numbers, max_size=2),
    **_files,
)
_lesions = st.builds(Lesion, status=_text, reason=_text, source=_text, grid=st.none() | _contrasts, **_files)

#: any record of a session, and of an imputation
session_records = st.builds(
    SessionRecord,
    session=_text,
    version=_text,
    reference=st.none() | _contrasts,
    bias_correction=st.none() | st.booleans(),
    spaces=_tuples(_text),
    brain_mask=st.none() | _masks,
    template_alignment=st.none() | _registrations,
    contrasts=st.dictionaries(_contrasts, _entries),
    lesion=st.none() | _lesions,
    problems=st.none() | _tuples(_text),
    settings=_settings,
)
imputation_records = st.builds(
    ImputationRecord,
    session=_text,
    contrast=_contrasts,
    version=_text,
    settings=_settings,
    model=_text,
    status=st.sampled_from(("ok", "gap", "failed")),
    reason=_text,
    source=st.none() | _contrasts,
    source_state=_text,
    demonstration=st.none() | st.booleans(),
    attribution=st.none() | _tuples(_text),
    domain=st.none()
    | st.builds(
        SourceDomain,
        st.booleans(),
        _tuples(_text),
        st.dictionaries(_text, st.builds(DomainScore, _numbers, _numbers, _numbers), max_size=2),
    ),
    **_files,
)
