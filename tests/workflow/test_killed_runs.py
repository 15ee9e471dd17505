"""A run that is killed at any moment is made whole by the same command, and does nothing twice."""

import signal
from pathlib import Path

import pytest
from tests.support.killing import kill_when, leftovers, records, start_run, tree
from tests.support.stand_ins import configure, prepare_stand_ins, stand_ins

from gliofill.cli.main import main


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a dataset, stand-ins for the steps of a session, and a run that nobody disturbed."""
    folder = tmp_path_factory.mktemp("killed")
    prepare_stand_ins(folder)
    run = start_run(configure(folder, "whole"), environment=stand_ins(folder))
    assert run.wait(timeout=600) == 0, (folder / "whole.log").read_text()
    return folder


def test_a_run_killed_three_times_is_completed_by_the_same_command_and_equal_to_an_undisturbed_one(
    cohort: Path,
) -> None:
    config, output = configure(cohort, "killed"), cohort / "killed"
    done: dict[str, int] = {}
    for number, sign in enumerate((signal.SIGKILL, signal.SIGTERM, signal.SIGINT), start=1):
        run = start_run(config, environment=stand_ins(cohort, seconds=2))
        # in the middle of the next step after one more record
        code = kill_when(run, sign, lambda: len(records(output)) > len(done))  # noqa: B023
        assert code != 0, f"the run was over before signal {number}"
        assert {name: records(output).get(name) for name in done} == done
        done = records(output)
        # what a killed step held is given back at once, but by SIGKILL, after which the next start does so
        assert code == -signal.SIGKILL or not leftovers(output)
    run = start_run(config, environment=stand_ins(cohort))
    assert run.wait(timeout=600) == 0, config.with_suffix(".log").read_text()
    assert not leftovers(output)
    assert {name: records(output)[name] for name in done} == done, "a finished session was made again"
    # the stand-ins note their times; the viewer comes with a page that an interrupted step got from the real program
    without = ("report", *(f"times-{subcommand}.txt" for subcommand in ("preprocess", "impute")))
    assert tree(output, *without) == tree(cohort / "whole", *without)
    assert "was killed; its lock and " in config.with_suffix(".log").read_text()
    assert main(["verify", str(output)]) == 0


#: Snakemake, which gets SIGTERM while it notes the end of a job
STOPPED_WHILE_NOTING = """
import os, signal
from snakemake.cli import main
from snakemake.scheduling.job_scheduler import JobScheduler

note = JobScheduler._finish_jobs

def stop_and_note(self):
    if self._tofinish:
        os.kill(os.getpid(), signal.SIGTERM)
    note(self)

JobScheduler._finish_jobs = stop_and_note
main()
"""


def test_a_run_that_is_stopped_while_it_notes_the_end_of_a_job_ends(cohort: Path) -> None:
    config, output = configure(cohort, "stopped"), cohort / "stopped"
    run = start_run(config, environment=stand_ins(cohort), program=("-c", STOPPED_WHILE_NOTING))
    try:
        assert run.wait(timeout=90) == 1
    finally:
        run.kill()
    assert "Will exit after finishing currently running jobs" in config.with_suffix(".log").read_text()
    assert not leftovers(output)
