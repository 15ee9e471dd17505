import dataclasses
from pathlib import Path

import pytest

from gliofill.config.recipe import Recipe, largest, load_recipe
from gliofill.contrasts import TASKS, Contrast, Task, find_task
from gliofill.errors import GliofillError

RECIPES = Path(__file__).parents[2] / "config" / "recipes"
FLAIR = Task(Contrast.T2W, Contrast.FLAIR)

GOOD = """
name: mine
common: {learning_rate: 0.0002, batch_size: 2, batch_samples: 4, l1_weight: 100, lesion_weight: 0.0}
tasks: {T2w-to-FLAIR: {batch_samples: 3}}
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("task", "stated"),
    [
        ("T1post-to-T1w", (0.000149, 2, 4, 90.24, 124.85)),
        ("T2w-to-FLAIR", (0.0000487, 2, 2, 118.74, 151.04)),
    ],
)
def test_paper_recipe_has_the_values_of_the_abstract(task: str, stated: tuple[float, ...]) -> None:
    recipe = load_recipe(RECIPES / "paper.yaml", find_task(task))
    found = (recipe.learning_rate, recipe.batch_size, recipe.batch_samples, recipe.l1_weight, recipe.lesion_weight)
    assert found == stated
    assert (recipe.iterations, recipe.generator_width, recipe.generator_blocks) == (5000, 64, 9)
    assert not recipe.demonstration


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_demo_recipe_loads_and_says_that_it_is_one(task: Task) -> None:
    recipe = load_recipe(RECIPES / "demo.yaml", task)
    assert recipe.demonstration and recipe.save_half and recipe.name == "demo"


def test_paper_recipe_leaves_no_setting_to_a_default() -> None:
    recipe = load_recipe(RECIPES / "paper.yaml", FLAIR)
    text = (RECIPES / "paper.yaml").read_text()
    assert [key for key in recipe.as_dict() if f"{key}:" not in text] == []


def test_task_settings_override_common_ones(tmp_path: Path) -> None:
    recipe = load_recipe(write(tmp_path, GOOD), FLAIR)
    assert (recipe.batch_samples, recipe.l1_weight, recipe.name) == (3, 100.0, "mine")
    assert isinstance(recipe.l1_weight, float)


def test_number_without_a_dot_is_a_number_although_yaml_takes_it_as_text(tmp_path: Path) -> None:
    assert load_recipe(write(tmp_path, GOOD.replace("0.0002", "2e-4")), FLAIR).learning_rate == 0.0002


def test_largest_value_is_the_one_that_a_recipe_may_have(recipe: Recipe) -> None:
    assert dataclasses.replace(recipe, ensemble=largest("ensemble")).ensemble == largest("ensemble")
    with pytest.raises(GliofillError, match="ensemble is 17"):
        dataclasses.replace(recipe, ensemble=largest("ensemble") + 1)
    assert largest("flip") is None


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("batch_size", "batchsize", r"unknown key common\.batchsize; did you mean 'batch_size'\?"),
        (
            "batch_samples: 3",
            "iteration: 3",
            r"unknown key tasks\.T2w-to-FLAIR\.iteration; did you mean 'iterations'\?",
        ),
        ("common", "comon", r"unknown key comon; did you mean 'common'\?"),
        ("T2w-to-FLAIR", "T2-to-FLAIR", r"unknown key tasks\.T2-to-FLAIR; did you mean 'T2w-to-FLAIR'\?"),
        ("T2w-to-FLAIR", "T1post-to-T1w", r"tasks\.T2w-to-FLAIR is missing; the file has T1post-to-T1w"),
        ("learning_rate: 0.0002, ", "", "learning_rate is missing"),
        ("name: mine", "", "name is missing"),
        ("name: mine", "name: a/b", "name is 'a/b'; it must be letters"),
        ("0.0002", "2.0", r"common\.learning_rate is 2\.0; it must be between 1e-09 and 1\.0"),
        ("0.0002", ".nan", r"common\.learning_rate is nan; it must be between"),
        ("batch_samples: 3", "batch_samples: 0", r"tasks\.T2w-to-FLAIR\.batch_samples is 0; it must be between 1 and"),
        ("batch_size: 2", "batch_size: 2.5", r"batch_size is 2\.5; it must be a whole number"),
        ("batch_size: 2", "batch_size: true", "batch_size is True; it must be a whole number"),
        ("batch_size: 2", "name: x, batch_size: 2", r"unknown key common\.name"),
        ("batch_size: 2", "upsampling: bilinear, batch_size: 2", "'bilinear'; it must be one of transposed, resize"),
        ("tasks: {T2w-to-FLAIR: {batch_samples: 3}}", "tasks: 3", "tasks is 3; it must be a mapping"),
        ("name: mine", "name: [", "cannot be read as YAML"),
    ],
)
def test_mistake_is_reported_with_file_and_key(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in GOOD
    path = write(tmp_path, GOOD.replace(old, new))
    with pytest.raises(GliofillError, match=message) as caught:
        load_recipe(path, FLAIR)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_missing_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(GliofillError, match=r"absent\.yaml: no such recipe file"):
        load_recipe(tmp_path / "absent.yaml", FLAIR)


def test_replaced_settings_are_checked_too(recipe: Recipe) -> None:
    assert dataclasses.replace(recipe, lesion_weight=0).lesion_weight == 0.0
    with pytest.raises(GliofillError, match=r"generator_width is 0; it must be between 1 and 512"):
        dataclasses.replace(recipe, generator_width=0)
