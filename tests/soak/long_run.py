"""One run over hundreds of tiny sessions, watched: memory, handles and threads of its head, logs, and what failed.

The steps of a session copy what stand-ins left once, so that a job costs little but what Snakemake takes for it; the
engine, the rules and the subcommands of the cohort are real. ``make soak`` does so with five hundred sessions:
``python -m tests.soak.long_run FOLDER``.
"""

import argparse
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
from tests.conftest import run_gliofill
from tests.support.killing import start_run
from tests.support.stand_in import leave_failure, leave_records
from tests.support.stand_ins import configure, prepare_stand_ins, stand_ins

from gliofill.cohort.coverage import read_coverage
from gliofill.contrasts import Contrast
from gliofill.derivatives import paths
from gliofill.derivatives.records import note_name
from gliofill.files.atomic import write_text

#: of this many sessions one records a failure, and one breaks off without a record
FAILING, BREAKING = 25, 40
#: what the head may gain between a fifth of the jobs and the last one
MOST_GROWTH_MB = 50
#: handles beyond those of the first fifth of the jobs
MOST_HANDLES = 8


#: in the place of `gliofill`: copies what a step leaves, or breaks off as told; starts in the time of a shell
_COPY = """
import os, pathlib, shutil, sys
subcommand, *words = sys.argv[1:]
files = {files!r}.get(subcommand)
if files is None:
    os.execv({python!r}, [{python!r}, "-m", "gliofill.cli", subcommand, *words])
session = words[2 if subcommand == "preprocess" else 1]
if session in {breaking!r}:
    sys.exit(f"gliofill: {{session}} breaks off on purpose")
for name in files:
    target = pathlib.Path(name.replace("SESSION", session))
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(pathlib.Path({made!r}) / target, target)
print(f"{{session}}: {{subcommand}} is done")
with open("jobs.txt", "a") as done:
    done.write(f"{{subcommand}} {{session}}\\n")
"""


@dataclass(frozen=True)
class Sample:
    """The head of a run at one time: jobs that were done by then, and what it holds."""

    jobs: int
    memory_mb: float
    handles: int
    threads: int


@dataclass
class LongRun:
    """What one run over many sessions left.

    Attributes
    ----------
    output
        Its folder.
    failing, breaking
        Sessions that record a failure, and those that leave none.
    """

    output: Path
    sessions: int
    failing: tuple[str, ...]
    breaking: tuple[str, ...]
    code: int = 0
    seconds: float = 0.0
    samples: list[Sample] = field(default_factory=list)

    @property
    def settled(self) -> list[Sample]:
        """The samples from the first fifth of the jobs on: Snakemake has read everything by then."""
        last = self.samples[-1].jobs
        return [sample for sample in self.samples if 0.2 * last <= sample.jobs]

    @property
    def growth_mb(self) -> float:
        """Memory that the head gained since then, at most."""
        return max(sample.memory_mb for sample in self.settled) - self.settled[0].memory_mb

    @property
    def more_handles(self) -> int:
        """Handles at most since then, beyond those before."""
        before = [sample.handles for sample in self.samples if sample not in self.settled]
        return max(sample.handles for sample in self.settled) - max(before, default=0)

    def problems(self) -> Iterator[str]:
        """Yield what is not as promised."""
        if self.growth_mb > MOST_GROWTH_MB:
            yield f"the head gains {self.growth_mb:.0f} MB, more than {MOST_GROWTH_MB}"
        if self.more_handles > MOST_HANDLES:
            yield f"the head holds {self.more_handles} more handles than at first"
        if self.code != 1:
            yield f"exit code {self.code}, although sessions failed"
        yield from self._log_problems()
        yield from self._status_problems()

    def _log_problems(self) -> Iterator[str]:
        logs = list((self.output / "logs").glob("preprocess/**/*.log"))
        if len(logs) != self.sessions:
            yield f"{len(logs)} logs of {self.sessions} sessions"
        for log in (self.output / "logs").rglob("*.log"):
            lines = log.read_text(encoding="utf-8").splitlines()
            if any(not line.strip() or not line.isprintable() or "Traceback" in line for line in lines):
                yield f"{log.name}: not one line per event"
            if "preprocess" in log.parts and len(lines) != 1:
                yield f"{log.name}: {len(lines)} lines for one event"

    def _status_problems(self) -> Iterator[str]:
        status = run_gliofill("status", str(self.output))
        named = Counter(line.split()[1] for line in status.stdout.splitlines() if line.startswith("failed: "))
        if status.returncode != 1:
            yield f"gliofill status: exit code {status.returncode}"
        if set(named) != {*self.failing, *self.breaking}:
            yield f"gliofill status names {sorted(named)}"

    def table(self, rows: int = 10) -> Iterator[str]:
        """Yield the lines of a table of the samples, and what was found."""
        yield f"{self.sessions} sessions, {self.samples[-1].jobs} jobs ended well, {self.seconds:.0f} s."
        yield ""
        yield "| jobs done | memory of the head | handles | threads |"
        yield "|---|---|---|---|"
        for wanted in np.linspace(0, self.samples[-1].jobs, rows):
            sample = min(self.samples, key=lambda sample: abs(sample.jobs - wanted))
            yield f"| {sample.jobs} | {sample.memory_mb:.0f} MB | {sample.handles} | {sample.threads} |"
        yield ""
        peak = max(sample.memory_mb for sample in self.samples)
        yield (
            f"Peak {peak:.0f} MB; from a fifth of the jobs to the last one {self.growth_mb:.0f} MB and "
            f"{self.more_handles} handles more."
        )
        yield from (f"- {problem}" for problem in self.problems())


def run_long(folder: Path, *, sessions: int, every_s: float = 0.5) -> LongRun:
    """Run over many sessions, some of which fail, and watch the head of the run.

    Parameters
    ----------
    folder
        New folder for everything.
    sessions
        How many.
    every_s
        Seconds between two looks.
    """
    names = [f"sub-{number:04}" for number in range(1, sessions + 1)]
    long = LongRun(folder / "out", sessions, tuple(names[3::FAILING]), tuple(names[5::BREAKING]))
    prepare_stand_ins(folder, names)
    config, environment = configure(folder, "out"), stand_ins(folder)
    if start_run(config, paths.COVERAGE, environment=environment).wait() != 0:
        raise RuntimeError((folder / "out.log").read_text())
    _write_program(folder, long)
    began = time.monotonic()
    run = start_run(config, environment=environment)
    head = psutil.Process(run.pid)
    while run.poll() is None:
        try:
            held = head.memory_info().rss / 2**20, head.num_fds(), head.num_threads()
        except psutil.Error:  # it ended in this moment
            break
        long.samples.append(Sample(_jobs_done(long.output), *held))
        time.sleep(every_s)
    long.code, long.seconds = run.wait(), time.monotonic() - began
    return long


def _write_program(folder: Path, long: LongRun) -> None:
    """Write what the sessions are to have after each step, and what copies it in the place of gliofill."""
    made, rows = folder / "made", defaultdict(list)
    for row in read_coverage(long.output / paths.COVERAGE):
        rows[row.folder].append(row)
    for session, own in rows.items():
        if session in long.failing:
            leave_failure(made, session)
        else:
            leave_records(made, "preprocess", session, rows=own)
        leave_records(made, "impute", session, Contrast.FLAIR, rows=own)
    page = (paths.session_page, paths.montage, paths.viewer_volumes, note_name)
    record = paths.imputed_qc("SESSION", Contrast.FLAIR)
    files = {
        "preprocess": [paths.session_qc("SESSION")],
        "impute": [record, *(str(name("SESSION")) for name in page)],
    }
    text = _COPY.format(files=files, python=sys.executable, breaking=long.breaking, made=str(made))
    (folder / "bin" / "gliofill").write_text(f"#!{sys.executable} -SE\n{text}")


def _jobs_done(output: Path) -> int:
    jobs = output / "jobs.txt"
    return jobs.read_bytes().count(b"\n") if jobs.is_file() else 0


def main(words: Sequence[str] | None = None) -> int:
    """Run, write the table; 1 if something was not as promised."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="new folder for everything")
    parser.add_argument("--sessions", type=int, default=500)
    options = parser.parse_args(words)
    folder = options.folder.resolve()
    folder.mkdir(parents=True)
    long = run_long(folder, sessions=options.sessions)
    text = "\n".join(long.table())
    write_text(folder / "transcript.md", text + "\n")
    print(text)
    return 1 if any(long.problems()) else 0


if __name__ == "__main__":
    sys.exit(main())
