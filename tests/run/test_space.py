"""A run begins only if there is room for what it will write."""

from dataclasses import replace
from pathlib import Path

import pytest

from gliofill.config.settings import PreprocessSettings, Settings
from gliofill.derivatives import paths
from gliofill.errors import GliofillError
from gliofill.files.atomic import write_json
from gliofill.run import space
from gliofill.run.space import RESULT_BYTES, SCRATCH_BYTES, check_room


@pytest.fixture
def three_sessions(tmp_path: Path) -> Settings:
    """Give a dataset of three sessions, one of them with a label."""
    for name in ("sub-01", "sub-02", "sub-03/ses-a"):
        (tmp_path / "bids" / name).mkdir(parents=True)
    return Settings(tmp_path / "bids", tmp_path / "out")


def test_a_run_without_room_is_refused_with_numbers(three_sessions: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    needed = 3 * RESULT_BYTES + 2 * SCRATCH_BYTES
    monkeypatch.setattr(space, "free_bytes", lambda _: needed - 1)
    with pytest.raises(GliofillError, match=r"3 sessions need about 1\.0 GB there, 1\.0 GB are free; make room"):
        check_room(three_sessions, side_by_side=2)
    check_room(replace(three_sessions, check_space=False), side_by_side=2)
    # what is done needs no room, nor do sessions that were not asked for
    check_room(replace(three_sessions, participants=("02",)), side_by_side=2)
    write_json(three_sessions.output_dir / paths.session_qc("sub-03/ses-a"), {})
    check_room(three_sessions, side_by_side=2)
    monkeypatch.setattr(space, "free_bytes", lambda _: 2 * 2 * RESULT_BYTES + 2 * SCRATCH_BYTES - 1)
    both = PreprocessSettings(output_spaces=("template", "native"))
    with pytest.raises(GliofillError, match="2 sessions need"):
        check_room(replace(three_sessions, preprocess=both), side_by_side=2)


def test_scratch_on_another_disk_is_looked_at_there(
    three_sessions: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    monkeypatch.setattr(space, "_disk", lambda path: path == scratch)
    elsewhere = replace(three_sessions, work_dir=str(scratch))
    monkeypatch.setattr(space, "free_bytes", lambda path: 10**9 if path == scratch else 3 * RESULT_BYTES)
    check_room(elsewhere, side_by_side=2)
    with pytest.raises(GliofillError, match=rf"^{scratch}: 3 sessions need about 1\.4 GB"):
        check_room(elsewhere, side_by_side=3)
