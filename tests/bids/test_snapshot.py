import os
from collections.abc import Callable
from pathlib import Path

import pytest

from gliofill.bids.snapshot import DATASET_STATE, record_dataset_state
from gliofill.errors import GliofillError

FILES = (
    "dataset_description.json",
    "sub-01/anat/sub-01_T2w.nii.gz",
    "sub-01/func/sub-01_task-rest_bold.nii.gz",
    "sub-01/func/sub-01_task-rest_bold.json",
)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    # the name of the folder around the dataset holds that of the folder of anatomical images
    root = tmp_path / "anat" / "anat_study"
    for file in FILES:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_text("{}")
    return root


def state(dataset: Path, output: Path) -> str:
    record_dataset_state(dataset, output)
    return (output / DATASET_STATE).read_text()


def touch(path: Path) -> None:
    os.utime(path, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns + 1_000_000))


CHANGES: dict[str, tuple[Callable[[Path], object], bool]] = {
    "an image of another time": (lambda root: touch(root / FILES[1]), True),
    "a removed image": (lambda root: (root / FILES[1]).unlink(), True),
    "a new image": (lambda root: (root / "sub-01" / "anat" / "sub-01_FLAIR.nii.gz").touch(), True),
    "a sidecar outside anat": (lambda root: touch(root / FILES[3]), True),
    "a sidecar of the dataset": (lambda root: (root / FILES[0]).write_text("{ }"), True),
    "a functional image": (lambda root: touch(root / FILES[2]), False),
    "a new folder": (lambda root: (root / "derivatives").mkdir(), False),
}


@pytest.mark.parametrize("name", CHANGES)
def test_the_state_changes_with_images_and_sidecars_alone(name: str, dataset: Path, tmp_path: Path) -> None:
    change, is_seen = CHANGES[name]
    before = state(dataset, tmp_path / "out")
    change(dataset)
    assert (state(dataset, tmp_path / "out") != before) == is_seen


def test_a_note_that_is_true_is_not_written_again(dataset: Path, tmp_path: Path) -> None:
    state(dataset, tmp_path)
    written = (tmp_path / DATASET_STATE).stat().st_mtime_ns
    state(dataset, tmp_path)
    assert (tmp_path / DATASET_STATE).stat().st_mtime_ns == written


def test_what_is_no_dataset_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GliofillError, match="no such folder"):
        record_dataset_state(tmp_path / "absent", tmp_path)
    with pytest.raises(GliofillError, match=r"has no sub-\* folder"):
        record_dataset_state(tmp_path, tmp_path)
