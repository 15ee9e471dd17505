import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from gliofill.config.recipe import Recipe
from gliofill.contrasts import TASKS, Task
from gliofill.errors import GliofillError
from gliofill.files.atomic import sha256
from gliofill.learning.models.folder import TrainingData, load_model, save_model
from gliofill.learning.networks.generator import Generator
from gliofill.learning.volumes.cases import Case, load_case
from gliofill.learning.volumes.framing import Scale
from gliofill.metrics.similarity import LinearMapping

TRAINING = TrainingData(Scale(10.0, 510.0), (160, 192), LinearMapping(-0.5, 0.75), ("01", "02"), ("sub-01", "sub-02"))


@pytest.fixture
def network() -> Generator:
    torch.manual_seed(0)
    return Generator(4, 1, upsampling="resize").eval()


@pytest.fixture
def folder(tmp_path: Path, network: Generator, recipe: Recipe, task: Task) -> Path:
    return save_model(tmp_path / "model", [network], task=task, recipe=recipe, training=TRAINING)


def edit(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    metadata = json.loads((folder / "model.json").read_text())
    change(metadata)
    (folder / "model.json").write_text(json.dumps(metadata))


def test_a_saved_model_loads_and_predicts_identically(folder: Path, network: Generator, task: Task) -> None:
    model = load_model(folder, task)
    source = torch.rand(2, 1, 32, 48) * 2 - 1
    with torch.inference_mode():
        assert torch.equal(model.networks[0](source), network(source))
    assert (model.task, model.training, model.output_scale) == (task, TRAINING, Scale(10.0, 510.0))
    assert model.sha256 == sha256(folder / "weights.safetensors")
    assert model.model_id == f"T2w-to-FLAIR-tiny-{model.sha256[:8]}"
    assert not model.is_demonstration


def test_half_weights_take_half_the_space_and_predict_nearly_the_same(
    folder: Path, tmp_path: Path, network: Generator, recipe: Recipe, task: Task
) -> None:
    half = dataclasses.replace(recipe, save_half=True, demonstration=True)
    other = save_model(tmp_path / "half", [network], task=task, recipe=half, training=TRAINING)
    assert (other / "weights.safetensors").stat().st_size < 0.6 * (folder / "weights.safetensors").stat().st_size
    model = load_model(other)
    source = torch.rand(1, 1, 32, 48) * 2 - 1
    assert next(model.networks[0].parameters()).dtype == torch.float32
    assert model.is_demonstration
    with torch.inference_mode():
        torch.testing.assert_close(model.networks[0](source), network(source), rtol=0, atol=5e-3)


def test_model_card_tells_task_data_and_baselines(folder: Path) -> None:
    card = (folder / "MODEL_CARD.md").read_text()
    assert "**synthetic** FLAIR images from T2w images" in card
    assert "2 sessions of 2 participants (01, 02)" in card
    assert "10 to 510" in card
    assert "No validation sessions were given." in card


def test_a_model_of_another_task_is_refused(folder: Path) -> None:
    with pytest.raises(
        GliofillError, match=r"model\.json: the model is for T2w-to-FLAIR, one for T1post-to-T1w is needed"
    ):
        load_model(folder, TASKS[1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m.update(format_version=3), "format_version is 3, this gliofill reads 2"),
        (lambda m: m.pop("format_version"), "format_version is None"),
        (lambda m: m.pop("network"), "'network' is a required property"),
        (lambda m: m["network"].update(width=10**9), r"network\.width: 1000000000 is greater than the maximum"),
        (lambda m: m["network"].update(blocks=-1), r"network\.blocks: -1 is less than the minimum"),
        (lambda m: m["network"].update(upsampling="magic"), r"network\.upsampling: 'magic' is not one of"),
        (lambda m: m["network"].update(width=8), "has shape .*, model.json wants"),
        (lambda m: m["network"].update(blocks=2), r"layers\.10\..* has shape .*, model.json wants"),
        (lambda m: m["intensity"].update(output_scale=[5, 5]), "output_scale: 5, 5 does not rise"),
        (lambda m: m["crop"].update(minimum=[161, 192]), r"crop\.minimum\.0: 161 is not a multiple of 16"),
        (lambda m: m.update(task="T1w-to-T2w"), "task: 'T1w-to-T2w' is not one of"),
        (lambda m: m.update(weights_sha256="0" * 64), r"weights\.safetensors: the checksum is not that of model\.json"),
    ],
)
def test_unusable_metadata_is_told(folder: Path, change: Callable[[dict[str, Any]], Any], message: str) -> None:
    edit(folder, change)
    with pytest.raises(GliofillError, match=message) as caught:
        load_model(folder)
    assert str(caught.value).startswith(str(folder))
    assert "\n" not in str(caught.value)


def test_weights_that_are_not_numbers_are_refused(folder: Path) -> None:
    tensors = load_file(folder / "weights.safetensors")
    tensors["0.output.bias"][0] = torch.nan
    save_file(tensors, folder / "weights.safetensors")
    edit(folder, lambda m: m.update(weights_sha256=sha256(folder / "weights.safetensors")))
    with pytest.raises(GliofillError, match=r"output\.bias has NaN or infinite weights"):
        load_model(folder)


class Payload:
    """Makes a file when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.touch, (self.file,)


def test_a_pickle_among_the_weights_is_refused_and_not_run(folder: Path, tmp_path: Path) -> None:
    pickled = tmp_path / "weights.pt"
    torch.save({"0.output.bias": Payload(tmp_path / "executed")}, pickled)
    shutil.copyfile(pickled, folder / "weights.safetensors")
    edit(folder, lambda m: m.update(weights_sha256=sha256(folder / "weights.safetensors")))
    with pytest.raises(GliofillError, match=r"weights\.safetensors: cannot be read as safetensors"):
        load_model(folder)
    assert not (tmp_path / "executed").exists()
    torch.load(pickled, weights_only=False)
    assert (tmp_path / "executed").exists(), "the payload does nothing, so the test proved nothing"


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "F32", "shape": [10**6, 10**6], "data_offsets": [0, 4 * 10**12]},
        {"dtype": "F32", "shape": [4], "data_offsets": [0, 10**9]},
        {"dtype": "F32", "shape": [10**9], "data_offsets": [0, 16]},
        {"dtype": "F32", "shape": [-4], "data_offsets": [16, 0]},
    ],
    ids=["terabytes", "beyond the end", "shape without data", "negative"],
)
def test_a_header_that_lies_is_refused(folder: Path, entry: dict[str, Any]) -> None:
    header = json.dumps({"0.output.bias": entry}).encode()
    content = len(header).to_bytes(8, "little") + header + bytes(16)
    (folder / "weights.safetensors").write_bytes(content)
    edit(folder, lambda m: m.update(weights_sha256=sha256(folder / "weights.safetensors")))
    with pytest.raises(GliofillError, match=r"weights\.safetensors: cannot be read as safetensors"):
        load_model(folder)


def test_a_path_in_the_metadata_leads_nowhere(folder: Path, tmp_path: Path, network: Generator) -> None:
    (tmp_path / "elsewhere.safetensors").write_bytes(b"not read")
    edit(folder, lambda m: m.update(weights="../elsewhere.safetensors", weights_file="/etc/passwd"))
    assert torch.equal(load_model(folder).networks[0].output.bias, network.output.bias)


def test_missing_and_damaged_files_are_told(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(GliofillError, match=r"is not a model folder, there is no model\.json"):
        load_model(tmp_path)
    (folder / "weights.safetensors").write_bytes(b"damaged")
    edit(folder, lambda m: m.update(weights_sha256=sha256(folder / "weights.safetensors")))
    with pytest.raises(GliofillError, match=r"weights\.safetensors: cannot be read as safetensors"):
        load_model(folder)
    (folder / "weights.safetensors").unlink()
    with pytest.raises(GliofillError, match=r"weights\.safetensors: no such weights file"):
        load_model(folder)
    (folder / "model.json").write_text("{")
    with pytest.raises(GliofillError, match=r"model\.json: cannot be read as JSON"):
        load_model(folder)


def test_training_data_takes_the_median_scale_of_the_targets(cases: list[Case]) -> None:
    volumes = [load_case(case, crop_minimum=(32, 48)) for case in cases]
    training = TrainingData.of(volumes)
    assert training.output_scale.high == pytest.approx(np.mean([v.target_scale.high for v in volumes]))
    assert training.crop_minimum == (32, 48)
    assert (training.participants, training.sessions) == (("01", "02"), ("sub-01/ses-pre", "sub-02"))
    assert training.linear.slope == pytest.approx(-1, abs=0.02)  # the generated target falls as the source rises
    assert training.linear.intercept == pytest.approx(1, abs=0.02)
