"""The records of sessions and imputations: what is written comes back, early ones are read, damaged ones are named."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.any_records import imputation_records, session_records
from tests.support.records import session_record

from gliofill.contrasts import Contrast
from gliofill.derivatives import paths
from gliofill.derivatives.imputation_record import ImputationRecord, read_imputation_record
from gliofill.derivatives.records import SEAL
from gliofill.derivatives.session_record import SessionRecord, read_session_record
from gliofill.errors import GliofillError
from gliofill.files.atomic import read_json, write_json

RECORDS = {"session": (SessionRecord, session_records), "imputation": (ImputationRecord, imputation_records)}

_ATTEMPT = {"start": "x", "before": {}, "after": {}, "problem": ""}
#: as the first gliofill wrote it: no target, no sidecars, no verdicts, no settings, no checksum of its own
EARLY = {
    "Session": "sub-01",
    "GliofillVersion": "0.1.0",
    "Reference": "T1post",
    "BiasCorrection": True,
    "BrainMask": {"method": "template", "volume_mL": 1400.5, "sources": ["bids:raw:a"], "files": {"a": "0"}},
    "TemplateAlignment": {
        "problem": "",
        "best": 0,
        "attempts": [{"start": "x", "before": {}, "after": {}, "problem": ""}],
    },
    "Contrasts": {
        "T1post": {"status": "ok", "reason": "", "source": "bids:raw:a", "files": {"b": "1"}},
        "T2w": {"status": "failed", "reason": "N4 broke", "source": "bids:raw:b"},
    },
    "Lesion": {"status": "failed", "reason": "not reached", "source": "bids:raw:c"},
    "Problems": [],
}
EARLY_IMPUTATION = {
    "Session": "sub-01",
    "Contrast": "FLAIR",
    "GliofillVersion": "0.1.0",
    "Model": "demo-1",
    "status": "ok",
    "reason": "no such image in the dataset",
    "source": "T2w",
    "source_state": "ok",
    "demonstration": True,
    "files": {"a": "0"},
}


@pytest.mark.parametrize("kind", RECORDS)
@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_what_is_written_comes_back(kind: str, data: st.DataObject) -> None:
    cls, records = RECORDS[kind]
    record = data.draw(records)
    text = json.dumps(record.to_json(), allow_nan=False)
    assert cls.from_json(json.loads(text), "x.json") == record
    assert json.dumps(cls.from_json(json.loads(text), "x.json").to_json()) == text


def places(content: object) -> Iterator[tuple[object, ...]]:
    """Yield the way to each value of a JSON object."""
    inside = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for name, item in inside:
        yield (name,)
        yield from ((name, *rest) for rest in places(item))


@pytest.mark.parametrize("kind", RECORDS)
@given(data=st.data())
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_damaged_record_is_read_or_named_in_one_line_by_file_and_key(kind: str, data: st.DataObject) -> None:
    cls, records = RECORDS[kind]
    content = json.loads(json.dumps(data.draw(records).to_json()))
    *way, last = data.draw(st.sampled_from(list(places(content))))
    inner = content
    for step in way:
        inner = inner[step]
    wrong = data.draw(st.sampled_from((None, 1, 1.5, 10**400, True, "\n", [], [1], {}, {"\n": 1}, "gone")))
    if wrong == "gone":
        del inner[last]
    else:
        inner[last] = wrong
    try:
        cls.from_json(content, "x.json")
    except GliofillError as error:
        assert str(error).isprintable() and str(error).endswith("; delete the file and run the same command again")
        assert str(error).startswith(f"x.json: {(*way, last)[0]}".replace("\n", "\\n").split("\\")[0])


def test_records_of_the_first_version_are_read_and_keep_what_they_say() -> None:
    record = SessionRecord.from_json(EARLY, "x.json")
    assert record.to_json() == EARLY and list(record.to_json()) == list(EARLY)
    assert not record.is_aligned_to_first and record.contrasts[Contrast.T1POST].verdicts is None
    imputation = ImputationRecord.from_json(EARLY_IMPUTATION, "x.json")
    assert imputation.to_json() == EARLY_IMPUTATION and imputation.domain_problems == ()


def test_a_record_is_written_with_its_checksum_and_read_without(tmp_path: Path) -> None:
    record = session_record()
    record.write(tmp_path)
    content = read_json(tmp_path / paths.session_qc("sub-01"))
    assert list(content)[-1] == SEAL and read_session_record(tmp_path, "sub-01") == record
    assert read_session_record(tmp_path, "sub-02") is None
    assert read_imputation_record(tmp_path, "sub-01", Contrast.FLAIR) is None


def test_a_registration_whose_best_attempt_is_not_there_is_refused(tmp_path: Path) -> None:
    path = tmp_path / paths.session_qc("sub-01")
    write_json(path, {**EARLY, "TemplateAlignment": {**EARLY["TemplateAlignment"], "best": 3}})
    with pytest.raises(GliofillError, match=f"^{path}: TemplateAlignment: best is 3, there are 1 attempts; delete"):
        read_session_record(tmp_path, "sub-01")


def test_a_session_aligned_to_its_first_says_so() -> None:
    alignment = {**EARLY["TemplateAlignment"], "target": "bids::sub-01/ses-1/anat/x.nii.gz"}
    assert SessionRecord.from_json({**EARLY, "TemplateAlignment": alignment}, "x.json").is_aligned_to_first
    alignment["target"] = paths.SPACE
    assert not SessionRecord.from_json({**EARLY, "TemplateAlignment": alignment}, "x.json").is_aligned_to_first
