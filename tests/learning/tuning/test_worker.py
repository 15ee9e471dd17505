import csv
import dataclasses
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from optuna.trial import TrialState

from gliofill.config.recipe import Recipe, load_recipe
from gliofill.config.settings import TuneSettings
from gliofill.contrasts import Task
from gliofill.errors import GliofillError
from gliofill.learning.runtime import Runtime
from gliofill.learning.training import loop
from gliofill.learning.training.batches import Batch, SliceSource
from gliofill.learning.tuning import worker
from gliofill.learning.tuning.search_space import Range
from gliofill.learning.tuning.selection import COLUMNS
from gliofill.learning.tuning.shared_study import SharedStudy
from gliofill.learning.tuning.worker import tune
from gliofill.learning.volumes.cases import Case
from gliofill.learning.volumes.sessions import Sessions

pytestmark = pytest.mark.usefixtures("small_crop")

RANGES = {"batch_samples": Range(1, 3), "learning_rate": Range(0.00001, 0.01, "log")}

#: a worker in a process of its own that is slow after its first validation: sessions, folder, recipe, ranges
WORKER = """
import sys, time
from pathlib import Path
from gliofill.contrasts import TASKS
from gliofill.config.settings import TuneSettings
from gliofill.learning.runtime import Runtime
from gliofill.learning.tuning import worker
from gliofill.learning.volumes import cases as cases_module
from gliofill.learning.volumes.sessions import Sessions
from gliofill.learning.training.batches import SliceSource
from gliofill.config.recipe import Recipe
from gliofill.learning.tuning.search_space import Range

cases_module.CROP_MINIMUM = (32, 48)
draw = SliceSource.draw
SliceSource.draw = lambda self, iteration: time.sleep(60 if iteration == 2 else 0) or draw(self, iteration)
sessions, folder, recipe, ranges = Path(sys.argv[1]), Path(sys.argv[2]), eval(sys.argv[3]), eval(sys.argv[4])
cases = cases_module.find_cases(sessions, TASKS[0])
worker.tune(
    Recipe(**recipe), {name: Range(*bounds) for name, bounds in ranges.items()}, folder,
    Sessions(TASKS[0], cases, cases), TuneSettings(trials=3, repeats=2, top=2),
    Runtime("cpu", 1, log=lambda line: print(line, flush=True)),
)
"""


def silent(line: str) -> None:
    pass


@pytest.fixture
def recipe(recipe: Recipe) -> Recipe:
    return dataclasses.replace(recipe, iterations=4, validate_every=2)


@pytest.fixture
def work(cases: list[Case], tmp_path: Path, task: Task) -> Callable[..., Path]:
    """Give a function that is a worker until the study is over."""

    def work(recipe: Recipe, **settings: Any) -> Path:
        chosen = {"trials": 3, "repeats": 2, "top": 2, "training": cases, "held_out": cases, "log": silent, **settings}
        ranges, folder = chosen.pop("ranges", RANGES), chosen.pop("folder", tmp_path)
        sessions = Sessions(task, chosen.pop("training"), chosen.pop("held_out"))
        size = TuneSettings(**{name: chosen.pop(name) for name in ("trials", "repeats", "top")})
        return tune(recipe, ranges, folder, sessions, size, Runtime(device="cpu", **chosen))

    return work


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "trials.tsv").open() as file:
        return list(csv.DictReader(file, delimiter="\t"))


def search_study(folder: Path, task: Task) -> SharedStudy:
    return SharedStudy(folder, task.name, distributions={}, propose=lambda trials: {})


@pytest.mark.slow
def test_a_study_ends_with_a_table_and_the_best_recipe(
    recipe: Recipe, work: Callable[..., Path], tmp_path: Path, task: Task
) -> None:
    best = work(recipe)
    table = rows(tmp_path)
    assert list(table[0]) == list(COLUMNS)
    assert [row["trial"] for row in table[:3]] == ["0", "1", "2"]
    assert [(row["repeat"], row["seed"]) for row in table] == [("0", "0")] * 3 + [("1", "1")] * 2
    assert {row["state"] for row in table} == {"complete"}
    assert (table[0]["batch_samples"], table[0]["learning_rate"]) == ("2", "0.001")  # the recipe's own
    assert {row["l1_weight"] for row in table} == {"100.0"}  # not tuned
    assert all(float(row["seconds"]) > 0 and float(row["ssim_lesion"]) <= 1 for row in table)

    finalists = sorted(table[:3], key=lambda row: -float(row["ssim"]))[:2]
    assert [row["trial"] for row in table[3:]] == [row["trial"] for row in finalists]
    means = {
        row["trial"]: float(row["ssim"]) + float(again["ssim"]) for row, again in zip(finalists, table[3:], strict=True)
    }
    chosen = next(row for row in table if row["trial"] == max(means, key=means.__getitem__))
    loaded = load_recipe(best, task)
    assert loaded == dataclasses.replace(
        recipe,
        name="tiny-tuned",
        batch_samples=int(chosen["batch_samples"]),
        learning_rate=float(chosen["learning_rate"]),
    )
    written = yaml.safe_load(best.read_text())["tasks"][task.name]
    assert list(written) == [field.name for field in dataclasses.fields(Recipe) if field.name != "name"]
    comments = [line for line in best.read_text().splitlines() if line.startswith("#")]
    assert comments[0] == "# Recipe tiny, tuned for T2w-to-FLAIR in 3 trials (3 complete)."
    assert comments[1].startswith("# SSIM in the brain, mean of the held-out sessions (2)")
    assert comments[-2].startswith(f"#   trial {chosen['trial']}: ")
    assert comments[-2].endswith("(2 of 2 seeds), chosen") and comments[-1].endswith("(2 of 2 seeds)")


@pytest.mark.slow
def test_a_study_that_is_over_trains_nothing_and_writes_the_same(
    recipe: Recipe, work: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work(recipe)
    before = [(tmp_path / name).read_bytes() for name in ("trials.tsv", "best.yaml")]
    journal = len((tmp_path / "journal.log").read_text().splitlines())
    monkeypatch.setattr(worker, "train_network", lambda *_: pytest.fail("trained"))
    work(recipe)
    assert [(tmp_path / name).read_bytes() for name in ("trials.tsv", "best.yaml")] == before
    assert len((tmp_path / "journal.log").read_text().splitlines()) <= journal + 2  # Optuna notes each opening


@pytest.mark.slow
def test_a_study_can_be_continued_with_more_trials(recipe: Recipe, work: Callable[..., Path], tmp_path: Path) -> None:
    work(recipe, trials=1)
    first = rows(tmp_path)[0]
    work(recipe, trials=2)
    assert rows(tmp_path)[0] == first
    assert [row["repeat"] for row in rows(tmp_path)] == ["0", "0", "1", "1"]


@pytest.mark.slow
def test_no_model_and_no_state_is_left(recipe: Recipe, work: Callable[..., Path], tmp_path: Path) -> None:
    work(recipe, trials=1, repeats=1, checkpoint_every=1)
    left = {path.name for path in (tmp_path / "runs" / "trial-000_seed-0").iterdir()}
    assert left == {"losses.csv", "scores.csv", "tensorboard", "validation"}


def test_without_intervals_a_trial_is_validated_at_its_end(
    recipe: Recipe, work: Callable[..., Path], tmp_path: Path
) -> None:
    best = work(dataclasses.replace(recipe, validate_every=0, ensemble=3), trials=1, repeats=1)
    scores = (tmp_path / "runs" / "trial-000_seed-0" / "scores.csv").read_text().splitlines()
    assert [line.split(",")[:2] for line in scores[1:]] == [["0", "4"]]
    assert "validate_every: 0\n" in best.read_text() and "ensemble: 3\n" in best.read_text()


def diverged(losses: dict[str, float]) -> dict[str, float]:
    return losses | {"l1": float("nan")}


def out_of_memory(losses: dict[str, float]) -> dict[str, float]:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 8 GiB.\nMore lines")


@pytest.mark.parametrize(
    ("harm", "told"),
    [(diverged, "the l1 loss is nan at iteration 1"), (out_of_memory, "CUDA out of memory. Tried to allocate 8 GiB.")],
    ids=["diverges", "out of memory"],
)
def test_a_trial_that_cannot_succeed_fails_once_and_does_not_end_the_study(
    recipe: Recipe,
    work: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    task: Task,
    harm: Callable[[dict[str, float]], dict[str, float]],
    told: str,
) -> None:
    step = loop.step

    def harmful(state: Any, batch: Batch, own: Recipe) -> dict[str, float]:
        losses = step(state, batch, own)
        return harm(losses) if own.learning_rate == recipe.learning_rate else losses

    monkeypatch.setattr(loop, "step", harmful)
    lines: list[str] = []
    work(recipe, trials=2, top=1, repeats=1, log=lines.append)
    assert [row["state"] for row in rows(tmp_path)] == ["failed", "complete"]
    assert (rows(tmp_path)[0]["ssim"], rows(tmp_path)[0]["learning_rate"]) == ("n/a", "0.001")
    assert any(told in line for line in lines) and not any("\n" in line for line in lines)
    assert search_study(tmp_path, task).trials(1)[0].user_attrs["attempts"] == 1


def test_a_study_of_failures_has_no_best_recipe(
    recipe: Recipe, work: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "step", lambda *_: {"l1": float("inf")})
    with pytest.raises(GliofillError, match=r"all 2 trials failed; see their logs, and search at lower learning rates"):
        work(recipe, trials=2)
    assert not (tmp_path / "best.yaml").exists()


def test_a_stop_request_gives_the_trial_back_and_it_ends_as_if_nothing_had_happened(
    recipe: Recipe, work: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, task: Task
) -> None:
    work(recipe, trials=1, repeats=1)
    whole = rows(tmp_path)
    stopped_in = tmp_path / "stopped"
    draw = SliceSource.draw

    def draw_and_signal(self: SliceSource, current: int) -> Batch:
        if current == 2:
            signal.raise_signal(signal.SIGTERM)
        return draw(self, current)

    with monkeypatch.context() as patch:
        patch.setattr(SliceSource, "draw", draw_and_signal)
        with pytest.raises(SystemExit):
            work(recipe, trials=1, repeats=1, folder=stopped_in)
    stopped = search_study(stopped_in, task).trials(1)[0]
    assert (stopped.state, list(stopped.intermediate_values)) == (TrialState.RUNNING, [2])

    lines: list[str] = []
    work(recipe, trials=1, repeats=1, folder=stopped_in, log=lines.append)
    ended = search_study(stopped_in, task).trials(9)
    assert [(trial.state, list(trial.intermediate_values)) for trial in ended] == [(TrialState.COMPLETE, [2, 4])]
    assert any("continuing after iteration 3" in line for line in lines)
    assert [row | {"seconds": ""} for row in rows(stopped_in)] == [row | {"seconds": ""} for row in whole]


@pytest.mark.slow
def test_trials_below_the_median_are_pruned_but_not_at_their_end(
    recipe: Recipe, work: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = iter([0.9, 0.8] * 5 + [0.5] + [0.9, 0.5])
    monkeypatch.setattr(loop, "watch_scores", lambda watched: {"ssim": next(scores)})
    work(recipe, trials=7, repeats=1)
    table = rows(tmp_path)
    assert [row["state"] for row in table] == ["complete"] * 5 + ["pruned", "complete"]
    assert [float(row["ssim"]) for row in table] == [0.9] * 5 + [0.5, 0.9]
    assert {row["ssim_lesion"] for row in table} == {"n/a"}


@pytest.mark.slow
def test_a_killed_worker_loses_no_trial(
    recipe: Recipe, work: Callable[..., Path], tmp_path: Path, sessions: Path, task: Task
) -> None:
    ranges = {name: (allowed.low, allowed.high, allowed.scale) for name, allowed in RANGES.items()}
    command = [sys.executable, "-c", WORKER, str(sessions), str(tmp_path), repr(recipe.as_dict()), repr(ranges)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as victim:
        assert victim.stdout is not None
        assert any("iteration 2: ssim" in line for line in victim.stdout)
        victim.kill()
    cut_short = search_study(tmp_path, task).trials(9)
    assert [trial.state for trial in cut_short] == [TrialState.RUNNING]
    lines: list[str] = []
    work(recipe, log=lines.append)
    begun = [line.split("trial ")[1].split(",")[0] for line in lines if " of 3, trial " in line]
    assert begun == ["0", "1", "2"]
    trials = search_study(tmp_path, task).trials(9)
    assert [trial.state for trial in trials] == [TrialState.COMPLETE] * 3
    assert [trial.user_attrs["attempts"] for trial in trials] == [2, 1, 1]
    assert load_recipe(tmp_path / "best.yaml", task).name == "tiny-tuned"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"held_out": []}, r"no session was given to score on while tuning T2w-to-FLAIR; split again"),
        ({"training": []}, r"no session was given to train on while tuning T2w-to-FLAIR; split again"),
        ({"trials": 0}, r"trials: 0 is too few to tune T2w-to-FLAIR; at least 1 is needed"),
        ({"ranges": {"batch_samples": Range(3, 4)}}, r"recipe tiny: batch_samples is 2, outside the range \[3, 4\]"),
    ],
    ids=["no validation", "nothing to learn", "no trials", "recipe outside"],
)
def test_what_cannot_be_tuned_is_told(
    recipe: Recipe, work: Callable[..., Path], settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(GliofillError, match=message):
        work(recipe, **settings)


def test_another_recipe_is_refused_in_the_same_folder(recipe: Recipe, work: Callable[..., Path]) -> None:
    work(recipe, trials=1, repeats=1)
    with pytest.raises(
        GliofillError, match=r"another study \(l1_weight was 100\.0 and is 90\.0\); tune in another folder"
    ):
        work(dataclasses.replace(recipe, l1_weight=90.0), trials=1, repeats=1)
