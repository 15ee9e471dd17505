"""A real SLURM on this machine runs the workflow through the profile, and bad things happen on the way."""

import os
import re
import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import yaml
from nilearn.datasets import load_mni152_template
from tests.conftest import ROOT, run_gliofill
from tests.slurm.cluster import Cluster, Head, Job, do_once, processes, running_cluster, table
from tests.support.sessions import TASK, write_session
from tests.support.small_experiment import write_recipe

from gliofill.derivatives import paths
from gliofill.files.atomic import write_text
from gliofill.files.nifti import write_image

pytestmark = pytest.mark.slurm

SESSIONS = ("sub-01", "sub-02", "sub-03")
TRIALS = 4


@dataclass
class Story:
    """What happened: the run that was disturbed and killed, its second start, and a tuning beside it."""

    cluster: Cluster
    folder: Path
    first: Head
    tuning: Head
    second: Head | None = None
    exit_codes: dict[str, int] = field(default_factory=dict)
    finished_before: dict[Path, int] = field(default_factory=dict)
    failures: str = ""

    @property
    def cohort(self) -> Path:
        """Output folder of the cohort."""
        return self.folder / "cohort"

    @property
    def jobs(self) -> list[Job]:
        """Every job that SLURM was given."""
        return self.cluster.jobs()


def _write_cohort(folder: Path) -> Path:
    """Write three sessions of a stripped T2w of 5 mm, a model to fill their FLAIR with, and the configuration."""
    template = load_mni152_template(resolution=5)
    brain = template.get_fdata() / template.get_fdata().max()
    for number, session in enumerate(SESSIONS):
        image = np.where(brain > 0.05, 1200 - 1000 * brain, 0) + np.random.default_rng(number).random(brain.shape)
        write_image(folder / "raw" / session / "anat" / f"{session}_T2w.nii.gz", image, template.affine, dtype="int16")
    words = ("train", "model", "--derivatives", "learn", "--task", TASK.name, "--recipe", "tiny.yaml")
    run = run_gliofill(*words, "--participant-label", "01", cwd=folder)
    assert run.returncode == 0, run.stderr
    return _configure(
        folder / "cohort.yaml",
        bids_dir=str(folder / "raw"),
        output_dir=str(folder / "cohort"),
        usability={
            "max_pixel_mm": 5,
            "max_saturation": 1,
            "max_noise": 1,
            "max_motion": 99,
            "max_wrap": 1,
            "max_cut": 1,
        },
        audit={"sessions": 0},
        preprocess={"brain_mask": "none", "bias_correction": False},
        impute={"models": {TASK.name: str(folder / "model"), "T1post-to-T1w": "none"}, "flip_average": False},
        threads={"coverage": 1, "preprocess": 1, "impute": 1},
    )


def _write_patients(folder: Path) -> Path:
    """Write eight preprocessed patients to train on, and the configuration of a study on them."""
    write_recipe(folder / "tiny.yaml", iterations=12, validate_every=4)
    rows = ["participant_id"]
    for number in range(1, 9):
        write_session(folder / "learn", f"sub-{number:02d}", number)
        (folder / "names" / f"sub-{number:02d}").mkdir(parents=True)
        rows.append(f"sub-{number:02d}")
    (folder / "names" / "participants.tsv").write_text("\n".join(rows) + "\n")
    return _configure(
        folder / "tuning.yaml",
        bids_dir=str(folder / "names"),
        output_dir=str(folder / "tuning"),
        split={"fractions": [2, 1, 1]},
        train={"derivatives": str(folder / "learn"), "tasks": [TASK.name]},
        tune={"recipe": str(folder / "tiny.yaml"), "trials": TRIALS, "workers": 2, "top": 1, "repeats": 1},
        threads={"train": 1},
    )


def _configure(path: Path, **settings: object) -> Path:
    path.write_text(yaml.safe_dump(settings))
    return path


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    missing = [name for name in ("slurmctld", "slurmd", "sbatch", "munged") if shutil.which(name) is None]
    if missing:
        pytest.skip(
            f"no SLURM here ({', '.join(missing)} not found), so its tests were left out; as root: "
            "apt-get install --no-install-recommends slurmctld slurmd slurm-client munge"
        )
    with running_cluster() as found:
        yield found


@pytest.fixture(scope="module")
def story(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Story:
    folder = tmp_path_factory.mktemp("story")
    study, config = _write_patients(folder), _write_cohort(folder)
    start = ("--configfile", str(config))
    first = Head(cluster, folder / "first.log", *start)
    # on the processor, so that both workers are at it together although there is one GPU
    on_processor = ("--set-resources", "tune_worker:gpu=0")
    tuning = Head(cluster, folder / "tuning.log", "tune", "--configfile", str(study), *on_processor)
    story = Story(cluster, folder, first, tuning)
    _disturb(story)
    _kill_head(story)
    assert Head(cluster, folder / "unlock.log", *start, "--unlock").wait() == 0
    story.second = Head(cluster, folder / "second.log", *start)
    story.exit_codes["second"] = story.second.wait()
    write_text(ROOT / "build" / "slurm-jobs.md", table(story.jobs))
    return story


def _preprocessing(story: Story, session: str) -> list[Job]:
    return story.cluster.jobs(f"rule_preprocess_wildcards_{session}_")


def _is_running(jobs: list[Job]) -> bool:
    return any(job.state == "RUNNING" for job in jobs)


def _disturb(story: Story) -> None:
    """Do each thing once, as soon as it can be done: however slow the machine is, none comes too late."""
    call = story.cluster.call
    program = ("preprocess", "sub-03", str(story.folder / "raw"))
    held: list[str] = []

    def cancel() -> None:
        call("scancel", _preprocessing(story, "sub-02")[0].number)

    def hang() -> None:
        for process in processes(*program):
            os.kill(process, signal.SIGSTOP)
        call("scontrol", "update", f"JobId={_preprocessing(story, 'sub-03')[0].number}", "TimeLimit=1")

    def hold_first_worker() -> None:
        # trials this small would be gone before the other worker is there
        begun = _begun_workers(story)
        if len(begun) == 1:
            held.append(story.cluster.jobs(f"rule_tune_worker_wildcards_{TASK.name}_{begun[0]}")[0].number)
            call("scontrol", "suspend", held[0])

    def release_worker() -> None:
        for number in held:
            call("scontrol", "resume", number)

    def hold_second_attempt() -> None:
        # so that the run is not over when its head is killed
        call("scontrol", "suspend", _preprocessing(story, "sub-03")[1].number)
        # the tables of a run that has not ended must not make a later one believe that all is done
        run_gliofill("status", "--write", str(story.cohort))
        story.failures = (story.cohort / paths.FAILURES).read_text()

    do_once(
        {
            cancel: lambda: _is_running(_preprocessing(story, "sub-02")),
            hang: lambda: processes(*program),
            hold_first_worker: lambda: _begun_workers(story),
            release_worker: lambda: len(_begun_workers(story)) == 2,
            hold_second_attempt: lambda: _is_running(_preprocessing(story, "sub-03")[1:]),
            # the head is killed only when it has seen these through, however slow the machine is
            lambda: None: lambda: _is_known_to_be_done(story.first, "sub-01"),
            lambda: True: lambda: _is_known_to_be_done(story.first, "sub-02"),
        }
    )


def _begun_workers(story: Story) -> list[int]:
    """Return the workers that have taken a trial."""
    return [number for number, log in enumerate(_worker_logs(story), 1) if f" of {TRIALS}, trial" in log]


def _worker_logs(story: Story) -> list[str]:
    logs = [story.folder / "tuning" / "logs" / "tune" / TASK.name / f"worker-{number}.log" for number in (1, 2)]
    return [log.read_text() if log.is_file() else "" for log in logs]


def _kill_head(story: Story) -> None:
    """Take the login node away, and tidy up by hand as the guide says."""
    story.first.kill()
    done = [session for session in SESSIONS if _is_known_to_be_done(story.first, session)]
    records = [story.cohort / paths.session_qc(session) for session in done]
    story.finished_before = {record: record.stat().st_mtime_ns for record in records}
    story.exit_codes["tuning"] = story.tuning.wait()
    story.cluster.cancel_all()


def _is_known_to_be_done(head: Head, session: str) -> bool:
    submitted = re.search(rf"Job (\d+) has been submitted .*rule_preprocess/{session}_", head.output)
    return submitted is not None and f"Finished jobid: {submitted[1]} (Rule: preprocess)" in head.output


def test_run_completes_although_jobs_were_cancelled_and_killed_and_the_head_died(story: Story) -> None:
    assert story.second is not None
    assert story.exit_codes["second"] == 0, story.second.output
    for session in SESSIONS:
        assert (story.cohort / paths.preprocessed(session, TASK.source)).is_file()
        assert (story.cohort / paths.imputed(session, TASK.target)).is_file()
        assert (story.cohort / paths.montage(session)).is_file()


def test_every_job_went_through_sbatch(story: Story) -> None:
    done = {job.number: job.step for job in story.jobs if job.state == "COMPLETED"}
    for head in (story.first, story.tuning, story.second):
        assert head is not None
        submitted = dict(re.findall(r"^Job (\d+) has been submitted with SLURM jobid (\d+)", head.output, re.MULTILINE))
        local = set(re.findall(r"^localrule (\w+):$", head.output, re.MULTILINE))
        assert local <= {"verdict", "all", "tune"}  # to print, and to name the goals
        for number, rule in re.findall(r"^Finished jobid: (\d+) \(Rule: (\w+)\)$", head.output, re.MULTILINE):
            assert rule in local or f"{done[submitted[number]]}_".startswith(f"rule_{rule}_")
    steps = Counter(done.values())
    for session in SESSIONS:
        assert steps[f"rule_preprocess_wildcards_{session}_{session}"] == 1
        assert steps[f"rule_impute_wildcards_{session}_{session}_FLAIR"] >= 1
        assert (story.cohort / f"{session}.html").is_file()


def test_two_jobs_never_had_the_gpu_at_once(story: Story) -> None:
    jobs = sorted((job for job in story.jobs if job.has_gpu and job.start), key=lambda job: str(job.start))
    assert {job.step.split("_wildcards_")[0] for job in jobs} == {"rule_impute", "rule_tune_task"}
    assert sum(job.state == "COMPLETED" for job in jobs) > len(SESSIONS)
    for earlier, later in pairwise(jobs):
        assert earlier.end is not None and later.start is not None and earlier.end <= later.start, (earlier, later)


def test_cancelled_job_is_tried_again_with_twice_the_memory_and_time(story: Story) -> None:
    cancelled, again = _preprocessing(story, "sub-02")[:2]
    assert cancelled.state == "CANCELLED" and again.state == "COMPLETED"
    assert (again.memory_mb, again.minutes) == (2 * cancelled.memory_mb, 2 * cancelled.minutes) == (6000, 120)


def test_job_over_its_time_is_tried_again_with_twice_the_time(story: Story) -> None:
    hung, again = _preprocessing(story, "sub-03")[:2]
    assert hung.state == "TIMEOUT" and hung.minutes == 1
    assert again.minutes == 120


def test_restart_does_not_redo_finished_sessions(story: Story) -> None:
    assert story.cohort / paths.session_qc("sub-01") in story.finished_before
    for record, modified in story.finished_before.items():
        assert record.stat().st_mtime_ns == modified
        assert [job.state for job in _preprocessing(story, record.parents[1].name)].count("COMPLETED") == 1


def test_status_names_the_logs_of_an_unfinished_session(story: Story) -> None:
    (row,) = [line for line in story.failures.splitlines() if line.startswith("sub-03\tpreprocess T2w")]
    log, slurm_log = row.split("\t")[3:]
    assert log == "logs/preprocess/sub-03/sub-03.log"
    assert Path(slurm_log).match(".snakemake/slurm_logs/rule_preprocess/sub-03_sub-03/*.log")


def test_two_workers_fill_one_study(story: Story) -> None:
    assert story.exit_codes["tuning"] == 0, story.tuning.output
    trials = [re.findall(rf"{TASK.name}: (\d+) of {TRIALS}, trial", log) for log in _worker_logs(story)]
    assert sorted(int(number) for worker in trials for number in worker) == list(range(1, TRIALS + 1))
    assert all(trials)
    one, other = story.cluster.jobs(f"rule_tune_worker_wildcards_{TASK.name}_")
    assert one.start and one.end and other.start and other.end and max(one.start, other.start) < min(one.end, other.end)
    assert (story.folder / "tuning" / "experiment" / "tune" / TASK.name / "best.yaml").is_file()
