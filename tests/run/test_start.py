"""What comes before the first job of a run."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from gliofill.bids.snapshot import DATASET_STATE
from gliofill.config.settings import Settings
from gliofill.errors import GliofillError
from gliofill.run.lock import read_lock_holder, release_lock
from gliofill.run.processes import RUN, ProcessIdentity
from gliofill.run.start import STOP, machine_resources, only_looks, start_run, stops_on_failure, tell_steps


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """Give a dataset of one session without images."""
    (tmp_path / "bids" / "sub-01").mkdir(parents=True)
    monkeypatch.setenv(RUN, "of another run")
    monkeypatch.delenv(STOP, raising=False)
    settings = Settings(tmp_path / "bids", tmp_path / "out")
    yield settings
    release_lock(settings.output_dir)


@pytest.mark.parametrize("words", [["-n"], ["-np"], ["all", "--dry-run"], ["--lint"], ["--report", "page.html"]])
def test_options_that_only_look_are_known(words: list[str]) -> None:
    assert only_looks(words)


@pytest.mark.parametrize("words", [[], ["all", "-c", "2"], ["--config", "note=n"], ["--keep-going", "train"]])
def test_everything_else_is_a_run(words: list[str]) -> None:
    assert not only_looks(words)


def test_a_run_holds_the_folder_and_names_itself_to_its_steps(settings: Settings) -> None:
    start_run(settings, ["all"], cores=2, is_local=True)
    holder = read_lock_holder(settings.output_dir)
    assert holder is not None and holder.process == ProcessIdentity.own() and holder.is_local
    assert os.environ[RUN] == str(ProcessIdentity.own())
    assert (settings.output_dir / DATASET_STATE).is_file()


def test_steps_on_a_cluster_do_not_end_with_the_run(settings: Settings) -> None:
    start_run(settings, ["all"], cores=1, is_local=False)
    holder = read_lock_holder(settings.output_dir)
    assert holder is not None and not holder.is_local and RUN not in os.environ


def test_who_only_looks_does_not_hold_the_folder(settings: Settings) -> None:
    start_run(settings, ["all", "-n"], cores=1, is_local=True)
    assert read_lock_holder(settings.output_dir) is None and RUN not in os.environ
    assert (settings.output_dir / DATASET_STATE).is_file()


def test_a_run_that_has_no_room_is_refused(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gliofill.run.space.free_bytes", lambda folder: 1000)
    with pytest.raises(GliofillError, match="make room"):
        start_run(settings, [], cores=1, is_local=True)


def test_steps_learn_that_the_first_crash_stops_the_run(settings: Settings) -> None:
    tell_steps(settings)
    assert not stops_on_failure()
    tell_steps(Settings(settings.bids_dir, settings.output_dir, stop_on_first_crash=True))
    assert stops_on_failure()
    os.environ.pop(STOP)


def test_jobs_share_a_gpu_and_most_of_the_memory() -> None:
    resources = machine_resources()
    assert (
        resources["gpu"] == 1
        and 100 < resources["mem_mb"] < os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e6
    )
