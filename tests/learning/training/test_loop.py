import csv
import dataclasses
import signal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from tests.support.interrupted import interrupted, silent, stop_at

from gliofill.config.recipe import Recipe
from gliofill.contrasts import TASKS, Task
from gliofill.errors import GliofillError
from gliofill.files.atomic import read_json, sha256
from gliofill.learning.models.folder import load_model
from gliofill.learning.runtime import Runtime
from gliofill.learning.training.batches import Batch, SliceSource
from gliofill.learning.training.loop import learning_rate, step, train
from gliofill.learning.training.state import TrainingState, state_name
from gliofill.learning.volumes.cache import load_cached
from gliofill.learning.volumes.cases import Case, load_case
from gliofill.learning.volumes.sessions import Sessions

pytestmark = pytest.mark.usefixtures("small_crop")


@pytest.mark.slow
@pytest.mark.parametrize("upsampling", ["transposed", "resize"])
def test_one_batch_can_be_overfitted(recipe: Recipe, upsampling: str) -> None:
    recipe = dataclasses.replace(
        recipe,
        generator_width=8,
        upsampling=upsampling,
        iterations=150,
        learning_rate=3e-3,
        decay_fraction=0.5,
        ema_decay=0.0,
    )
    rows, columns = torch.meshgrid(torch.linspace(0, 6, 32), torch.linspace(0, 9, 48), indexing="ij")
    source = torch.stack([torch.sin(rows + phase) * torch.cos(columns) for phase in (0.0, 1.0)]).unsqueeze(1)
    batch = Batch(source, -source.abs() + 0.5, torch.ones_like(source), (source > 0.5).float())
    state = TrainingState.fresh(recipe, torch.device("cpu"))
    first = step(state, batch, recipe)
    for _ in range(149):
        last = step(state, batch, recipe)
    assert first["l1"] > 0.3
    assert last["l1"] < 0.06
    assert last["lesion"] < 0.02


@pytest.mark.slow
def test_resumed_training_equals_an_uninterrupted_one(
    recipe: Recipe, cases: list[Case], tmp_path: Path, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train(recipe, Sessions(task, cases), tmp_path / "whole", Runtime(log=silent))
    interrupted(monkeypatch, recipe, cases, tmp_path / "parts", task=task)
    assert not (tmp_path / "parts" / "model.json").exists()
    parts = train(recipe, Sessions(task, cases), tmp_path / "parts", Runtime(log=silent))
    assert sha256(whole / "weights.safetensors") == sha256(parts / "weights.safetensors")
    assert (whole / "losses.csv").read_bytes() == (parts / "losses.csv").read_bytes()
    assert sorted(path.name for path in parts.iterdir()) == sorted(path.name for path in whole.iterdir())


def test_rows_after_the_saved_state_are_dropped_from_the_loss_table(
    recipe: Recipe, cases: list[Case], tmp_path: Path, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted(monkeypatch, recipe, cases, tmp_path, task=task)
    with (tmp_path / "losses.csv").open("a") as file:
        file.write("0,5,1,1,1,1,1\n0,6,1,1")  # as if killed later than the last save
    train(recipe, Sessions(task, cases), tmp_path, Runtime(log=silent))
    with (tmp_path / "losses.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["iteration"]) for row in rows] == list(range(1, 9))
    assert all(float(row["l1"]) > 0 for row in rows)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)], ids=["SIGTERM", "Ctrl-C"])
def test_a_stop_request_finishes_the_iteration_and_saves(
    recipe: Recipe,
    cases: list[Case],
    tmp_path: Path,
    task: Task,
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
    code: int,
) -> None:
    lines: list[str] = []
    before = signal.getsignal(number)
    stop_at(monkeypatch, 3, number)
    with pytest.raises(SystemExit) as caught:
        train(recipe, Sessions(task, cases), tmp_path, Runtime(log=lines.append))
    assert caught.value.code == code
    assert lines[-1] == f"{tmp_path}: stopped by {number.name} after iteration 3; the state is saved"
    assert (tmp_path / state_name(0)).is_file()
    assert signal.getsignal(number) is before


def test_a_state_of_another_run_is_refused_with_what_changed(
    recipe: Recipe, cases: list[Case], tmp_path: Path, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted(monkeypatch, recipe, cases, tmp_path, task=task)
    other = dataclasses.replace(recipe, learning_rate=2e-3)
    with pytest.raises(GliofillError, match=r"training-state.*learning_rate was 0\.001 and is 0\.002"):
        train(other, Sessions(task, cases), tmp_path, Runtime(log=silent))
    with pytest.raises(GliofillError, match=r"session sub-02 is gone"):
        train(recipe, Sessions(task, cases[:1]), tmp_path, Runtime(log=silent))
    with pytest.raises(GliofillError, match=r"task was T2w-to-FLAIR and is T1post-to-T1w"):
        train(recipe, Sessions(TASKS[1], cases), tmp_path, Runtime(log=silent))
    changed = [dataclasses.replace(cases[0], source=cases[0].target), cases[1]]
    with pytest.raises(GliofillError, match=r"session sub-01/ses-pre was [0-9a-f]{8} and is [0-9a-f]{8}"):
        train(recipe, Sessions(task, changed), tmp_path, Runtime(log=silent))


def test_a_damaged_state_is_told(recipe: Recipe, cases: list[Case], tmp_path: Path, task: Task) -> None:
    (tmp_path / state_name(0)).write_bytes(b"not tensors")
    with pytest.raises(GliofillError, match=r"training-state-0\.safetensors: cannot be read .* delete it"):
        train(recipe, Sessions(task, cases), tmp_path, Runtime(log=silent))


def test_a_loss_that_is_not_finite_stops_the_run(
    recipe: Recipe, cases: list[Case], tmp_path: Path, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = SliceSource.draw
    monkeypatch.setattr(
        SliceSource,
        "draw",
        lambda self, k: dataclasses.replace(draw(self, k), target=draw(self, k).target * (torch.inf if k == 2 else 1)),
    )
    with pytest.raises(GliofillError, match=r"the discriminator loss is nan at iteration 3"):
        train(recipe, Sessions(task, cases), tmp_path, Runtime(log=silent))


def test_learning_rate_falls_linearly_at_the_end(recipe: Recipe) -> None:
    rates = [learning_rate(recipe, iteration) for iteration in range(8)]
    assert rates == pytest.approx([1e-3, 1e-3, 1e-3, 1e-3, 1e-3, 0.75e-3, 0.5e-3, 0.25e-3])
    assert learning_rate(dataclasses.replace(recipe, decay_fraction=0.0), 7) == 1e-3


def test_the_moving_average_is_what_is_saved(recipe: Recipe, cases: list[Case], tmp_path: Path, task: Task) -> None:
    averaged = load_model(train(recipe, Sessions(task, cases), tmp_path / "a", Runtime(log=silent)))
    last = load_model(
        train(dataclasses.replace(recipe, ema_decay=0.0), Sessions(task, cases), tmp_path / "b", Runtime(log=silent))
    )
    assert averaged.sha256 != last.sha256


def test_bfloat16_learns_like_float32(recipe: Recipe, cases: list[Case], tmp_path: Path, task: Task) -> None:
    losses = {}
    for precision in ("fp32", "bf16"):
        own = dataclasses.replace(recipe, precision=precision)
        folder = train(own, Sessions(task, cases), tmp_path / precision, Runtime(log=silent))
        losses[precision] = pd.read_csv(folder / "losses.csv")["l1"].to_numpy()
    # two adversaries soon part ways, in their own losses at once; what they paint stays alike for some steps
    np.testing.assert_allclose(losses["bf16"], losses["fp32"], rtol=0.05)
    assert not np.array_equal(losses["bf16"], losses["fp32"])


def test_validation_scores_stand_in_metadata_and_card(
    recipe: Recipe, cases: list[Case], tmp_path: Path, task: Task
) -> None:
    lines: list[str] = []
    healthy, lesioned = cases[1:], cases[:1]
    recipe = recipe.variant("nolesion")
    folder = train(recipe, Sessions(task, healthy, lesioned), tmp_path, Runtime(log=lines.append))
    rows = read_json(folder / "model.json")["validation"]
    assert [row["method"] for row in rows] == ["model", "copy of the input", "linear mapping", "all zeros"]
    assert {row["session"] for row in rows} == {"sub-01/ses-pre"}
    card = (folder / "MODEL_CARD.md").read_text()
    for row in rows:
        assert f"| {row['method']} | {row['ssim']:.3f} | {row['mae']:.3f} | {row['lesion_ssim']:.3f} |" in card
    assert sum("SSIM" in line for line in lines) == 4


def test_training_without_sessions_is_refused(recipe: Recipe, tmp_path: Path, task: Task) -> None:
    with pytest.raises(GliofillError, match="no sessions were given to train T2w-to-FLAIR on"):
        train(recipe, Sessions(task, []), tmp_path)


def test_the_state_is_saved_at_intervals(
    recipe: Recipe, cases: list[Case], tmp_path: Path, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: list[int] = []
    monkeypatch.setattr(TrainingState, "save", lambda self, path, identity: saved.append(self.iteration))
    train(recipe, Sessions(task, cases), tmp_path, Runtime(checkpoint_every=3, log=silent))
    assert saved == [3, 6]


def test_a_line_is_logged_where_there_is_no_terminal(
    recipe: Recipe, cases: list[Case], tmp_path: Path, task: Task
) -> None:
    lines: list[str] = []
    train(recipe, Sessions(task, cases), tmp_path, Runtime(device="cpu", log=lines.append))
    assert lines[0] == "T2w-to-FLAIR: 2 sessions of 32x48 pixels on cpu"
    assert lines[1].startswith("T2w-to-FLAIR: 8 of 8  discriminator ")
    assert "iterations/s" in lines[1]


def test_progress_tells_the_last_score_on_held_out_sessions(
    recipe: Recipe, cases: list[Case], tmp_path: Path, task: Task
) -> None:
    lines: list[str] = []
    recipe = dataclasses.replace(recipe, validate_every=4)
    train(recipe, Sessions(task, cases[:1], cases[1:]), tmp_path, Runtime(log=lines.append))
    (last,) = (line for line in lines if line.startswith("T2w-to-FLAIR: 8 of 8"))
    (row,) = (row for row in csv.DictReader((tmp_path / "scores.csv").open()) if row["iteration"] == "8")
    assert f"held-out ssim {float(row['ssim']):.3f}" in last


def test_models_of_equal_runs_are_equal_byte_for_byte(
    recipe: Recipe, cases: list[Case], tmp_path: Path, task: Task
) -> None:
    first, second = (train(recipe, Sessions(task, cases), tmp_path / name, Runtime(log=silent)) for name in "ab")
    names = sorted(path.name for path in first.iterdir() if path.is_file())
    assert names == ["MODEL_CARD.md", "losses.csv", "model.json", "scores.csv", "weights.safetensors"]
    for name in names:
        assert (first / name).read_bytes() == (second / name).read_bytes()


def test_an_ensemble_is_trained_from_different_seeds_and_calibrated(
    recipe: Recipe, cases: list[Case], tmp_path: Path, task: Task
) -> None:
    recipe = dataclasses.replace(recipe, ensemble=2, iterations=4)
    model = load_model(train(recipe, Sessions(task, cases[:1], cases[1:]), tmp_path, Runtime(log=silent)))
    first, second = (network.output.weight for network in model.networks)
    assert not torch.equal(first, second)
    assert model.calibration is not None
    assert model.calibration.cases == 1
    assert model.calibration.coverage == 0.9
    assert not list(tmp_path.glob("training-state*"))


@pytest.mark.slow
def test_a_stopped_ensemble_keeps_its_finished_networks(
    recipe: Recipe, cases: list[Case], tmp_path: Path, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = dataclasses.replace(recipe, ensemble=2, validate_every=4)
    sessions, quiet = Sessions(task, cases[:1], cases[1:]), Runtime(log=silent)
    whole = train(recipe, sessions, tmp_path / "whole", quiet)
    draws: list[int] = []
    draw = SliceSource.draw

    def stop_in_the_second(self: SliceSource, iteration: int) -> Batch:
        draws.append(iteration)
        if len(draws) == 11:
            signal.raise_signal(signal.SIGTERM)
        return draw(self, iteration)

    with monkeypatch.context() as patch:
        patch.setattr(SliceSource, "draw", stop_in_the_second)
        with pytest.raises(SystemExit):
            train(recipe, sessions, tmp_path / "parts", quiet)
        parts = train(recipe, sessions, tmp_path / "parts", quiet)
    assert len(draws) == 16
    for name in ("weights.safetensors", "losses.csv", "scores.csv", "model.json"):
        assert (parts / name).read_bytes() == (whole / name).read_bytes()


def test_scores_and_pictures_come_at_the_intervals_of_the_recipe(
    recipe: Recipe, cases: list[Case], tmp_path: Path, task: Task
) -> None:
    recipe = dataclasses.replace(recipe, validate_every=3)
    train(recipe, Sessions(task, cases[:1], cases[1:]), tmp_path, Runtime(log=silent))
    assert sorted(path.name for path in (tmp_path / "validation").iterdir()) == [
        "network-0_iteration-000003.png",
        "network-0_iteration-000006.png",
    ]
    with (tmp_path / "scores.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["iteration"], row["ssim_lesion"]) for row in rows] == [("3", "n/a"), ("6", "n/a")]
    assert all(-1 < float(row["ssim"]) < 1 for row in rows)
    assert list((tmp_path / "tensorboard" / "0").glob("events.*"))


@pytest.mark.parametrize(
    "changes",
    [
        {"adversarial_weight": 0.0},
        {"ssim_weight": 10.0, "residual": True},
        {"context_slices": 1, "gradient_penalty": 1.0},
        {"augment_contrast": 0.2, "augment_bias": 0.1, "augment_affine": 0.05, "lesion_share": 0.5},
    ],
    ids=["regression", "ssim and residual", "neighbours and penalty", "augmentation"],
)
def test_every_setting_trains_a_model_that_loads(
    recipe: Recipe, cases: list[Case], tmp_path: Path, task: Task, changes: dict[str, float]
) -> None:
    recipe = dataclasses.replace(recipe, iterations=2, **changes)
    model = load_model(train(recipe, Sessions(task, cases, cases[:1]), tmp_path, Runtime(log=silent)))
    assert model.networks[0].context == recipe.context_slices
    assert model.networks[0].residual == recipe.residual


def test_without_adversarial_weight_the_discriminator_is_not_taught(
    recipe: Recipe, cases: list[Case], tmp_path: Path, task: Task
) -> None:
    train(dataclasses.replace(recipe, adversarial_weight=0.0), Sessions(task, cases), tmp_path, Runtime(log=silent))
    with (tmp_path / "losses.csv").open() as file:
        assert {(row["discriminator"], row["adversarial"]) for row in csv.DictReader(file)} == {("0", "0")}


def test_a_stored_volume_is_the_volume(cases: list[Case], tmp_path: Path) -> None:
    fresh = load_case(cases[0], crop_minimum=(32, 48))
    for _ in range(2):
        stored = load_cached(cases[0], crop_minimum=(32, 48), cache=tmp_path)
        assert stored.fingerprint == fresh.fingerprint
        assert isinstance(stored.source, np.memmap) and isinstance(stored.target, np.memmap)
        assert (stored.crop, stored.source_scale, stored.target_scale) == (
            fresh.crop,
            fresh.source_scale,
            fresh.target_scale,
        )
    assert len(list(tmp_path.glob("*.npz"))) == 1
