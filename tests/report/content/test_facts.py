"""Verdicts and warnings of a session's page: whole sentences, from all stages, each once."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.records import failed, imputation_record, session_record, unusable
from tests.support.reviewed import GOOD, coverage

from gliofill.cohort.coverage import Row, plan_gap
from gliofill.cohort.reviewed_session import ReviewedSession
from gliofill.contrasts import Contrast
from gliofill.derivatives.imputation_record import SourceDomain
from gliofill.derivatives.session_record import SessionRecord
from gliofill.report.content.facts import verdict_lines, warnings
from gliofill.report.status.session import SessionFacts, read_facts

SENTENCE = "cannot be read: the file ends early; 12 of 28 slices are there"


def facts(folder: Path, rows: list[Row], record: SessionRecord) -> SessionFacts:
    return read_facts(folder, ReviewedSession.of(rows, record))


def unreadable(contrast: Contrast, states: dict[str, str], *, has_model: bool = True) -> list[Row]:
    """Return the rows of a session, one of whose images cannot be read for a reason that has a semicolon."""
    action, source, reason = plan_gap(contrast, SENTENCE, has_model, states)
    changed = {"status": "unusable", "action": action, "source": source, "reason": reason, "code": "unreadable"}
    rows = coverage(dict.fromkeys(Contrast, GOOD))
    return [replace(row, **changed) if row.contrast == contrast else row for row in rows]


@pytest.mark.parametrize(
    ("contrast", "states", "has_model"),
    [
        (Contrast.FLAIR, {"T2w": "ok"}, True),
        (Contrast.FLAIR, {"T2w": "missing"}, True),
        (Contrast.FLAIR, {"T2w": "unusable"}, True),
        (Contrast.FLAIR, {"T2w": "ok"}, False),
        (Contrast.T1POST, {}, True),
    ],
    ids=["filled", "no source", "unusable source", "no model", "no task"],
)
def test_the_fault_of_an_acquired_image_is_told_whole_and_without_what_follows_from_it(
    tmp_path: Path, contrast: Contrast, states: dict[str, str], has_model: bool
) -> None:
    (line,) = verdict_lines(facts(tmp_path, unreadable(contrast, states, has_model=has_model), session_record()))
    assert (line.contrast, line.code, line.sentence) == (contrast, "unreadable", SENTENCE)


def test_verdicts_of_all_stages_stand_in_the_order_of_the_contrasts(tmp_path: Path) -> None:
    rows = unreadable(Contrast.FLAIR, {"T2w": "ok"})
    outside = SourceDomain(known=True, problems=("its noise is 3",), scores={})
    replace(imputation_record("sub-01", Contrast.FLAIR), domain=outside).write(tmp_path)
    lines = verdict_lines(facts(tmp_path, rows, session_record(T1post=failed("N4 broke"), T1w=unusable())))
    assert [(line.contrast, line.code, line.about) for line in lines] == [
        ("T1post", "failed", "preprocessing"),
        ("T1w", "wrong-contrast", "preprocessed image"),
        ("FLAIR", "unreadable", "acquired image"),
        ("FLAIR", "outside-training-data", "source of the synthetic image"),
    ]
    assert (lines[1].value, lines[1].threshold, lines[0].value) == ("1.8", "1.15", "n/a")


def test_each_warning_is_given_once_and_gaps_come_last(tmp_path: Path) -> None:
    outside = SourceDomain(known=True, problems=("its noise is 3",), scores={})
    made = replace(imputation_record("sub-01", Contrast.FLAIR), domain=outside, demonstration=True)
    made.write(tmp_path)
    record = replace(session_record(T1post=unusable()), problems=("no lesion labels",))
    found = warnings(facts(tmp_path, unreadable(Contrast.FLAIR, {"T2w": "ok"}), record))
    assert found[0] == "no lesion labels" and found.count("synthetic FLAIR: its noise is 3") == 1
    assert "demonstration model" in found[-2] and found[-1].startswith("T1post stays missing: looks like a T2w")
