"""What Snakemake starts, told from files alone: nothing twice, all that is missing, one job on a graphics card."""

import json
import os
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from tests.conftest import ROOT, run_gliofill, run_snakemake

from gliofill.bids import derivatives
from gliofill.contrasts import Contrast

SESSIONS = ("sub-01", "sub-02")

#: stands in for the verb impute: notes when it ran, and leaves the record behind
IMPUTE = """#!{python}
import pathlib, sys, time
_, _, session, contrast, *_ = sys.argv[1:]
start = time.monotonic()
time.sleep(1.5)
record = pathlib.Path(session, "anat", f"{{session}}_desc-imputed{{contrast}}_qc.json")
record.write_text('{{"status": "ok", "reason": ""}}')
with open("times.txt", "a") as file:
    file.write(f"{{start}} {{time.monotonic()}}\\n")
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with two sessions that have a T2w, and every output that the workflow wants of them."""
    folder = tmp_path_factory.mktemp("finished")
    raw, output = folder / "raw", folder / "out"
    for session in SESSIONS:
        voxels = 1000 * np.random.default_rng(0).random((24, 24, 24))
        (raw / session / "anat").mkdir(parents=True)
        image = nib.Nifti1Image(voxels.astype(np.int16), np.diag([5.0, 5, 5, 1]))
        nib.save(image, raw / session / "anat" / f"{session}_T2w.nii.gz")
    (folder / "config.yaml").write_text(json.dumps({"bids_dir": str(raw), "output_dir": str(output)}))
    made = run_snakemake(derivatives.COVERAGE, "--configfile", str(folder / "config.yaml"))
    assert made.returncode == 0, made.stdout + made.stderr
    for session in SESSIONS:
        entry = {"status": "ok", "reason": ""}
        record = {**entry, "Contrasts": {"T2w": entry}}
        names = (derivatives.session_qc(session), derivatives.imputed_qc(session, Contrast.FLAIR))
        for name in (*names, derivatives.montage(session)):
            (output / name).parent.mkdir(parents=True, exist_ok=True)
            (output / name).write_text(json.dumps(record))
    assert run_gliofill("status", str(output)).returncode == 0
    (output / "logs" / "verdict.txt").write_text("")
    return folder


def planned(folder: Path) -> str:
    run = run_snakemake("--dry-run", "--configfile", str(folder / "config.yaml"))
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout + run.stderr


def test_nothing_is_done_when_all_is_there(finished: Path) -> None:
    assert "Nothing to be done" in planned(finished)


def test_missing_session_is_made_although_the_tables_of_the_cohort_exist(finished: Path) -> None:
    record = finished / "out" / derivatives.session_qc("sub-02")
    content = record.read_text()
    record.unlink()
    try:
        text = planned(finished)
    finally:
        record.write_text(content)
    made = [line for line in text.splitlines() if line.strip().startswith("output:") and "contrasts_qc" in line]
    assert made == ["    output: sub-02/anat/sub-02_desc-contrasts_qc.json"]
    assert "rule status" in text


@pytest.mark.parametrize(
    ("words", "together"),
    [((), False), (("--resources", "mem_mb=20000"), False), (("--resources", "gpu=2"), True)],
    ids=["one card", "other limits", "two cards"],
)
def test_as_many_jobs_run_on_cards_as_there_are_cards(
    finished: Path, tmp_path: Path, words: tuple[str, ...], together: bool
) -> None:
    program = tmp_path / "gliofill"
    program.write_text(IMPUTE.format(python=sys.executable))
    program.chmod(0o755)
    records = [derivatives.imputed_qc(session, Contrast.FLAIR) for session in SESSIONS]
    command = [sys.executable, "-m", "snakemake", *records, "--force", "--cores", "8", *words]
    environment = os.environ | {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    environment.pop("GLIOFILL_START", None)
    run = subprocess.run(
        [*command, "--configfile", str(finished / "config.yaml")],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    times = finished / "out" / "times.txt"
    (_, end), (start, _) = sorted(tuple(map(float, line.split())) for line in times.read_text().splitlines())
    times.unlink()
    assert (start < end) == together
