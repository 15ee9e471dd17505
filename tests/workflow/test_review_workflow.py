"""The review in the workflow: what is found unusable is filled in the same run, a decision reruns its session alone.

The records are written by hand, so that nothing is computed: the plan is what is tested.
"""

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import run_snakemake
from tests.support.records import session_record, unusable

from gliofill.contrasts import Contrast
from gliofill.derivatives import paths
from gliofill.files.nifti import write_image

#: the images are noise on a few coarse voxels
LENIENT = {"max_pixel_mm": 10} | dict.fromkeys(
    ("max_noise", "max_cut", "max_wrap", "max_stripes", "max_slice_drop", "max_saturation"), 1
)
HEADER = "participant\tsession\tcontrast\tuse\treason\n"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a folder with two small complete sessions and an empty review table."""
    rng = np.random.default_rng(0)
    for session in ("sub-01", "sub-02"):
        for name in ("ce-gadolinium_T1w", "T1w", "T2w", "FLAIR"):
            file = tmp_path / "bids" / session / "anat" / f"{session}_{name}.nii.gz"
            write_image(file, rng.uniform(90, 110, (20, 20, 20)), np.diag([5, 5, 5, 1.0]))
    (tmp_path / "bids" / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.10.0"}')
    (tmp_path / "review.tsv").write_text(HEADER)
    return tmp_path


def snakemake(tree: Path, *words: str) -> str:
    settings = {"bids_dir": tree / "bids", "output_dir": tree / "out", "review_table": tree / "review.tsv"}
    plain = {key: str(value) for key, value in settings.items()}
    (tree / "config.json").write_text(json.dumps(plain | {"usability": LENIENT}))
    run = run_snakemake(*words, "--configfile", str(tree / "config.json"))
    text = run.stdout + run.stderr
    assert run.returncode == 0, text
    return text


def planned(text: str, rule: str) -> set[str]:
    """Return the outputs of the jobs of a rule in a dry run."""
    jobs = re.findall(rf"^(?:rule|checkpoint|localrule) {rule}:\n(?:    .*\n)*?    output: (.*)$", text, re.MULTILINE)
    return set(jobs)


def test_review_asks_for_what_it_found_and_a_decision_reruns_its_session_alone(tree: Path) -> None:
    snakemake(tree, "coverage")
    session_record("sub-01", FLAIR=unusable()).write(tree / "out")
    session_record("sub-02").write(tree / "out")
    snakemake(tree, paths.REVIEW)
    late = paths.imputed_qc("sub-01", Contrast.FLAIR)
    dry = snakemake(tree, "--dry-run")
    assert planned(dry, "impute") == {late} and not planned(dry, "preprocess")

    (tree / "review.tsv").write_text(HEADER + "02\t\tT1w\tno\tit moved\n")
    snakemake(tree, "coverage")
    assert "sub-02\tn/a\tT1w\tunusable\timpute\tT1post" in (tree / "out" / paths.COVERAGE).read_text()
    dry = snakemake(tree, "--dry-run", paths.imputed_qc("sub-02", Contrast.T1W))
    assert planned(dry, "impute") == {paths.imputed_qc("sub-02", Contrast.T1W)}
    assert "checkpoint review" not in dry  # what coverage plans waits for no other session


def test_an_imputation_that_only_an_earlier_review_wanted_ends_well(tree: Path) -> None:
    snakemake(tree, "coverage")
    session_record("sub-01", FLAIR=unusable()).write(tree / "out")
    session_record("sub-02").write(tree / "out")
    snakemake(tree, paths.REVIEW)
    (tree / "review.tsv").write_text(HEADER + "01\t\tFLAIR\tyes\tit will do\n")
    snakemake(tree, paths.COMPLETE)
    assert "a reviewer decided so (it will do)" in (tree / "out" / paths.REVIEW).read_text()
    assert "desc-imputed" not in (tree / "out" / paths.COMPLETE).read_text()
    assert not (tree / "out" / paths.FAILURES).read_text().splitlines()[1:]


def test_a_wrong_review_table_stops_the_run_with_one_line(tree: Path) -> None:
    (tree / "review.tsv").write_text(HEADER + "01\t\tFLAIR\tperhaps\tx\n")
    words = {"bids_dir": tree / "bids", "output_dir": tree / "out", "review_table": tree / "review.tsv"}
    run = run_snakemake("--dry-run", "--config", *(f"{key}={value}" for key, value in words.items()))
    lines = [line for line in (run.stdout + run.stderr).splitlines() if "gliofill:" in line]
    assert run.returncode != 0 and len(lines) == 1 and "row 2: use is 'perhaps'" in lines[0]


def test_touching_the_review_table_changes_nothing(tree: Path) -> None:
    snakemake(tree, "coverage")
    os.utime(tree / "review.tsv")
    assert "Nothing to be done" in snakemake(tree, "--dry-run", "coverage")
