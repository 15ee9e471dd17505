"""Sessions per hour of a GPU, or of a processor, by the number of gaps that share a process.

Generates preprocessed sessions on the 1 mm grid whose FLAIR is missing, and fills them with the embedded model as
Snakemake does, one job after the other: the first of each batch fills the gaps of the others ahead. The numbers do not
include the work of Snakemake and SLURM. With ``--instant`` the network costs nothing, which leaves what no GPU makes
faster. Usage::

    python benchmarks/imputation.py [--batches 1 4 16] [--device auto] [--threads 2] [--instant] [--folder DIR]
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from nilearn.datasets import load_mni152_template

from gliofill.cohort.coverage import Row, write_coverage
from gliofill.config.settings import ImputeSettings
from gliofill.contrasts import Contrast
from gliofill.derivatives import paths
from gliofill.derivatives.session_record import PreprocessedContrast, SessionRecord
from gliofill.files.nifti import write_image

#: the subcommand on a machine whose processor passes for a GPU, and with a network that costs nothing
ANY_DEVICE = "from gliofill.cli import cohort; cohort._has_gpu = lambda device: True; "
INSTANT = (
    "import gliofill.synthesis.volume as i, numpy as n; from gliofill.learning.networks.inference import Prediction; "
    "i.predict_slices = lambda networks, s, **_: Prediction((1 - s).astype('f4'), n.zeros(s.shape, 'f4')); "
)
MAIN = "import sys; from gliofill.cli.main import main; sys.exit(main())"


def make_cohort(output: Path, sessions: int) -> None:
    """Write preprocessed sessions, all alike, that lack a FLAIR."""
    template = load_mni152_template(resolution=1)
    brain = template.get_fdata(dtype=np.float32)
    source = np.where(brain > 0.1, 1000 - 600 * brain / brain.max() + np.random.default_rng(0).random(brain.shape), 0)
    first, rows = "sub-00", []
    write_image(output / paths.preprocessed(first, Contrast.T2W), source, template.affine)
    write_image(output / paths.brain_mask(first), brain > 0.1, template.affine, dtype="uint8")
    state = PreprocessedContrast(status="ok", reason="", verdicts=())
    for number in range(sessions):
        session = f"sub-{number:02d}"
        rows.append(Row(session, "n/a", "T2w", "ok", "use", reason="acquired", file=f"{session}_T2w.nii.gz"))
        rows.append(Row(session, "n/a", "FLAIR", "missing", "impute", "T2w", reason="no such image in the dataset"))
        SessionRecord(session=session, version="0", contrasts={Contrast.T2W: state}).write(output)
        for name in (paths.preprocessed(session, Contrast.T2W), paths.brain_mask(session)):
            if session != first:
                os.link(output / name.replace(session, first), output / name)
    write_coverage(output / paths.COVERAGE, rows)


def run_jobs(output: Path, batch: int, code: str, words: list[str]) -> list[tuple[float, float]]:
    """Return wall and CPU seconds of the jobs of the first sessions, which share one process."""
    found = []
    for number in range(batch):
        session = f"sub-{number:02d}"
        # the later ones take over, and load nothing
        command = [
            sys.executable,
            "-c",
            MAIN if number else code,
            "impute",
            str(output),
            session,
            "FLAIR",
            "--ahead",
            str(batch - 1),
        ]
        start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([*command, *words], check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        found.append((time.perf_counter() - start, cpu))
    for number in range(batch):
        session = f"sub-{number:02d}"
        assert (output / paths.imputed(session, Contrast.FLAIR)).is_file()
        (output / paths.imputed_qc(session, Contrast.FLAIR)).unlink()
    return found


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--instant", action="store_true", help="a network that costs nothing")
    parser.add_argument("--folder", type=Path, help="where to put the temporary cohort")
    arguments = parser.parse_args()
    code = ANY_DEVICE + (INSTANT if arguments.instant else "") + MAIN
    words = ["--settings", ImputeSettings(device=arguments.device).to_json(), "--threads", str(arguments.threads)]
    output = Path(tempfile.mkdtemp(prefix="gliofill-", dir=arguments.folder)).resolve()
    try:
        make_cohort(output, max(arguments.batches))
        run_jobs(output, 1, code, words)  # so that the disk's cache is warm for all alike
        alone: np.ndarray | None = None
        print("| gaps per process | first job | each later job | gaps per hour | to one | per CPU hour | to one |")
        print("|---|---|---|---|---|---|---|")
        for batch in arguments.batches:
            jobs = np.array(run_jobs(output, batch, code, words))
            rates = 3600 * batch / jobs.sum(axis=0)
            alone = rates if alone is None else alone
            first, later = (
                f"{wall:.1f} s, {cpu:.1f} s CPU"
                for wall, cpu in (jobs[0], jobs[-1] if batch == 1 else jobs[1:].mean(axis=0))
            )
            cells = " | ".join(f"{rate:.0f} | {rate / one:.1f} x" for rate, one in zip(rates, alone, strict=True))
            print(f"| {batch} | {first} | {later if batch > 1 else 'n/a'} | {cells} |", flush=True)
    finally:
        shutil.rmtree(output)


if __name__ == "__main__":
    main()
