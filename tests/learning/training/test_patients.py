from pathlib import Path

import pytest

from gliofill.errors import GliofillError
from gliofill.learning.training.patients import group_patients, read_participants


def test_missing_column_participant_or_table_is_named(tmp_path: Path) -> None:
    table = tmp_path / "participants.tsv"
    table.write_text("participant_id\tgrade\nsub-1\t2\nsub-2\t\n")
    assert read_participants(table)["2"]["grade"] == "n/a"
    with pytest.raises(GliofillError, match="has no column subtype; it has participant_id, grade"):
        group_patients(["1"], table, strata=["subtype"])
    with pytest.raises(GliofillError, match="has no participant 9"):
        group_patients(["9"], table, strata=["grade"])
    with pytest.raises(GliofillError, match=r"no participants\.tsv is named"):
        group_patients(["1"], None, strata=["grade"])


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfparticipant_id\tgrade\nsub-1\t2\nsub-2\t3\n",
        b"participant_id\tgrade\r\nsub-1\t2\r\nsub-2\t3\r\n",
        b"participant_id\tgrade\n\nsub-1\t2\n\t\n\t\t\t\nsub-2\t3",
        b"grade\tage\tparticipant_id\n2\t40\tsub-1\n3\t41\t 2 \n",
        b"participant_id\tgrade\nsub-1\t2\tand\tmore\nsub-2\t3\n",
        b"participant_id\tgrade\nsub-1\t2\nsub-2\t3\nsub-nobody\n",
    ],
    ids=["byte order mark", "Windows", "empty rows", "other order", "too many cells", "short row of another"],
)
def test_harmless_flaws_of_a_table_of_participants_are_coped_with(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "participants.tsv").write_bytes(content)
    patients = group_patients(["1", "2"], tmp_path / "participants.tsv", strata=["grade"])
    assert [patient.strata for patient in patients] == [("2",), ("3",)]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "has no column participant_id; columns are separated by tabs"),
        (b"participant_id,grade\nsub-1,2\n", "has no column participant_id; columns are separated by tabs"),
        (b"participant_id\tgrade\nsub-1\t2\nsub-1\t3\n", "line 3: participant '1' occurs twice"),
        (b"participant_id\tgrade\nsub-1\t2\n1\t2\n", "line 3: participant '1' occurs twice"),
        (b"participant_id\tgrade\tgrade\nsub-1\t2\t3\n", "column 'grade' occurs twice"),
        (b"participant_id\tgrade\nsub-1\t2\n\t3\n", "line 3 has no participant_id"),
        (b"participant_id\tgrade\nsub-1\t\xff\xfe\n", "cannot be read as a table"),
        ("participant_id\tgrade\nsub-1\t2\n".encode("utf-16"), "cannot be read as a table"),
        (b"participant_id\tgrade\nsub-1\t" + b"x" * 200_000, "cannot be read as a table"),
        (b"participant_id\tage\nsub-1\t2\n", "has no column grade; it has participant_id, age"),
        (b"participant_id\tgrade\nsub-7\t2\n", "has no participant 1; add a row, with n/a for what is unknown"),
    ],
    ids=[
        *("empty", "commas", "twice", "twice without sub", "column twice", "no participant"),
        *("not UTF-8", "UTF-16", "huge cell", "no column", "not in it"),
    ],
)
def test_a_damaged_table_of_participants_is_told_in_one_line(tmp_path: Path, content: bytes, complaint: str) -> None:
    (tmp_path / "participants.tsv").write_bytes(content)
    with pytest.raises(GliofillError) as error:
        group_patients(["1"], tmp_path / "participants.tsv", strata=["grade"])
    told = str(error.value)
    assert told.startswith(f"{tmp_path / 'participants.tsv'}: ") and complaint in told and told.isprintable()
