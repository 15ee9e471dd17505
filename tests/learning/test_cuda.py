"""What a GPU does otherwise than a processor: its own order of sums, its own memory. `make gpu-test`."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tests.support.interrupted import interrupted, silent
from torch import nn

from gliofill.config.recipe import Recipe
from gliofill.contrasts import Task
from gliofill.errors import GliofillError
from gliofill.extraction.training import STATE, BrainRecipe, train_brain
from gliofill.files.atomic import sha256
from gliofill.learning.networks.generator import Generator
from gliofill.learning.networks.inference import predict_slices, select_device
from gliofill.learning.networks.normalisation import InstanceNorm
from gliofill.learning.runtime import Runtime
from gliofill.learning.training import batches
from gliofill.learning.training.batches import SliceSource
from gliofill.learning.training.loop import train
from gliofill.learning.volumes.cases import Case, load_case
from gliofill.learning.volumes.sessions import Sessions

pytestmark = [pytest.mark.gpu, pytest.mark.usefixtures("small_crop")]

GPU, CPU = torch.device("cuda", 0), torch.device("cpu")


@pytest.fixture(scope="module")
def network() -> Generator:
    torch.manual_seed(0)
    return Generator(64, 3, upsampling="resize", context=1)


@pytest.fixture(scope="module")
def slices() -> np.ndarray:
    return np.random.default_rng(0).random((12, 160, 192), dtype=np.float32)


def test_the_gpu_is_chosen() -> None:
    assert select_device("auto").type == "cuda"


def test_the_same_bytes_twice_and_the_numbers_of_a_processor(network: Generator, slices: np.ndarray) -> None:
    once, again = (predict_slices([network], slices, device=GPU) for _ in range(2))
    assert np.array_equal(once.mean, again.mean) and np.array_equal(once.spread, again.spread)
    exact, reference = (predict_slices([network], slices[:3], device=device, precision="fp32") for device in (GPU, CPU))
    assert np.abs(exact.mean[:2] - reference.mean[:2]).max() < 2e-3
    # bfloat16 keeps three digits
    assert np.abs(once.mean[:2] - reference.mean[:2]).mean() < 5e-3


def test_a_gpu_with_little_memory_takes_fewer_slices_at_a_time(network: Generator) -> None:
    slices = np.random.default_rng(0).random((64, 160, 192), dtype=np.float32)
    plain = predict_slices([network], slices, device=GPU, batch_size=4)
    torch.cuda.empty_cache()
    total, held = torch.cuda.mem_get_info(GPU)[1], torch.cuda.memory_allocated(GPU)
    torch.cuda.reset_peak_memory_stats(GPU)
    predict_slices([network], slices[:8], device=GPU, batch_size=8)
    torch.cuda.empty_cache()
    enough = 1.5 * torch.cuda.max_memory_allocated(GPU) + held + 2**28
    torch.cuda.set_per_process_memory_fraction(enough / total, GPU)
    try:
        scarce = predict_slices([network], slices, device=GPU, batch_size=64)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, GPU)
    assert np.abs(scarce.mean - plain.mean).max() < 0.05
    assert np.abs(scarce.mean - plain.mean).mean() < 5e-3  # bfloat16, other sizes of batches


def test_a_slice_that_does_not_fit_is_told(network: Generator) -> None:
    network.to(GPU)
    torch.cuda.empty_cache()
    total = torch.cuda.mem_get_info(GPU)[1]
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved(GPU) + 2**24) / total, GPU)
    try:
        with pytest.raises(GliofillError, match="not enough memory for one slice"):
            predict_slices([network], np.zeros((2, 800, 800), np.float32), device=GPU)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, GPU)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("upsampling", ["resize", "transposed"])
def test_a_stopped_training_goes_on_bit_for_bit(
    recipe: Recipe,
    cases: list[Case],
    tmp_path: Path,
    task: Task,
    monkeypatch: pytest.MonkeyPatch,
    precision: str,
    upsampling: str,
) -> None:
    recipe = dataclasses.replace(
        recipe, precision=precision, upsampling=upsampling, generator_width=32, generator_blocks=2,
        discriminator_width=32, ssim_weight=20.0, gradient_penalty=1.0, augment_affine=0.05, augment_bias=0.1,
        context_slices=1,
    )  # fmt: skip
    whole = train(recipe, Sessions(task, cases), tmp_path / "whole", Runtime(log=silent))
    interrupted(monkeypatch, recipe, cases, tmp_path / "parts", task=task)
    parts = train(recipe, Sessions(task, cases), tmp_path / "parts", Runtime(log=silent))
    assert sha256(whole / "weights.safetensors") == sha256(parts / "weights.safetensors")
    assert (whole / "losses.csv").read_bytes() == (parts / "losses.csv").read_bytes()


def test_a_stopped_training_of_the_brain_extraction_goes_on_bit_for_bit(tmp_path: Path) -> None:
    recipe = BrainRecipe(images=6, widths=(16, 32), shape=(48, 56, 48), save_every=2, decay_fraction=0.0, warm_up=1)
    train_brain(tmp_path / "whole", recipe, device="cuda", workers=0, log=silent)
    train_brain(tmp_path / "parts", dataclasses.replace(recipe, images=2), device="cuda", workers=0, log=silent)
    train_brain(tmp_path / "parts", recipe, device="cuda", workers=2, log=silent)
    whole, parts = (load_file(tmp_path / name / STATE) for name in ("whole", "parts"))
    assert all(torch.equal(whole[key], parts[key]) for key in whole)


def test_volumes_that_do_not_fit_on_the_gpu_give_the_same_batches(
    recipe: Recipe, cases: list[Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = dataclasses.replace(recipe, augment_affine=0.05, augment_bias=0.1, augment_contrast=0.1, context_slices=1)
    volumes = [load_case(case) for case in cases]
    there = SliceSource(volumes, recipe, GPU)
    monkeypatch.setattr(batches, "GPU_SHARE", 0.0)
    here = SliceSource(volumes, recipe, GPU)
    assert there.images[0][0].device == GPU and here.images[0][0].device == CPU
    host = SliceSource(volumes, recipe, CPU)
    for iteration in range(5):
        drawn, copied, alone = (source.draw(iteration) for source in (there, here, host))
        for name in ("source", "target", "brain", "lesion"):
            assert torch.equal(getattr(drawn, name), getattr(copied, name))
            difference = (getattr(drawn, name).cpu() - getattr(alone, name)).abs()
            assert difference.mean() < 1e-3, name


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_normalisation_and_its_gradients_are_those_of_torch(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    values = torch.randn(2, 32, 24, 40, device=GPU).to(memory_format=torch.channels_last)
    weight = torch.randn_like(values)
    found = []
    for layer, kind in ((InstanceNorm(), dtype), (nn.InstanceNorm2d(32), torch.float32)):
        x = values.clone().to(kind).requires_grad_()
        y = layer(x)
        (gradient,) = torch.autograd.grad((y * weight.to(kind)).sum(), x, create_graph=True)
        gradient.float().square().sum().backward()
        found.append([t.detach().float() for t in (y, gradient, x.grad)])
    for own, reference in zip(*found, strict=True):
        scale = reference.abs().max()
        assert (own - reference).abs().max() / scale < (1e-4 if dtype == torch.float32 else 0.05)
