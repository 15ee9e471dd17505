import json
import os

import pytest

from gliofill.bids import sidecars
from gliofill.bids.names import parse_name
from gliofill.bids.sidecars import SidecarFolder, inherit, read_sidecar


@pytest.fixture
def folder_of(tmp_path):
    """Return a function that writes JSON files into a folder and indexes them."""

    def write(name, **files):
        folder = tmp_path / name
        folder.mkdir(parents=True, exist_ok=True)
        for stem, content in files.items():
            (folder / f"{stem.replace('__', '-')}.json").write_text(json.dumps(content))
        return SidecarFolder(str(folder), sorted(path.name for path in folder.iterdir()))

    return write


IMAGE = parse_name("sub-01_acq-x_run-2_T1w.nii.gz")


def test_deeper_sidecars_override_shallower_ones_key_by_key(folder_of):
    root = folder_of("ds", T1w={"A": "root", "B": "root", "C": "root"})
    subject = folder_of("ds/sub-01", **{"sub__01_T1w": {"B": "subject", "C": "subject"}})
    anat = folder_of("ds/sub-01/anat", **{"sub__01_acq__x_run__2_T1w": {"C": "anat"}})
    inherited = inherit(IMAGE, [root, subject, anat])
    assert inherited.metadata == {"A": "root", "B": "subject", "C": "anat"}
    assert [path.parent.name for path in inherited.sidecars] == ["ds", "sub-01", "anat"]
    assert inherited.warnings == ()


@pytest.mark.parametrize(
    ("stem", "applies"),
    [
        ("T1w", True),
        ("acq__x_T1w", True),
        ("run__2_acq__x_T1w", True),
        ("sub__01_T1w", True),
        ("sub__02_T1w", False),
        ("acq__y_T1w", False),
        ("ce__gd_T1w", False),
        ("T2w", False),
        ("t1w", False),
    ],
)
def test_a_sidecar_applies_if_suffix_and_entities_are_the_images_own(folder_of, stem, applies):
    assert bool(inherit(IMAGE, [folder_of("ds", **{stem: {"A": 1}})]).metadata) is applies


def test_the_more_specific_of_two_in_one_folder_has_the_last_word(folder_of):
    root = folder_of("ds", T1w={"A": "any", "B": "any"}, acq__x_T1w={"A": "acq"})
    assert inherit(IMAGE, [root]).metadata == {"A": "acq", "B": "any"}


def test_every_file_is_read_once_and_only_if_it_applies(folder_of, monkeypatch):
    root = folder_of("ds", T1w={"A": 1}, bold={"A": 1}, sub__02_T1w={"A": 2})
    opened = []
    monkeypatch.setattr(sidecars, "read_sidecar", lambda path: opened.append(path.name) or read_sidecar(path))
    for run in range(3):
        inherit(parse_name(f"sub-01_run-{run}_T1w.nii"), [root])
    assert opened == ["T1w.json"]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"{", "cannot be read as JSON; ignored"),
        (b"", "cannot be read as JSON; ignored"),
        (b"\xff\xfe\x00", "cannot be read as JSON; ignored"),
        (b"[" * 100_000, "cannot be read as JSON; ignored"),
        (b"[1]", "is not a JSON object; ignored"),
        (b'{"A": "' + b"x" * 1_000_000 + b'"}', "cannot be read (larger than 1 MB); ignored"),
    ],
    ids=["cut", "empty", "binary", "deep", "list", "large"],
)
def test_a_damaged_sidecar_is_a_warning_and_the_others_still_count(tmp_path, content, complaint):
    (tmp_path / "T1w.json").write_text('{"A": 1}')
    (tmp_path / "sub-01_T1w.json").write_bytes(content)
    inherited = inherit(IMAGE, [SidecarFolder(str(tmp_path), ["T1w.json", "sub-01_T1w.json"])])
    assert inherited.warnings == (f"sidecar sub-01_T1w.json {complaint}",)
    assert inherited.metadata == {"A": 1}
    assert inherited.sidecars == (tmp_path / "T1w.json",)


def test_what_is_no_regular_file_is_never_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.json")  # opening it would wait for ever
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "gone.json").symlink_to("nowhere")
    assert "not a regular file" in read_sidecar(tmp_path / "pipe.json").warning
    assert "not a regular file" in read_sidecar(tmp_path / "folder.json").warning
    assert "No such file" in read_sidecar(tmp_path / "gone.json").warning


def test_a_byte_order_mark_is_no_damage(tmp_path):
    path = tmp_path / "T1w.json"
    path.write_bytes(b'\xef\xbb\xbf{"A": "\xc3\xa4"}')
    assert read_sidecar(path).content == {"A": "ä"}
