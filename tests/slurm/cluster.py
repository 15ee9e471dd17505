"""A SLURM of one node, and Snakemake's head process that submits to it."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.conftest import ROOT

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Job:
    """What SLURM knows of a job.

    Attributes
    ----------
    step
        Rule and wildcards, as the plug-in notes them: ``rule_preprocess_wildcards_sub-01_sub-01``.
    start, end
        None if it has not begun.
    """

    number: str
    step: str
    state: str
    start: datetime | None
    end: datetime | None
    memory_mb: int
    minutes: int
    has_gpu: bool


class Cluster:
    """A running SLURM whose files lie in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        path = os.pathsep.join((str(folder / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]))
        self.environment = os.environ | {"SLURM_CONF": str(folder / "slurm.conf"), "PATH": path}
        self.environment.pop("GLIOFILL_START", None)
        self.heads: list[Head] = []

    def call(self, *words: str) -> str:
        """Run a command of SLURM and return what it prints."""
        run = subprocess.run(words, env=self.environment, capture_output=True, text=True, timeout=300, check=False)
        assert run.returncode == 0, f"{' '.join(words)}: {run.stderr}"
        return run.stdout

    def jobs(self, step: str = "") -> list[Job]:
        """Return all jobs whose step begins with `step`, also ended ones, in the order of their submission."""
        text = self.call("scontrol", "--oneliner", "show", "jobs")
        found = [_parse(line) for line in text.splitlines() if line.startswith("JobId=")]
        return sorted((job for job in found if job.step.startswith(step)), key=lambda job: int(job.number))

    def cancel_all(self) -> None:
        """Cancel what is in the queue, and wait until nothing runs."""
        self.call("scancel", "--state=PENDING", f"--user={os.getuid()}")
        self.call("scancel", f"--user={os.getuid()}")
        await_that(lambda: not self.call("squeue", "--noheader").strip(), "the queue is empty", seconds=600)


def _parse(line: str) -> Job:
    fields = dict(re.findall(r"(\w+)=(\S+)", line))
    state = fields["JobState"]
    began = state != "PENDING" and fields["StartTime"] != "Unknown"
    ended = began and state not in ("RUNNING", "SUSPENDED", "COMPLETING")
    hours, minutes, _ = fields["TimeLimit"].split("-")[-1].split(":")
    days = int(fields["TimeLimit"].split("-")[0]) if "-" in fields["TimeLimit"] else 0
    return Job(
        number=fields["JobId"],
        step=fields.get("Comment", ""),
        state=state,
        start=datetime.fromisoformat(fields["StartTime"]) if began else None,
        end=datetime.fromisoformat(fields["EndTime"]) if ended else None,
        memory_mb=_megabytes(fields.get("MinMemoryNode", "0")),
        minutes=(days * 24 + int(hours)) * 60 + int(minutes),
        has_gpu="gpu" in fields.get("TresPerJob", "") + fields.get("TresPerNode", ""),
    )


def table(jobs: Sequence[Job]) -> str:
    """Return the jobs as a Markdown table."""
    lines = ["| job | step | state | began | took | memory | limit | GPU |", "|---|---|---|---|---|---|---|---|"]
    first = min((job.start for job in jobs if job.start), default=None)
    for job in jobs:
        began = f"{(job.start - first).seconds} s" if job.start and first else "n/a"
        took = f"{(job.end - job.start).seconds} s" if job.start and job.end else "n/a"
        step = job.step.removeprefix("rule_").replace("_wildcards_", ": ")
        gpu = "yes" if job.has_gpu else ""
        cells = (job.number, step, job.state, began, took, f"{job.memory_mb} MB", f"{job.minutes} min", gpu)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _megabytes(text: str) -> int:
    return round(float(text.rstrip("MG")) * (1024 if text.endswith("G") else 1))


@contextmanager
def running_cluster() -> Iterator[Cluster]:
    """Start a SLURM, and end it."""
    with TemporaryDirectory(prefix="slurm-") as name:
        cluster = Cluster(Path(name))
        try:
            subprocess.run([str(HERE / "start_cluster.sh"), name], check=True, stdin=subprocess.DEVNULL, timeout=600)
            yield cluster
        finally:
            for head in cluster.heads:
                head.kill()
            subprocess.run([str(HERE / "stop_cluster.sh"), name], check=False, stdin=subprocess.DEVNULL, timeout=600)


class Head:
    """Snakemake at work, as a user starts it on a login node."""

    def __init__(self, cluster: Cluster, log: Path, *words: str) -> None:
        profile = ("--workflow-profile", str(ROOT / "workflow" / "profiles" / "slurm"))
        # this cluster has no accounting; and a look every second for the sake of the test's time
        site = ("--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "1")
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), *words, *profile, *site]
        self.log = log
        cluster.heads.append(self)
        with log.open("w") as file:
            self._process = subprocess.Popen(
                command, cwd=log.parent, env=cluster.environment, stdin=subprocess.DEVNULL, stdout=file, stderr=file
            )

    @property
    def output(self) -> str:
        """What it has printed."""
        return self.log.read_text(errors="replace")

    def wait(self, seconds: float = 3600) -> int:
        """Wait for its end, and return the exit code."""
        return self._process.wait(timeout=seconds)

    def kill(self) -> None:
        """Kill it as a login node that is switched off does: nothing is tidied up."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()


def await_that(condition: Callable[[], object], what: str, *, seconds: float = 1800) -> None:
    """Wait until a condition holds.

    Raises
    ------
    AssertionError
        If it does not within `seconds`.
    """
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"after {seconds:.0f} s it is still not so that {what}"
        time.sleep(0.3)


def do_once(actions: Mapping[Callable[[], object], Callable[[], object]], *, seconds: float = 3600) -> None:
    """Do each action when its condition holds for the first time; return when all are done.

    Raises
    ------
    AssertionError
        If that takes longer than `seconds`.
    """
    left = dict(actions)

    def act() -> bool:
        for action in [action for action, condition in left.items() if condition()]:
            action()
            del left[action]
        return not left

    await_that(act, "everything has been done", seconds=seconds)


def processes(*words: str) -> list[int]:
    """Return the processes whose command line has all the words."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().split(b"\0")
        except OSError:  # it has ended
            continue
        if all(word.encode() in line for word in words):
            found.append(int(path.parent.name))
    return found
