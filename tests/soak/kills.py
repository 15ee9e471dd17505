"""Kill runs at random moments, complete them, compare them with an undisturbed one, and write down what happened.

``make soak`` does so fifty times with the steps of a cohort and as often with training and tuning; ``--of stand-ins``
tries the script itself in minutes.
"""

import argparse
import hashlib
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from tests.conftest import run_gliofill
from tests.support.killing import leftovers, records, start_run, tree
from tests.support.small_cohort import make_cohort
from tests.support.small_experiment import TASK, make_experiment
from tests.support.stand_ins import configure as configure_stand_ins
from tests.support.stand_ins import prepare_stand_ins, stand_ins

from gliofill.files.atomic import write_text

SUBCOMMANDS = ("coverage", "preprocess", "review", "impute", "summary", "report", "status")
SUBCOMMANDS += ("split", "tune", "train", "evaluate")
#: what a signal hit that came too late
OVER = "nothing: it was over"
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
#: how long a run that got a signal may take to end, as its running jobs do: the longest takes half a minute
LIMIT_S = 120


@dataclass(frozen=True)
class Subject:
    """What is run, disturbed and judged.

    Attributes
    ----------
    name
        For the transcript.
    prepare
        Writes what a run needs into a folder; returns the configuration, whose output folder is ``out`` in there.
    judge
        Returns the checksums of an output folder's files, as far as equal runs have equal ones.
    targets
        Of Snakemake.
    environment
        Of a run, for the folder.
    is_verified
        Whether `gliofill verify` knows the output.
    """

    name: str
    prepare: Callable[[Path], Path]
    judge: Callable[[Path], dict[str, str]] = tree
    targets: tuple[str, ...] = ()
    environment: Callable[[Path], Mapping[str, str]] = lambda folder: {}
    is_verified: bool = True


def _cohort(folder: Path) -> Path:
    return make_cohort(folder, sessions=3)


def _stand_ins(folder: Path) -> Path:
    prepare_stand_ins(folder)
    return configure_stand_ins(folder, "out")


def _experiment(folder: Path) -> Path:
    return make_experiment(folder, iterations=60, trials=4)


def _judge_stand_ins(output: Path) -> dict[str, str]:
    # they note their times; the viewer comes with a page that the real program writes
    return tree(output, "report", *(f"times-{subcommand}.txt" for subcommand in ("preprocess", "impute")))


def _judge_experiment(output: Path) -> dict[str, str]:
    """Leave out what tells of times and attempts."""
    found = tree(output, "tensorboard", "leases", "journal.log")
    trials = f"experiment/tune/{TASK.name}/trials.tsv"
    if trials in found:
        rows = [line.rpartition("\t")[0] for line in (output / trials).read_text().splitlines()]
        found[trials] = hashlib.sha256("\n".join(rows).encode()).hexdigest()
    return found


SUBJECTS = {
    "cohort": Subject("the real commands", _cohort),
    "stand-ins": Subject(
        "stand-ins for the steps of a session",
        _stand_ins,
        judge=_judge_stand_ins,
        environment=lambda folder: stand_ins(folder, seconds=1),
    ),
    "experiment": Subject(
        "tuning, training and evaluation",
        _experiment,
        judge=_judge_experiment,
        targets=("experiment",),
        is_verified=False,
    ),
}


@dataclass
class Soak:
    """A subject, its undisturbed run, and what happened to the disturbed ones.

    Attributes
    ----------
    subject, folder
        What is run, and the folder with everything.
    chance
        Source of all choices.
    configuration
        Of every run.
    seconds
        Of the last run that nobody disturbed.
    lines, problems
        Rows of the transcript, and what was not as promised.
    """

    subject: Subject
    folder: Path
    chance: random.Random
    configuration: Path
    seconds: float = 0.0
    lines: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def output(self) -> Path:
        """The output folder of every run, moved away at its end: pages name the folder that they are in."""
        return self.folder / "out"

    def start(self) -> psutil.Popen:
        """Start a run, or go on with it."""
        environment = self.subject.environment(self.folder)
        return start_run(self.configuration, *self.subject.targets, environment=environment)

    def undisturbed(self) -> None:
        """Make the run that the others are compared with."""
        began = time.monotonic()
        if self.start().wait() != 0:
            raise SystemExit(self.configuration.with_suffix(".log").read_text())
        self.seconds = time.monotonic() - began
        self.output.rename(self.folder / "whole")

    def disturb(self, number: int, name: str) -> tuple[int, bool]:
        """Kill a run, or one of its steps, at a random moment, and write it down.

        Returns
        -------
        code, is_hit
            The run's exit code, and whether it was still there at that moment.
        """
        before = records(self.output)
        sign, after = self.chance.choice(SIGNALS), self.chance.uniform(0, self.seconds * self._share_left(before))
        began = time.monotonic()
        run = self.start()
        while run.poll() is None and time.monotonic() < began + after:
            time.sleep(0.02)
        if run.poll() is not None and not before:  # the machine has less else to do than it had
            self.seconds = time.monotonic() - began
        what = self._hit(run.pid, sign) if run.poll() is None else OVER
        limit = LIMIT_S if what == "the run" else self._patience
        if (code := self._wait(run, limit)) is None:
            what, code = f"{what}; still there {limit:.0f} s later, SIGKILL", run.wait()
            self.problems.append(f"moment {number}: the run was still there {limit:.0f} s after the signal")
        redone = [record for record, when in before.items() if records(self.output).get(record) != when]
        if redone:
            self.problems.append(f"moment {number}: made again: {', '.join(redone)}")
        self.lines.append(f"| {number} | {name} | {sign.name} | {after:.1f} s | {what} | {code} |")
        return code, what != OVER

    def _share_left(self, done: Mapping[str, int]) -> float:
        """Return about how much of a run is left, by its records; starting takes its time, too."""
        return max(0.25, 1 - len(done) / len(records(self.folder / "whole")))

    @property
    def _patience(self) -> float:
        """Seconds after which a run that nobody stopped is taken to wait for ever."""
        return 5 * self.seconds + 300

    def _wait(self, run: psutil.Popen, seconds: float) -> int | None:
        """Wait for the end of a run; where there is none in time, kill it and return nothing."""
        try:
            return int(run.wait(timeout=seconds))
        except (subprocess.TimeoutExpired, psutil.TimeoutExpired):
            run.kill()
            return None

    def _hit(self, pid: int, sign: signal.Signals) -> str:
        """Send a signal to the head of a run or to one of its steps, and return what was hit."""
        head = psutil.Process(pid)
        steps = [process for process in head.children(recursive=True) if "gliofill" in " ".join(_words(process))]
        target = self.chance.choice([head, *steps]) if steps and self.chance.random() < 0.5 else head
        words = _words(target)
        try:
            target.send_signal(sign)
        except psutil.NoSuchProcess:
            return "nothing: the step was over"
        subcommand = next((word for word in words if word in SUBCOMMANDS), "a step")
        return "the run" if target == head else f"a process of {subcommand}"

    def complete(self, name: str) -> None:
        """Run once more and compare with the undisturbed run."""
        code = self._wait(self.start(), self._patience)
        own, whole = (self.subject.judge(folder) for folder in (self.output, self.folder / "whole"))
        different = sorted(file for file in own.keys() | whole.keys() if own.get(file) != whole.get(file))
        left = leftovers(self.output)
        verified = run_gliofill("verify", str(self.output)) if self.subject.is_verified else None
        for is_wrong, text in (
            (code != 0, f"exit code {code}"),
            (code is None, f"it did not end in {self._patience:.0f} s, without any signal"),
            (different, f"differs in {', '.join(different[:5])}"),
            (left, f"left behind: {', '.join(left[:5])}"),
            (verified and verified.returncode, f"verify: {verified and verified.stdout.splitlines()[:1]}"),
        ):
            if is_wrong:
                self.problems.append(f"{name}: {text}")
        state = "as undisturbed" if not different and code == 0 else "not as undisturbed"
        self.output.rename(self.folder / name)
        self.lines.append(f"| | {name} | completed | | {len(own)} files {state} | {code} |")

    def write(self, *, seed: int) -> str:
        """Write what happened so far, so that a soak which is itself stopped has its transcript."""
        text = "\n".join(self.transcript(seed=seed))
        write_text(self.folder / "transcript.md", text + "\n")
        return text

    def transcript(self, *, seed: int) -> Iterator[str]:
        """Yield the lines of the transcript."""
        yield f"Seed {seed}, {self.subject.name}; a run that nobody disturbed took {self.seconds:.0f} s."
        yield ""
        yield "| moment | run | signal | after | what was hit | exit code |"
        yield "|---|---|---|---|---|---|"
        yield from self.lines
        yield ""
        yield "\n".join(f"- {problem}" for problem in self.problems) or "Every run was completed as promised."


def _words(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []


def soak(subject: Subject, folder: Path, *, moments: int, seed: int) -> Soak:
    """Kill and complete runs until `moments` signals were sent."""
    made = Soak(subject, folder, random.Random(seed), subject.prepare(folder))
    made.undisturbed()
    number, run = 0, 1
    while number < moments:
        # a few disturbances per run, so that it gets somewhere between them
        for _ in range(min(made.chance.randint(1, 4), moments - number)):
            code, is_hit = made.disturb(number + 1, f"run-{run}")
            number += is_hit
            made.write(seed=seed)
            if code == 0:
                break
        made.complete(f"run-{run}")
        made.write(seed=seed)
        run += 1
    return made


def main() -> int:
    """Soak, and write the transcript; 1 if something was not as promised."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="new folder for everything")
    parser.add_argument("--moments", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--of", choices=SUBJECTS, default="cohort")
    options = parser.parse_args()
    folder = options.folder.resolve()
    folder.mkdir(parents=True)
    made = soak(SUBJECTS[options.of], folder, moments=options.moments, seed=options.seed)
    print(made.write(seed=options.seed))
    return 1 if made.problems else 0


if __name__ == "__main__":
    sys.exit(main())
