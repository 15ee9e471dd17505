from pathlib import Path

from gliofill.derivatives.records import NOTES, note_checksums
from gliofill.files.atomic import read_json


def test_a_note_keeps_what_others_noted_and_forgets_when_asked_to(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
        note_checksums(tmp_path, "sub-01", [tmp_path / name])
    assert set(read_json(tmp_path / NOTES / "sub-01.json")["files"]) == {"a", "b"}
    note_checksums(tmp_path, "sub-01", ["b"], anew=True)
    assert set(read_json(tmp_path / NOTES / "sub-01.json")["files"]) == {"b"}
