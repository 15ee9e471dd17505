"""Names of an experiment are those that its steps write."""

from pathlib import Path

from gliofill.contrasts import TASKS
from gliofill.derivatives import experiment_paths
from gliofill.evaluation.figures.style import figure_stem
from gliofill.evaluation.tables import COLUMNS

TASK = TASKS[0]


def test_every_table_of_an_evaluation_has_its_columns() -> None:
    assert tuple(COLUMNS) == experiment_paths.EVALUATION_TABLES
    folder = f"experiment/evaluation/{TASK.name}"
    assert experiment_paths.evaluation_tables(TASK.name) == [f"{folder}/{table}" for table in COLUMNS]
    assert experiment_paths.failures(TASK.name) in experiment_paths.evaluation_tables(TASK.name)


def test_figures_lie_where_they_are_drawn() -> None:
    drawn = [figure_stem(Path(experiment_paths.FIGURES), TASK, name) for name in experiment_paths.EVALUATION_FIGURES]
    assert experiment_paths.evaluation_figures(TASK.name) == [f"{stem}.png" for stem in drawn]


def test_names_with_wildcards_are_patterns_of_names() -> None:
    pattern = experiment_paths.model("{task}", "{fold}", "{label}")
    assert pattern.format(task=TASK.name, fold=2, label="lesion") == experiment_paths.model(TASK.name, 2, "lesion")
    assert Path(experiment_paths.model(TASK.name, 2, "lesion")).match(experiment_paths.model("*", "*", "*"))
