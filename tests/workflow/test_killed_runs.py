"""A run that is killed at any moment is made whole by the same command, and does nothing twice."""

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import ROOT
from tests.support.killing import kill_when, leftovers, records, start_run, tree

from gliofill.cli.main import main
from gliofill.files.atomic import write_json
from gliofill.files.nifti import write_image

SESSIONS = ("sub-01", "sub-02", "sub-03")


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a dataset, stand-ins for the steps of a session, and a run that nobody disturbed."""
    folder = tmp_path_factory.mktemp("killed")
    prepare_stand_ins(folder)
    run = start_run(configure(folder, "whole"), environment=stand_ins(folder))
    assert run.wait(timeout=600) == 0, (folder / "whole.log").read_text()
    return folder


def prepare_stand_ins(folder: Path, sessions: Sequence[str] = SESSIONS) -> None:
    """Write a dataset of T2w, and a program that stands in for gliofill."""
    ball = np.linalg.norm(np.indices((30, 30, 30)) - 14.5, axis=0) < 12
    for session in sessions:
        write_image(folder / "raw" / session / "anat" / f"{session}_T2w.nii.gz", 1000 * ball, np.diag([5.0, 5, 5, 1]))
    (folder / "bin").mkdir()
    program = folder / "bin" / "gliofill"
    program.write_text(f"#!{sys.executable}\n{(ROOT / 'tests' / 'support' / 'stand_in.py').read_text()}")
    program.chmod(0o755)


def configure(folder: Path, name: str) -> Path:
    config = {"bids_dir": str(folder / "raw"), "output_dir": str(folder / name), "audit": {"sessions": 0}}
    write_json(folder / f"{name}.json", config | {"usability": {"max_pixel_mm": 5, "max_saturation": 1}})
    return folder / f"{name}.json"


def stand_ins(folder: Path, seconds: float = 0) -> Mapping[str, str]:
    return {"PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}", "STAND_IN_SECONDS": str(seconds)}


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
