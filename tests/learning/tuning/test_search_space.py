import dataclasses
from pathlib import Path

import pytest

from gliofill.config.recipe import Recipe, load_recipe
from gliofill.contrasts import TASKS, Contrast, Task
from gliofill.errors import GliofillError
from gliofill.learning.tuning.search_space import HYPERPARAMETERS, Range, load_search, own_settings

PAPER = Path(__file__).parents[3] / "config" / "recipes" / "paper.yaml"
FLAIR = Task(Contrast.T2W, Contrast.FLAIR)

GOOD = """
name: mine
common: {learning_rate: 0.0002, batch_size: 2, batch_samples: 4, l1_weight: 100, lesion_weight: 0.0}
tasks: {T2w-to-FLAIR: {}}
search:
  common:
    l1_weight: {low: 10, high: 200}
    batch_size: {low: 1, high: 4}
  tasks: {T2w-to-FLAIR: {l1_weight: {low: 50, high: 200, scale: log}}}
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_paper_recipe_searches_all_five_around_what_the_abstract_found(task: Task) -> None:
    ranges = load_search(PAPER, task)
    assert tuple(ranges) == HYPERPARAMETERS
    recipe = load_recipe(PAPER, task)
    assert own_settings(recipe, ranges) == {name: getattr(recipe, name) for name in HYPERPARAMETERS}
    assert ranges["learning_rate"] == Range(0.00001, 0.001, "log")
    assert isinstance(ranges["batch_size"].low, int)


def test_ranges_of_a_task_override_common_ones_and_stand_in_the_order_of_the_paper(tmp_path: Path) -> None:
    ranges = load_search(write(tmp_path, GOOD), FLAIR)
    assert list(ranges.items()) == [("batch_size", Range(1, 4)), ("l1_weight", Range(50.0, 200.0, "log"))]
    assert isinstance(ranges["l1_weight"].low, float)


def test_both_bounds_belong_to_a_range() -> None:
    assert [value in Range(1, 4) for value in (0, 1, 4, 5)] == [False, True, True, False]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("batch_size: {low", "batchsize: {low", r"unknown key search\.common\.batchsize; did you mean 'batch_size'\?"),
        ("{low: 1,", "{lwo: 1,", r"unknown key search\.common\.batch_size\.lwo; did you mean 'low'\?"),
        (
            "scale: log",
            "scales: log",
            r"unknown key search\.tasks\.T2w-to-FLAIR\.l1_weight\.scales; did you mean 'scale'",
        ),
        ("scale: log", "scale: lin", r"search\.tasks\.T2w-to-FLAIR\.l1_weight\.scale: 'lin' is not one of linear, log"),
        ("  tasks: {T2w", "  task: {T2w", r"unknown key search\.task; did you mean 'tasks'\?"),
        ("  tasks: {T2w-", "  tasks: {T2-", r"unknown key search\.tasks\.T2-to-FLAIR; did you mean 'T2w-to-FLAIR'\?"),
        ("{low: 1, high: 4}", "{low: 1}", r"search\.common\.batch_size\.high is missing"),
        ("{low: 1, high: 4}", "3", r"search\.common\.batch_size is 3, a mapping is needed"),
        ("{low: 1, high: 4}", "{low: 4, high: 1}", r"batch_size: low is 4 and high is 1; low must be the smaller one"),
        ("{low: 1, high: 4}", "{low: 1, high: 4.5}", r"search\.common\.batch_size is 4\.5; it must be a whole number"),
        ("{low: 1, high: 4}", "{low: 0, high: 4}", r"search\.common\.batch_size is 0; it must be between 1 and 1024"),
        ("{low: 50,", "{low: 0,", r"l1_weight: low is 0\.0, but a logarithmic scale starts above 0"),
        ("search:", "common: {}\nserach:", r"unknown key serach; did you mean 'search'\?"),
    ],
)
def test_mistakes_are_told_in_one_line_with_file_and_key(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in GOOD
    path = write(tmp_path, GOOD.replace(old, new))
    with pytest.raises(GliofillError, match=message) as caught:
        load_search(path, FLAIR)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("search", "message"),
    [
        ("", "search, the ranges to tune in, is missing"),
        ("search: {}", r"search has no range for T2w-to-FLAIR; tune some of batch_size"),
        ("search: {tasks: {T1post-to-T1w: {l1_weight: {low: 1, high: 2}}}}", "search has no range for T2w-to-FLAIR"),
    ],
    ids=["no search", "empty", "of another task"],
)
def test_a_recipe_without_ranges_cannot_be_searched(tmp_path: Path, search: str, message: str) -> None:
    with pytest.raises(GliofillError, match=message):
        load_search(write(tmp_path, GOOD[: GOOD.index("search:")] + search), FLAIR)


def test_a_recipe_outside_its_own_ranges_is_told(recipe: Recipe) -> None:
    outside = dataclasses.replace(recipe, l1_weight=500.0)
    with pytest.raises(GliofillError, match=r"recipe tiny: l1_weight is 500\.0, outside the range \[10\.0, 200\.0\]"):
        own_settings(outside, {"batch_size": Range(1, 4), "l1_weight": Range(10.0, 200.0)})
