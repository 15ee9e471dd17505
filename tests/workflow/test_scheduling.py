"""What Snakemake starts: nothing twice, all that is missing, and one job at a time on a GPU."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from tests.conftest import ROOT

from gliofill.contrasts import Contrast
from gliofill.derivatives import paths

SESSIONS = ("sub-01", "sub-02")


def start(folder: Path, *words: str, seconds: float = 0, cores: int = 8, failing: str = "", exit_code: int = 0) -> str:
    """Run Snakemake with a stand-in for the steps of a session, which take so many seconds; return what it prints."""
    command = [sys.executable, "-m", "snakemake", *words, "--cores", str(cores)]
    environment = os.environ | {
        "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "STAND_IN_SECONDS": str(seconds),
        "STAND_IN_FAILS": failing,
    }
    environment.pop("GLIOFILL_START", None)
    run = subprocess.run(
        [*command, "--configfile", str(folder / "config.yaml")],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert run.returncode == exit_code, run.stdout + run.stderr
    return run.stdout + run.stderr


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with two sessions that have a T2w, and a finished run over them."""
    folder = tmp_path_factory.mktemp("finished")
    ball = np.linalg.norm(np.indices((30, 30, 30)) - 14.5, axis=0) < 12
    for session in SESSIONS:
        anat = folder / "raw" / session / "anat"
        anat.mkdir(parents=True)
        image = nib.Nifti1Image((1000 * ball).astype(np.int16), np.diag([5.0, 5, 5, 1]))
        nib.save(image, anat / f"{session}_T2w.nii.gz")
    config = {"bids_dir": str(folder / "raw"), "output_dir": str(folder / "out"), "audit": {"sessions": 0}}
    config["usability"] = {"max_pixel_mm": 5, "max_saturation": 1}
    (folder / "config.yaml").write_text(json.dumps(config))
    (folder / "bin").mkdir()
    program = folder / "bin" / "gliofill"
    program.write_text(f"#!{sys.executable}\n{(ROOT / 'tests' / 'support' / 'stand_in.py').read_text()}")
    program.chmod(0o755)
    start(folder)
    for session in SESSIONS:
        assert (folder / "out" / paths.imputed_qc(session, Contrast.FLAIR)).is_file()
    return folder


def test_snakemake_finds_nothing_to_criticise(finished: Path) -> None:
    assert "your workflow is in a good condition" in start(finished, "--lint")


def test_labels_with_a_plus_are_labels(finished: Path, tmp_path: Path) -> None:
    config = json.loads((finished / "config.yaml").read_text()) | {"output_dir": str(tmp_path / "out")}
    folder = "sub-a+b/ses-c+d"
    image = tmp_path / "raw" / folder / "anat" / "sub-a+b_ses-c+d_T2w.nii.gz"
    image.parent.mkdir(parents=True)
    shutil.copy(finished / "raw" / "sub-01" / "anat" / "sub-01_T2w.nii.gz", image)
    (tmp_path / "config.yaml").write_text(json.dumps(config | {"bids_dir": str(tmp_path / "raw")}))
    (tmp_path / "bin").symlink_to(finished / "bin")
    start(tmp_path)
    assert (tmp_path / "out" / paths.imputed_qc(folder, Contrast.FLAIR)).is_file()


@pytest.mark.parametrize("words", [(), ("--max-checksum-file-size", "1")], ids=["small tables", "large tables"])
def test_nothing_is_done_when_all_is_there(finished: Path, words: tuple[str, ...]) -> None:
    # of large tables, as thousands of sessions have, Snakemake compares times only
    assert "Nothing to be done" in start(finished, "--dry-run", *words)


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        (paths.session_qc("sub-02"), "preprocess"),
        (paths.imputed_qc("sub-02", Contrast.FLAIR), "impute"),
    ],
    ids=["session", "imputation"],
)
def test_what_is_missing_is_made_although_the_tables_of_the_cohort_exist(finished: Path, name: str, rule: str) -> None:
    file = finished / "out" / name
    content = file.read_text()
    file.unlink()
    try:
        text = start(finished, "--dry-run")
    finally:
        file.write_text(content)
    planned = [line.split() for line in text.split("Job stats:")[-1].splitlines() if line.startswith(f"{rule} ")]
    assert planned == [[rule, "1"]]


@pytest.mark.parametrize(
    ("words", "together"),
    [((), False), (("--resources", "mem_mb=20000"), False), (("--resources", "gpu=2"), True)],
    ids=["one GPU", "other limits", "two GPUs"],
)
def test_as_many_jobs_run_on_gpus_as_there_are_gpus(finished: Path, words: tuple[str, ...], together: bool) -> None:
    times = finished / "out" / "times-impute.txt"
    times.unlink()
    records = [paths.imputed_qc(session, Contrast.FLAIR) for session in SESSIONS]
    start(finished, *records, "--force", *words, seconds=3)
    (_, end), (begin, _) = sorted(tuple(map(float, line.split())) for line in times.read_text().splitlines())
    assert (begin < end) == together


@pytest.mark.parametrize("stops", [False, True], ids=["go on", "stop"])
def test_a_run_ends_with_the_first_failure_only_if_asked_to_and_names_it(
    finished: Path, tmp_path: Path, stops: bool
) -> None:
    config = json.loads((finished / "config.yaml").read_text()) | {"stop_on_first_crash": stops}
    (tmp_path / "config.yaml").write_text(json.dumps(config | {"output_dir": str(tmp_path / "out")}))
    (tmp_path / "bin").symlink_to(finished / "bin")
    text = start(tmp_path, cores=1, failing="preprocess", exit_code=1)
    failed = set(re.findall(r"^failed: (sub-0[12]) preprocess T2w: .*broken on purpose", text, re.MULTILINE))
    if stops:
        # whichever came first; the other was never begun
        assert len(failed) == 1 and "of 1 sessions were not reached" in text
        assert not any((tmp_path / "out" / paths.session_qc(session)).is_file() for session in SESSIONS)
    else:
        assert failed == set(SESSIONS) and "not reached" not in text
    # the cohort page is written all the same, and says so in its first section
    main = (tmp_path / "out" / paths.INDEX).read_text(encoding="utf-8").partition("<main")[2]
    assert re.search(r"\d steps? failed", main.partition("</section>")[0])
