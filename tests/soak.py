"""Kill runs at random moments, complete them, compare them with an undisturbed one, and write down what happened.

``make soak`` does so fifty times with the real commands; ``--stand-ins`` tries the script itself in minutes.
"""

import argparse
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from tests.conftest import run_gliofill
from tests.killing import leftovers, records, start_run, tree
from tests.small_cohort import configure, make_cohort, make_model
from tests.test_killed_runs import configure as configure_stand_ins
from tests.test_killed_runs import prepare_stand_ins, stand_ins

from gliofill.images import write_text

VERBS = ("coverage", "preprocess", "review", "impute", "report", "status")
#: what a signal hit that came too late
OVER = "nothing: it was over"
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
#: how long a run that got a signal may take to end; batch systems then kill it, and so does this
LIMIT_S = 120


@dataclass
class Soak:
    """A cohort, its undisturbed run, and what happened to the disturbed ones.

    Attributes
    ----------
    folder
        With everything.
    has_stand_ins
        Whether the steps of a session are not the real ones.
    seconds
        Of the last run that nobody disturbed.
    lines, problems
        Rows of the transcript, and what was not as promised.
    """

    folder: Path
    has_stand_ins: bool
    chance: random.Random
    seconds: float = 0.0
    lines: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def output(self) -> Path:
        """The output folder of every run, moved away at its end: pages name the folder that they are in."""
        return self.folder / "out"

    def configuration(self) -> Path:
        """Return the configuration of a run."""
        if self.has_stand_ins:
            return configure_stand_ins(self.folder, self.output.name)
        return configure(self.folder, self.output, model=self.folder / "model", name="out.json")

    def start(self) -> psutil.Popen:
        """Start a run, or go on with it."""
        environment = stand_ins(self.folder, seconds=1) if self.has_stand_ins else {}
        return start_run(self.configuration(), environment=environment)

    def undisturbed(self) -> None:
        """Make the run that the others are compared with."""
        began = time.monotonic()
        if self.start().wait() != 0:
            raise SystemExit((self.folder / "out.log").read_text())
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
            if limit != LIMIT_S:
                self.problems.append(f"moment {number}: the run waited for ever after one of its steps got a signal")
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
        verb = next((word for word in words if word in VERBS), "a step")
        return "the run" if target == head else f"a process of {verb}"

    def complete(self, name: str) -> None:
        """Run once more and compare with the undisturbed run."""
        code = self._wait(self.start(), self._patience)
        own, whole = (self._tree(folder) for folder in (self.output, self.folder / "whole"))
        different = sorted(file for file in own.keys() | whole.keys() if own.get(file) != whole.get(file))
        left = leftovers(self.output)
        verified = run_gliofill("verify", str(self.output))
        for is_wrong, text in (
            (code != 0, f"exit code {code}"),
            (code is None, f"it did not end in {self._patience:.0f} s, without any signal"),
            (different, f"differs in {', '.join(different[:5])}"),
            (left, f"left behind: {', '.join(left[:5])}"),
            (verified.returncode, f"verify: {verified.stdout.splitlines()[:1]}"),
        ):
            if is_wrong:
                self.problems.append(f"{name}: {text}")
        state = "as undisturbed" if not different and code == 0 else "not as undisturbed"
        self.output.rename(self.folder / name)
        self.lines.append(f"| | {name} | completed | | {len(own)} files {state} | {code} |")

    def _tree(self, output: Path) -> dict[str, str]:
        # the stand-ins note their times; the viewer comes with a page that the real program writes
        times = [f"times-{verb}.txt" for verb in ("preprocess", "impute")]
        return tree(output, "report", *times) if self.has_stand_ins else tree(output)

    def write(self, *, seed: int) -> str:
        """Write what happened so far, so that a soak which is itself stopped has its transcript."""
        text = "\n".join(self.transcript(seed=seed))
        write_text(self.folder / "transcript.md", text + "\n")
        return text

    def transcript(self, *, seed: int) -> Iterator[str]:
        """Yield the lines of the transcript."""
        kind = "stand-ins for the steps of a session" if self.has_stand_ins else "the real commands"
        yield f"Seed {seed}, {kind}; a run that nobody disturbed took {self.seconds:.0f} s."
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


def soak(folder: Path, *, moments: int, seed: int, sessions: int, has_stand_ins: bool) -> Soak:
    """Kill and complete runs until `moments` signals were sent."""
    made = Soak(folder, has_stand_ins, random.Random(seed))
    if has_stand_ins:
        prepare_stand_ins(folder)
    else:
        make_cohort(folder, sessions=sessions)
        make_model(folder / "model")
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
    parser.add_argument("--sessions", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--stand-ins", action="store_true")
    options = parser.parse_args()
    folder = options.folder.resolve()
    folder.mkdir(parents=True)
    made = soak(
        folder,
        moments=options.moments,
        seed=options.seed,
        sessions=options.sessions,
        has_stand_ins=options.stand_ins,
    )
    print(made.write(seed=options.seed))
    return 1 if made.problems else 0


if __name__ == "__main__":
    sys.exit(main())
