"""The experiment as a workflow, on tiny sessions: every table and figure, and what happens to wrong input."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from PIL import Image
from tests.conftest import run_gliofill, run_snakemake
from tests.support.sessions import TASK, write_session
from tests.support.small_experiment import make_experiment


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("experiment")
    make_experiment(folder)
    return folder


@pytest.fixture(scope="module")
def results(cohort: Path) -> Path:
    run = run_snakemake("experiment", "--configfile", str(cohort / "config.yaml"), "--resources", "gpu=2")
    assert run.returncode == 0, run.stdout + run.stderr
    return cohort / "out" / "experiment"


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_patients_are_split_once_with_both_grades_everywhere(results: Path) -> None:
    rows = read(results / "split.tsv")
    assert [sum(row["set"] == name for row in rows) for name in ("train", "validation", "test")] == [4, 2, 2]
    balance = read(results / "split_balance.tsv")
    assert all(row["patients"] != "0" for row in balance if row["column"] == "grade")


def test_tuning_tries_as_many_settings_as_asked_for_and_its_recipe_is_trained(results: Path) -> None:
    trials = read(results / "tune" / TASK.name / "trials.tsv")
    assert [(row["trial"], row["repeat"]) for row in trials].count(("0", "0")) == 1 and len(trials) == 3
    best = yaml.safe_load((results / "tune" / TASK.name / "best.yaml").read_text())
    model = yaml.safe_load((results / "models" / TASK.name / "fold-1" / "lesion" / "model.json").read_text())
    assert model["recipe"]["learning_rate"] == best["tasks"][TASK.name]["learning_rate"]


def test_tables_hold_the_test_patients_alone_beside_all_floors(results: Path) -> None:
    tested = {row["participant_id"] for row in read(results / "split.tsv") if row["set"] == "test"}
    metrics = read(results / "evaluation" / TASK.name / "metrics.tsv")
    assert {row["participant_id"] for row in metrics} == tested
    methods = ["input", "zeros", "linear", "histogram", "nolesion", "lesion"]
    assert [row["method"] for row in metrics] == methods * len(tested)
    for table in ("summary", "comparisons", "calibration"):
        assert read(results / "evaluation" / TASK.name / f"{table}.tsv")
    assert read(results / "evaluation" / TASK.name / "failures.tsv") == []


def figures(folder: Path) -> Iterator[Path]:
    for name in ("trials", "panels", "scores", "calibration"):
        yield folder / f"{TASK.name}_{name}.png"


def test_every_figure_is_drawn_with_its_numbers(results: Path) -> None:
    for path in figures(results / "figures"):
        with Image.open(path) as picture:
            assert min(picture.size) > 300 and len(set(picture.convert("L").resize((64, 64)).getdata())) > 5
        assert path.with_suffix(".svg").is_file() and read(path.with_suffix(".tsv"))


def test_second_run_does_nothing(cohort: Path, results: Path) -> None:
    run = run_snakemake("train", "tune", "--configfile", str(cohort / "config.yaml"), "--dry-run")
    assert "Nothing to be done" in run.stdout + run.stderr


@pytest.mark.parametrize(
    ("lost", "rule"),
    [
        (f"figures/{TASK.name}_calibration.png", "evaluate_task"),
        (f"evaluation/{TASK.name}/summary.tsv", "evaluate_task"),
        (f"tune/{TASK.name}/trials.tsv", "tune_task"),
        (f"figures/{TASK.name}_trials.png", "tune_task"),
    ],
)
def test_what_is_lost_of_a_finished_step_is_made_again(cohort: Path, results: Path, lost: str, rule: str) -> None:
    kept = (results / lost).rename(cohort / "kept")
    run = run_snakemake("experiment", "--configfile", str(cohort / "config.yaml"), "--dry-run")
    kept.rename(results / lost)
    table = (run.stdout + run.stderr).split("Job stats:")[-1]
    assert re.search(rf"^{rule} +1$", table, re.MULTILINE), table


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train": {"compare": ["bets"]}}, "recipe 'bets' is neither a file nor one of"),
        ({"split": {"scheme": "fraction"}}, "split.scheme is 'fraction'; it must be one of"),
        ({"tune": {"trails": 3}}, "unknown key tune.trails; did you mean 'trials'?"),
    ],
    ids=["recipe", "scheme", "key"],
)
def test_wrong_configuration_is_told_in_one_line(cohort: Path, tmp_path: Path, change: dict, message: str) -> None:
    config = yaml.safe_load((cohort / "config.yaml").read_text())
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config | change))
    run = run_snakemake("experiment", "--configfile", str(tmp_path / "config.yaml"), "--dry-run")
    assert run.returncode != 0
    lines = [line for line in (run.stdout + run.stderr).splitlines() if "gliofill:" in line]
    assert lines and message in lines[0]


def test_one_patient_and_no_complete_session_are_told_in_one_line(tmp_path: Path) -> None:
    write_session(tmp_path / "one", "sub-01", 1)
    (tmp_path / "none").mkdir()
    for name, message in (("one", "1 patients in proportions"), ("none", "no session has a preprocessed T2w")):
        words = ("split", str(tmp_path / "split.tsv"), "--derivatives", str(tmp_path / name), "--task", TASK.name)
        run = run_gliofill(*words)
        assert run.returncode == 2 and message in run.stderr and len(run.stderr.splitlines()) == 1
        assert not (tmp_path / "split.tsv").exists()
