import hashlib
from pathlib import Path

import pytest

from gliofill.errors import GliofillError
from gliofill.files.atomic import read_json, sha256, whole_file, write_json, write_text


def test_a_file_that_breaks_off_leaves_what_was_there(tmp_path: Path) -> None:
    write_text(tmp_path / "file", "first")
    with pytest.raises(RuntimeError), whole_file(tmp_path / "file") as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert (tmp_path / "file").read_text() == "first"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_file_can_be_read_by_whom_the_umask_allows(tmp_path: Path) -> None:
    write_text(tmp_path / "file", "text")
    (tmp_path / "plain").write_text("text")
    assert (tmp_path / "file").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_json_keeps_its_order_and_holds_no_nan(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"z": 1, "a": "ä"})
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == '{\n  "z": 1,\n  "a": "ä"\n}\n'
    assert read_json(tmp_path / "a.json") == {"z": 1, "a": "ä"}
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "b.json", {"x": float("nan")})
    assert not (tmp_path / "b.json").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file"),
        (b"{", "cannot be read as JSON"),
        (b"[1]", "holds a JSON list, an object is needed"),
        (b"\xff\xfe", "cannot be read as JSON"),
        (b"[" * 100_000, "cannot be read as JSON"),
    ],
    ids=["missing", "cut", "a list", "no text", "deep"],
)
def test_what_is_no_object_is_refused_by_name(tmp_path: Path, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(GliofillError, match=rf"a\.json: {message}"):
        read_json(tmp_path / "a.json")


def test_checksum_is_sha256(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    assert sha256(tmp_path / "file") == hashlib.sha256(b"abc").hexdigest()
