import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gliofill.errors import GliofillError
from gliofill.files.tables import read_columns, read_texts, write_dictionary, write_table

COLUMNS = {"name": "Who.", "kind": {"Description": "What.", "Levels": {"a": "one"}}, "note": "Why."}
MADE = {"kind": "a table of names", "made_by": "gliofill name"}


def test_table_and_dictionary_are_written_beside_each_other(tmp_path: Path) -> None:
    write_table(tmp_path / "t.tsv", COLUMNS, [("x", "a", 1), ("y", "b", "n/a")])
    assert (tmp_path / "t.tsv").read_bytes() == b"name\tkind\tnote\nx\ta\t1\ny\tb\tn/a\n"
    assert json.loads((tmp_path / "t.json").read_text()) == {
        "name": {"Description": "Who."},
        "kind": {"Description": "What.", "Levels": {"a": "one"}},
        "note": {"Description": "Why."},
    }
    write_dictionary(tmp_path / "t.tsv", COLUMNS, ["Read this."])
    assert list(json.loads((tmp_path / "t.json").read_text())) == ["Notes", *COLUMNS]


CELL = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@given(st.lists(st.tuples(CELL, CELL, CELL), max_size=5))
def test_any_texts_survive_the_round_trip(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str]]
) -> None:
    path = tmp_path_factory.mktemp("tables") / "t.tsv"
    write_table(path, COLUMNS, rows)
    rows = [(name.replace("\r", " "), kind.replace("\r", " "), note.replace("\r", " ")) for name, kind, note in rows]
    assert list(read_columns(path, COLUMNS, **MADE)) == rows
    assert list(read_columns(path, COLUMNS, "note", "name", **MADE)) == [(note, name) for name, _, note in rows]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"no such file; run 'gliofill name' first"),
        (
            b"name\tkind\nx\ta\n",
            r"is not a table of names \(has no column note\); delete it and run 'gliofill name' again",
        ),
        (b"", r"has no column name"),
        (b"name\tkind\tnote\nx\n", r"is not a table of names \(tuple index out of range|list index out of range"),
        (b"name\tkind\tnote\n\xff\ta\tb\n", r"is not a table of names \('utf-8' codec"),
    ],
    ids=["missing", "lacks a column", "empty", "short row", "not text"],
)
def test_what_is_no_such_table_is_refused_in_one_line(tmp_path: Path, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / "t.tsv").write_bytes(content)
    with pytest.raises(GliofillError, match=message) as caught:
        list(read_columns(tmp_path / "t.tsv", COLUMNS, **MADE))
    assert "\n" not in str(caught.value)


def test_tables_of_people_may_have_windows_line_ends_empty_lines_and_short_rows(tmp_path: Path) -> None:
    path = tmp_path / "participants.tsv"
    path.write_bytes(b"\xef\xbb\xbfparticipant_id\tgrade\r\nsub-01\thigh\r\n\r\nsub-02\r\nsub-03\tlow\tmore\r\n")
    found = read_texts(path, blank="n/a")
    assert found.columns == ("participant_id", "grade")
    assert found.rows == (
        (2, {"participant_id": "sub-01", "grade": "high"}),
        (4, {"participant_id": "sub-02", "grade": "n/a"}),
        (5, {"participant_id": "sub-03", "grade": "low"}),
    )


@given(st.binary())
def test_any_bytes_are_read_or_refused_in_one_line(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("texts") / "t.tsv"
    path.write_bytes(content)
    try:
        read_texts(path)
    except GliofillError as error:
        assert str(error).startswith(f"{path}: cannot be read as a table (")
