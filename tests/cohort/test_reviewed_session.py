"""A session is reviewed once: by its rows and its record, with the imputations that are planned."""

from pathlib import Path

import pytest
from tests.support.records import imputation_record, session_record, unusable
from tests.support.reviewed import GOOD, cohort, coverage

from gliofill.cohort.reviewed_session import ReviewedSession, read_reviewed, review_cohort, unusable_images
from gliofill.contrasts import Contrast
from gliofill.derivatives import paths
from gliofill.errors import GliofillError
from gliofill.files.atomic import read_json, write_json

ROWS = coverage(dict.fromkeys(Contrast, GOOD))


def test_what_the_record_found_unusable_is_to_be_imputed() -> None:
    session = ReviewedSession.of(ROWS, session_record(FLAIR=unusable()))
    assert session.folder == "sub-01" and set(session.rows) == set(Contrast)
    assert session.to_impute == [Contrast.FLAIR] and session.outcomes[Contrast.T2W].action == "use"
    assert ReviewedSession.of(ROWS, session_record()).to_impute == []


def test_only_the_records_of_planned_imputations_are_read_and_only_those_that_are_there(tmp_path: Path) -> None:
    session = ReviewedSession.of(ROWS, session_record(FLAIR=unusable()))
    assert session.read_imputations(tmp_path) == {}
    made = imputation_record("sub-01", Contrast.FLAIR)
    made.write(tmp_path)
    imputation_record("sub-01", Contrast.T1W).write(tmp_path)  # of an earlier review
    assert session.read_imputations(tmp_path) == {Contrast.FLAIR: made}


def test_one_session_is_reviewed_as_in_its_cohort(tmp_path: Path) -> None:
    record = session_record(T1w=unusable())
    cohort(tmp_path, ROWS, record)
    session = read_reviewed(tmp_path, "sub-01")
    assert [session] == list(review_cohort(tmp_path)) and session.record == record
    assert unusable_images(tmp_path) == {("sub-01", Contrast.T1W)}
    with pytest.raises(GliofillError, match="has no session sub-02"):
        read_reviewed(tmp_path, "sub-02")


def test_a_damaged_record_is_named_by_file_and_key(tmp_path: Path) -> None:
    cohort(tmp_path, ROWS, session_record())
    path = tmp_path / paths.session_qc("sub-01")
    content = read_json(path)
    del content["Contrasts"]["T2w"]["status"]
    write_json(path, content)
    with pytest.raises(GliofillError, match=f"^{path}: Contrasts.T2w.status: is missing; delete the file and run"):
        list(review_cohort(tmp_path))
