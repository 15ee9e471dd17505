import numpy as np
import pytest
import torch

from gliofill.errors import GliofillError
from gliofill.learning.networks.generator import Generator
from gliofill.learning.networks.inference import autocast, predict_slices, reproducible, select_device

CPU = torch.device("cpu")


@pytest.fixture
def network() -> Generator:
    torch.manual_seed(0)
    return Generator(4, 1, upsampling="resize")


@pytest.fixture
def slices() -> np.ndarray:
    return np.random.default_rng(0).random((5, 32, 48), dtype=np.float32)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_prediction_does_not_depend_on_the_batches(network: Generator, slices: np.ndarray, precision: str) -> None:
    alone = predict_slices([network], slices, device=CPU, batch_size=1, precision=precision).mean
    together = predict_slices([network], slices, device=CPU, batch_size=5, precision=precision).mean
    uneven = predict_slices([network], slices, device=CPU, batch_size=3, precision=precision).mean
    tolerance = 1e-5 if precision == "fp32" else 5e-3
    np.testing.assert_allclose(alone, together, atol=tolerance)
    np.testing.assert_allclose(alone, uneven, atol=tolerance)
    assert np.array_equal(uneven, predict_slices([network], slices, device=CPU, batch_size=3, precision=precision).mean)


def test_flip_average_treats_left_and_right_alike(network: Generator, slices: np.ndarray) -> None:
    plain = predict_slices([network], slices, device=CPU, precision="fp32").mean
    mirrored = predict_slices([network], slices[:, ::-1], device=CPU, precision="fp32").mean
    np.testing.assert_allclose(plain, mirrored[:, ::-1], atol=1e-5)
    once = predict_slices([network], slices, device=CPU, precision="fp32", flip_average=False).mean
    assert np.abs(once - plain).max() > 1e-4


def test_prediction_is_the_output_of_the_network_as_a_unit_image(network: Generator, slices: np.ndarray) -> None:
    predicted = predict_slices([network], slices, device=CPU, precision="fp32", flip_average=False).mean
    with torch.inference_mode():
        output = network(torch.from_numpy(slices)[:, None] * 2 - 1)[:, 0].numpy()
    np.testing.assert_allclose(predicted, (output + 1) / 2, atol=1e-5)
    assert predicted.dtype == np.float32 and predicted.min() >= 0 and predicted.max() <= 1


def test_bfloat16_does_not_coarsen_the_image(network: Generator, slices: np.ndarray) -> None:
    predicted = predict_slices([network], slices, device=CPU, precision="bf16", flip_average=False).mean
    assert np.unique(predicted).size > 1000


def test_progress_counts_slices(network: Generator, slices: np.ndarray) -> None:
    calls: list[tuple[int, int]] = []
    predict_slices([network], slices, device=CPU, batch_size=2, progress=lambda done, all: calls.append((done, all)))
    assert calls == [(2, 5), (4, 5), (5, 5)]


def test_batches_are_halved_when_memory_runs_out(
    network: Generator, slices: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    forward = Generator.forward

    def scarce(self: Generator, source: torch.Tensor) -> torch.Tensor:
        sizes.append(len(source))
        if len(source) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(self, source)

    plain = predict_slices([network], slices, device=CPU, batch_size=1, flip_average=False, precision="fp32").mean
    monkeypatch.setattr(Generator, "forward", scarce)
    predicted = predict_slices([network], slices, device=CPU, batch_size=4, flip_average=False, precision="fp32").mean
    assert sizes == [4, 2, 1, 1, 1, 1, 1]
    assert np.array_equal(predicted, plain)


def test_no_memory_for_one_slice_is_told(
    network: Generator, slices: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left(self: Generator, source: torch.Tensor) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Generator, "forward", none_left)
    with pytest.raises(GliofillError, match=r"cpu: not enough memory for one slice of \(32, 48\)"):
        predict_slices([network], slices, device=CPU)


def test_device_is_chosen_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert select_device("auto") == select_device("cpu") == CPU
    with pytest.raises(GliofillError, match="device: 'cuda' was asked for but PyTorch sees 0 GPUs; use auto or cpu"):
        select_device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: None)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert select_device("auto") == select_device("cuda") == torch.device("cuda:0")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert select_device("cuda:1") == torch.device("cuda:1")
    with pytest.raises(GliofillError, match="device: 'cuda:2' was asked for but PyTorch sees 2 GPUs"):
        select_device("cuda:2")
    for name in ("gpu", "mps", ""):
        with pytest.raises(GliofillError, match="is not one of auto, cpu, cuda, cuda:N"):
            select_device(name)


def test_precision_is_obeyed() -> None:
    layer = torch.nn.Conv2d(1, 1, 1)
    for precision, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        with autocast(CPU, precision):
            assert layer(torch.rand(1, 1, 4, 4)).dtype == dtype


def test_inference_leaves_the_fast_convolutions_of_a_gpu_on() -> None:
    before = torch.backends.cudnn.enabled, torch.backends.cudnn.deterministic
    with reproducible():
        assert torch.backends.cudnn.enabled and torch.backends.cudnn.deterministic
        assert not torch.backends.cudnn.allow_tf32
    assert (torch.backends.cudnn.enabled, torch.backends.cudnn.deterministic) == before
