"""Time and memory of what is done before and between the jobs of a cohort, as the cohort grows.

For each size, generates a BIDS dataset of tiny images and measures in fresh processes, start of Python included: the
scan, the coverage table made and made again, a dry run of everything, a second start of a finished run, a start after
one session was added, and the status. What the jobs of a session would leave behind is fabricated, and the one session
that is added is made by a program that stands in for the verbs. At last, what one job spends on reading the workflow,
beside a workflow of one rule without anything. Usage::

    python benchmarks/scale.py [--sessions 100 1000 10000] [--folder DIR] [--markdown FILE]
"""

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np

from gliofill.bids import derivatives
from gliofill.bids.worklist import read_worklist

ROOT = Path(__file__).resolve().parents[1]
CORES = "2"
#: a session lacks nothing, the FLAIR, or the T1w before gadolinium, in turn
CONTRASTS = ("ce-gadolinium_T1w", "T1w", "T2w", "FLAIR")
GAPS: tuple[str | None, ...] = (None, "FLAIR", "T1w")
STEPS = {
    "scan": "`gliofill scan`",
    "coverage": "`gliofill coverage`, every image measured",
    "coverage again": "`gliofill coverage`, no image changed",
    "dry run": "dry run before the first session",
    "second start": "start of a finished run",
    "one more": "start after one session was added, with its jobs",
    "status": "`gliofill status`",
}

#: stands in for the verbs that work on one session; the others are the real ones
STAND_IN = """#!{python}
import sys
from pathlib import Path
verb, *words = sys.argv[1:]
if verb not in ("preprocess", "impute", "report"):
    from gliofill.cli import main
    sys.exit(main(sys.argv[1:]))
sys.path.insert(0, {here!r})
from scale import fabricate_session
fabricate_session(Path.cwd(), words[2 if verb == "preprocess" else 1], words[2:3] if verb == "impute" else [])
"""
EMPTY = "rule all:\n    output: 'done.txt'\n    shell: 'touch {output}'\n"


@dataclass(frozen=True)
class Measurement:
    """What a process and its children took: wall and CPU time in seconds, peak memory of the largest in MB."""

    wall_s: float
    cpu_s: float
    peak_mb: float


def make_session(raw: Path, number: int, image: Path) -> None:
    """Link the contrasts of one session to an image, and write their sidecars."""
    session = f"sub-{number:05d}"
    anat = raw / session / "anat"
    anat.mkdir(parents=True)
    for contrast in CONTRASTS:
        if contrast != GAPS[number % len(GAPS)]:
            # a name more for the same bytes: 40,000 images in the space of one
            os.link(image, anat / f"{session}_{contrast}.nii.gz")
            (anat / f"{session}_{contrast}.json").write_text('{"Modality": "MR", "EchoTime": 0.003, "FlipAngle": 9}')


def make_cohort(raw: Path, sessions: int) -> None:
    """Write a dataset in which every image is the same small block of noise."""
    raw.mkdir(parents=True)
    (raw / "dataset_description.json").write_text('{"Name": "benchmark", "BIDSVersion": "1.10.0"}')
    voxels = np.random.default_rng(0).integers(1, 1000, (16, 16, 16)).astype(np.int16)
    image = raw.with_name("image.nii.gz")
    nib.save(nib.Nifti1Image(voxels, np.diag([5.0, 5.0, 5.0, 1.0])), image)
    for number in range(sessions):
        make_session(raw, number, image)


def fabricate_session(output: Path, folder: str, contrasts: list[str]) -> None:
    """Write the records that the jobs of a session leave, without its images."""
    entry = {"status": "ok", "reason": ""}
    session = {"Session": folder, "Contrasts": dict.fromkeys(("T1post", "T1w", "T2w", "FLAIR"), entry)}
    records: dict[str, object] = {derivatives.session_qc(folder): session, derivatives.montage(folder): {}}
    records |= {derivatives.imputed_qc(folder, contrast): entry for contrast in contrasts}  # type: ignore[arg-type]
    for name, content in records.items():
        (output / name).parent.mkdir(parents=True, exist_ok=True)
        if not (output / name).is_file():
            (output / name).write_text(json.dumps(content))


class Cohort:
    """A generated cohort in a folder, and the commands on it."""

    def __init__(self, folder: Path, sessions: int) -> None:
        self.folder, self.sessions = folder, sessions
        self.raw, self.output = folder / "raw", folder / "out"
        make_cohort(self.raw, sessions)
        config = {"bids_dir": str(self.raw), "output_dir": str(self.output), "threads": {"coverage": int(CORES)}}
        (folder / "config.json").write_text(json.dumps(config))
        program = folder / "bin" / "gliofill"
        program.parent.mkdir()
        program.write_text(STAND_IN.format(python=sys.executable, here=str(ROOT / "benchmarks")))
        program.chmod(0o755)

    def gliofill(self, *words: str) -> Measurement:
        """Run a verb."""
        return measure([sys.executable, "-m", "gliofill.cli", *words], self.folder)

    def snakemake(self, *words: str) -> Measurement:
        """Run the workflow, with the stand-in for the verbs."""
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--cores", CORES]
        return measure([*command, *words, "--configfile", str(self.folder / "config.json")], self.folder)

    def fabricate(self) -> None:
        """Write what a finished run leaves, Snakemake's own notes included."""
        work = read_worklist(self.output / derivatives.COVERAGE)
        for folder in work.images:
            fabricate_session(self.output, folder, [str(contrast) for contrast in work.fillings.get(folder, ())])
        self.gliofill("status", str(self.output))
        (self.output / "logs" / "verdict.txt").write_text("")
        self.snakemake("--touch", "--quiet", "all")

    def job(self, snakefile: Path, target: str, *words: str) -> Measurement:
        """Run one job as the plug-ins for clusters do: Snakemake in a process of its own that runs just this one."""
        rule = target.partition(":")[0]
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(snakefile), "--target-jobs", target]
        command += ["--allowed-rules", rule, "--cores", "1", "--mode", "remote", "--force", "--nolock", "--no-hooks"]
        command += ["--rerun-triggers", "mtime", "--ignore-incomplete", "--quiet", "all", *words]
        return measure(command, self.folder)


def measure(command: list[str], folder: Path) -> Measurement:
    """Run a command; its printed words are shown only if it fails."""
    environment = os.environ | {"PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    environment.pop("GLIOFILL_START", None)
    with tempfile.TemporaryFile("w+") as printed:
        start = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=printed, stderr=printed
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            printed.seek(0)
            raise SystemExit(f"{' '.join(command)} ended with {process.returncode}\n{printed.read()[-3000:]}")
    # Linux counts in KiB, macOS in bytes
    unit = 1 if sys.platform == "darwin" else 1024
    return Measurement(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit / 1e6)


def measure_cohort(folder: Path, sessions: int, show: Callable[[str], None]) -> dict[str, Measurement]:
    """Go through the life of a cohort."""
    cohort = Cohort(folder, sessions)
    raw, output = str(cohort.raw), str(cohort.output)
    found: dict[str, Measurement] = {}

    def note(step: str, result: Measurement) -> None:
        found[step] = result
        show(f"{sessions:6d}  {step:16} {result.wall_s:8.1f} s {result.cpu_s:8.1f} s CPU {result.peak_mb:8.0f} MB")

    note("scan", cohort.gliofill("scan", raw))
    for step in ("coverage", "coverage again"):
        note(step, cohort.gliofill("coverage", raw, output, "--threads", CORES))
    cohort.snakemake(derivatives.COVERAGE, "--force")
    note("dry run", cohort.snakemake("--dry-run", "--quiet", "all"))
    cohort.fabricate()
    note("second start", cohort.snakemake())
    note("status", cohort.gliofill("status", output))
    make_session(cohort.raw, sessions, folder / "image.nii.gz")
    note("one more", cohort.snakemake())
    assert (cohort.output / derivatives.montage(f"sub-{sessions:05d}")).is_file()
    (folder / "Snakefile").write_text(EMPTY)
    target = "preprocess:folder=sub-00000,prefix=sub-00000"
    note("job", cohort.job(ROOT / "Snakefile", target, "--configfile", str(folder / "config.json")))
    note("empty job", cohort.job(folder / "Snakefile", "all:"))
    return found


def growth(small: float, large: float, factor: float) -> float:
    """Return the exponent p if a quantity grows with the p-th power of the number of sessions."""
    return math.log(large / small) / math.log(factor)


def table(results: dict[int, dict[str, Measurement]]) -> str:
    """Return the measurements as a Markdown table, with the exponent between the two largest cohorts."""
    sizes = sorted(results)
    head = [f"{size:,} sessions" for size in sizes]
    lines = ["| | " + " | ".join(head) + " | growth of time, of memory |", "|---|" + "---|" * (len(sizes) + 1)]
    for step, text in STEPS.items():
        cells = [f"{results[size][step].wall_s:.1f} s, {results[size][step].peak_mb:.0f} MB" for size in sizes]
        exponents = "n/a"
        if len(sizes) > 1:
            small, large = (results[size][step] for size in sizes[-2:])
            factor = sizes[-1] / sizes[-2]
            time_, memory = growth(small.cpu_s, large.cpu_s, factor), growth(small.peak_mb, large.peak_mb, factor)
            exponents = f"{time_:.2f}, {memory:.2f}"
        lines.append(f"| {text} | {' | '.join(cells)} | {exponents} |")
    cells = [f"{results[size]['job'].cpu_s - results[size]['empty job'].cpu_s:.1f} s CPU" for size in sizes]
    lines.append(f"| a job, beyond one of an empty workflow | {' | '.join(cells)} | |")
    return "\n".join(lines)


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sessions", type=int, nargs="+", default=[100, 1000, 10000])
    parser.add_argument("--folder", type=Path, help="keep the cohorts here; default: a temporary folder for each")
    parser.add_argument("--markdown", type=Path, help="write the table there, too")
    arguments = parser.parse_args()
    results = {}
    for sessions in arguments.sessions:
        folder = Path(tempfile.mkdtemp(prefix=f"gliofill-{sessions}-", dir=arguments.folder))
        try:
            results[sessions] = measure_cohort(folder, sessions, lambda text: print(text, flush=True))
        finally:
            if arguments.folder is None:
                shutil.rmtree(folder)
    text = table(results)
    print(text)
    if arguments.markdown:
        arguments.markdown.write_text(text + "\n")


if __name__ == "__main__":
    main()
