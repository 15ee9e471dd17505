"""Runs that are killed, and what they leave: for the quick test of the suite and the long one of ``make soak``."""

import base64
import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.conftest import ROOT

#: notes of the engine and logs tell of times, places and attempts; the state of the raw dataset has its path
NOT_COMPARED = (".snakemake", "logs", "dataset.txt", "measurements.json", "run.lock")

#: what is written once, at the end of what took long; the recipe of a tuning is not, every worker writes it
RECORDS = ("sub-*/**/*_qc.json", "experiment/models/**/model.json", "experiment/figures/*_trials.png")


def start_run(
    config: Path,
    *words: str,
    environment: Mapping[str, str] | None = None,
    program: Sequence[str] = ("-m", "snakemake"),
) -> subprocess.Popen[bytes]:
    """Start Snakemake on a configuration, in a group of its own; what it prints goes to a file beside that."""
    # what a shell starts in the background ignores Ctrl-C, and so would the run
    signal.signal(signal.SIGINT, signal.default_int_handler)
    command = [sys.executable, *program, "--snakefile", str(ROOT / "Snakefile"), "--configfile", str(config)]
    own = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", **(environment or {})}
    everything = {key: value for key, value in os.environ.items() if key != "GLIOFILL_START"} | own
    with config.with_suffix(".log").open("ab") as log:
        return subprocess.Popen(
            [*command, "--cores", "2", *words],
            cwd=ROOT,
            env=everything,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def kill_when(run: subprocess.Popen[bytes], sign: signal.Signals, is_time: Callable[[], bool]) -> int:
    """Send a signal to a run at its moment and return the exit code; the run may be over before."""
    while run.poll() is None and not is_time():
        time.sleep(0.02)
    if run.poll() is None:
        if sign == signal.SIGINT:  # as Ctrl-C does: to all that run in the foreground
            os.killpg(run.pid, sign)
        else:
            run.send_signal(sign)
    try:
        return run.wait(timeout=90)
    finally:
        run.kill()


def tree(output: Path, *without: str) -> dict[str, str]:
    """Return the checksums of all that a run is judged by; folders and files of some names can be left out, too."""
    left_out = {*NOT_COMPARED, *without}
    return {
        path.relative_to(output).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(output.rglob("*"))
        if path.is_file() and not set(path.relative_to(output).parts) & left_out
    }


def records(output: Path) -> dict[str, int]:
    """Return when each of `RECORDS` that is finished for Snakemake was written, in nanoseconds."""
    incomplete = output / ".snakemake" / "incomplete"
    unfinished = {path.name for path in incomplete.glob("*")}
    return {
        path.relative_to(output).as_posix(): path.stat().st_mtime_ns
        for pattern in RECORDS
        for path in output.glob(pattern)
        if _key(path.relative_to(output).as_posix()) not in unfinished
    }


def _key(name: str) -> str:
    """Return under which name Snakemake notes that a file is not complete."""
    return base64.b64encode(name.encode(), altchars=b"_-").decode()


def leftovers(output: Path) -> list[str]:
    """Return what only a killed step leaves."""
    found = [*output.rglob(".tmp-*"), *(output / ".gliofill").glob("work/*"), *(output / ".gliofill").glob("ahead/*")]
    found += [*(output / ".snakemake" / "locks").glob("*"), *(output / ".gliofill").glob("run.json")]
    return [path.relative_to(output).as_posix() for path in found]
