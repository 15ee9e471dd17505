from pathlib import Path

import pytest

from gliofill.contrasts import Task
from gliofill.learning.volumes.cases import Case
from gliofill.learning.volumes.sessions import Sessions

pytestmark = pytest.mark.usefixtures("small_crop")


def test_both_groups_are_cropped_alike_and_come_from_the_cache_again(
    cases: list[Case], task: Task, tmp_path: Path
) -> None:
    sessions = Sessions(task, cases[:1], cases[1:])
    training, held_out = sessions.load(tmp_path / "cache")
    assert [volume.case.folder for volume in training] == ["sub-01/ses-pre"]
    assert [volume.case.folder for volume in held_out] == ["sub-02"]
    assert training[0].crop.shape[:2] == held_out[0].crop.shape[:2] == (32, 48)
    kept = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "cache").iterdir()}
    again, _ = sessions.load(tmp_path / "cache")
    assert kept and kept == {path.name: path.stat().st_mtime_ns for path in (tmp_path / "cache").iterdir()}
    assert (again[0].source == training[0].source).all()
