"""Time and memory of the work before and between the jobs of a cohort, as the cohort grows.

For each size, generates a BIDS dataset of tiny images and measures in fresh processes, start of Python included: the
scan, the coverage table made and made again, a dry run of everything, the subcommands over the whole cohort, a second
start of a finished run, and a start after one session was added. What the jobs of a session would leave behind is
fabricated, and the added session is made by a stand-in for the subcommands. Finally it measures what one job spends on
reading the workflow, against a workflow of one empty rule. Usage::

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
from itertools import groupby
from pathlib import Path

import nibabel as nib
import numpy as np

from gliofill.cohort.coverage import read_coverage
from gliofill.cohort.worklist import read_worklist
from gliofill.derivatives import paths

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
from tests.support.stand_in import leave_records  # noqa: E402

CORES = "2"
ANY_IMAGE = {
    "max_pixel_mm": 5,
    "max_saturation": 1,
    "max_noise": 9,
    "max_motion": 99,
    "max_wrap": 9,
    "max_cut": 9,
    "min_field_mm": 0,
}
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
    "bare dry run": "— a bare workflow of the same jobs, without any checkpoint: dry run",
    "bare second start": "— the same bare workflow: start of a finished run",
    "review": "`gliofill review`",
    "summary": "`gliofill summary`",
    "report": "`gliofill report`, the page over the cohort",
}

#: in the place of `gliofill` in the one job that is measured, at no cost
NOTHING = "#!/bin/sh\necho '{}' >sub-00000/anat/sub-00000_desc-contrasts_qc.json\n"
#: the jobs of each session and their files, and nothing else: what Snakemake itself costs
BARE = """
SESSIONS = [line.split() for line in open("bare.txt")]
FILES = {session: files.split(",") for session, files, _ in SESSIONS}
GAPS = {session: [gap for gap in gaps.split(",") if gap != "-"] for session, _, gaps in SESSIONS}
rule all:
    input:
        [f"bare/{s}/{s}_contrasts.json" for s in FILES],
        [f"bare/{s}/{s}_imputed-{c}.json" for s in FILES for c in GAPS[s]]
rule preprocess:
    input: lambda w: FILES[w.s]
    output: "bare/{s}/{s}_contrasts.json"
    shell: "touch {output}"
rule impute:
    input: "bare/{s}/{s}_contrasts.json"
    output: "bare/{s}/{s}_imputed-{c}.json"
    shell: "touch {output}"
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
    """Write a dataset in which every image is the same small ball."""
    raw.mkdir(parents=True)
    (raw / "dataset_description.json").write_text('{"Name": "benchmark", "BIDSVersion": "1.10.0"}')
    ball = np.linalg.norm(np.indices((30, 30, 30)) - 14.5, axis=0) < 12
    image = raw.with_name("image.nii.gz")
    nib.save(nib.Nifti1Image((1000 * ball).astype(np.int16), np.diag([5.0, 5.0, 5.0, 1.0])), image)
    for number in range(sessions):
        make_session(raw, number, image)


class Cohort:
    """A generated cohort in a folder, and the commands on it."""

    def __init__(self, folder: Path, sessions: int) -> None:
        self.folder, self.sessions = folder, sessions
        self.raw, self.output = folder / "raw", folder / "out"
        make_cohort(self.raw, sessions)
        config = {"bids_dir": str(self.raw), "output_dir": str(self.output), "check_space": False}
        config["threads"] = {"coverage": int(CORES)}
        # one job, however large the cohort is
        config["audit"] = {"sessions": 0}
        config["usability"] = ANY_IMAGE
        (folder / "config.json").write_text(json.dumps(config))
        stand_in = f"#!{sys.executable}\n{(ROOT / 'tests' / 'support' / 'stand_in.py').read_text()}"
        for name, text in (("bin", stand_in), ("bin-of-job", NOTHING)):
            (folder / name).mkdir()
            (folder / name / "gliofill").write_text(text)
            (folder / name / "gliofill").chmod(0o755)

    def gliofill(self, *words: str) -> Measurement:
        """Run a subcommand."""
        return measure([sys.executable, "-m", "gliofill.cli", *words], self.folder)

    def snakemake(self, *words: str) -> Measurement:
        """Run the workflow, with the stand-in for the subcommands."""
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--cores", CORES]
        return measure([*command, *words, "--configfile", str(self.folder / "config.json")], self.folder)

    def fabricate(self) -> dict[str, Measurement]:
        """Write what a finished run leaves, Snakemake's own notes included, and measure what works on the cohort."""
        table = read_coverage(self.output / paths.COVERAGE)
        for folder, group in groupby(table, key=lambda row: row.folder):
            rows = list(group)
            leave_records(self.output, "preprocess", folder, rows=rows)
            for contrast in (row.contrast for row in rows if row.action == "impute"):
                leave_records(self.output, "impute", folder, contrast, rows)
        output = str(self.output)
        found = {"review": self.gliofill("review", output), "summary": self.gliofill("summary", output)}
        found["report"] = self.gliofill("report", output)
        (self.output / paths.STATUS).write_text("")
        self.snakemake("--touch", "--quiet", "all")
        return found

    def bare(self) -> dict[str, Measurement]:
        """Measure Snakemake on a workflow that has the cohort's jobs and nothing else."""
        (self.folder / "BareSnakefile").write_text(BARE)
        work = read_worklist(self.output / paths.COVERAGE)
        lines = [
            f"{folder} {','.join(f'raw/{image}' for image in images)} {','.join(work.fillings.get(folder, ())) or '-'}"
            for folder, images in work.images.items()
        ]
        (self.folder / "bare.txt").write_text("\n".join(lines) + "\n")
        command = [
            sys.executable,
            "-m",
            "snakemake",
            "--snakefile",
            "BareSnakefile",
            "--cores",
            CORES,
            "--quiet",
            "all",
        ]
        found = {"bare dry run": measure([*command, "--dry-run"], self.folder)}
        for folder in work.images:
            files = [f"{folder}_contrasts.json"]
            files += [f"{folder}_imputed-{contrast}.json" for contrast in work.fillings.get(folder, ())]
            (self.folder / "bare" / folder).mkdir(parents=True)
            for file in files:
                (self.folder / "bare" / folder / file).touch()
        measure([*command, "--touch"], self.folder)
        return found | {"bare second start": measure(command, self.folder)}

    def job(self, snakefile: Path, target: str, *words: str) -> Measurement:
        """Run one job as the plug-ins for clusters do: Snakemake in a process of its own that runs just this one."""
        rule = target.partition(":")[0]
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(snakefile), "--target-jobs", target]
        command += ["--allowed-rules", rule, "--cores", "1", "--mode", "remote", "--force", "--nolock", "--no-hooks"]
        command += ["--rerun-triggers", "mtime", "--ignore-incomplete", "--quiet", "all", *words]
        return measure(command, self.folder, programs="bin-of-job")


def measure(command: list[str], folder: Path, programs: str = "bin") -> Measurement:
    """Run a command; its printed words are shown only if it fails."""
    environment = os.environ | {"PATH": f"{folder / programs}{os.pathsep}{os.environ['PATH']}"}
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
        note(step, cohort.gliofill("coverage", raw, output, "--threads", CORES, "--settings", json.dumps(ANY_IMAGE)))
    cohort.snakemake(paths.COVERAGE, "--force")
    note("dry run", cohort.snakemake("--dry-run", "--quiet", "all"))
    for step, result in cohort.fabricate().items():
        note(step, result)
    note("second start", cohort.snakemake())
    for step, result in cohort.bare().items():
        note(step, result)
    make_session(cohort.raw, sessions, folder / "image.nii.gz")
    note("one more", cohort.snakemake())
    assert (cohort.output / paths.montage(f"sub-{sessions:05d}")).is_file()
    (folder / "Snakefile").write_text(EMPTY)
    target = "preprocess:folder=sub-00000,prefix=sub-00000"
    note("job", cohort.job(ROOT / "Snakefile", target, "--configfile", str(folder / "config.json")))
    note("empty job", cohort.job(folder / "Snakefile", "all:"))
    return found


def growth(small: float, large: float, factor: float) -> float:
    """Return the exponent p if a quantity grows with the p-th power of the number of sessions."""
    return math.log(large / small) / math.log(factor)


def _cell(result: Measurement) -> str:
    return f"{result.wall_s:.1f} s ({result.cpu_s:.1f} s CPU), {result.peak_mb:.0f} MB"


def table(results: dict[int, dict[str, Measurement]]) -> str:
    """Return the measurements as a Markdown table, with the exponent between the two largest cohorts.

    Growth is that of the CPU time, which depends little on what else the machine does.
    """
    sizes = sorted(results)
    head = [f"{size:,} sessions" for size in sizes]
    lines = ["| | " + " | ".join(head) + " | growth of time, of memory |", "|---|" + "---|" * (len(sizes) + 1)]
    for step, text in STEPS.items():
        cells = [_cell(results[size][step]) for size in sizes]
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
