import pytest
import torch
from torch import nn

from gliofill.learning.networks import tiles
from gliofill.learning.networks.tiles import TiledConvolution, Transforms, _Winograd
from gliofill.learning.training.losses import gradient_penalty

LAYERS = pytest.mark.parametrize(("size", "mode"), [(3, "reflect"), (4, "zeros")], ids=["3x3", "4x4"])


def plainly(layer: TiledConvolution, x: torch.Tensor) -> torch.Tensor:
    return super(TiledConvolution, layer).forward(x)


def test_transforms_are_those_that_are_published() -> None:
    # Lavin & Gray 2016, F(4x4, 3x3): the first two rows of each
    transforms = Transforms.at(3, (0, 1, -1, 2, -2))
    one_dimension = [(4, 0, -5, 0, 1, 0), (0, -4, -4, 1, 1, 0)]
    kernel = [(1 / 4, 0, 0), (-1 / 6, -1 / 6, -1 / 6)]
    output = [(1, 1, 1, 1, 1, 0), (0, 1, -1, 2, -2, 0)]
    for found, rows in ((transforms.input, one_dimension), (transforms.kernel, kernel), (transforms.output, output)):
        first, second = torch.tensor(rows)
        torch.testing.assert_close(found[0], torch.kron(first, first).float())
        torch.testing.assert_close(found[1], torch.kron(first, second).float())


@LAYERS
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last], ids=["contiguous", "last"])
@pytest.mark.parametrize(("height", "width"), [(8, 12), (9, 14), (5, 3)], ids=str)
def test_tiled_convolution_and_its_gradients_equal_those_of_pytorch(
    size: int, mode: str, memory_format: torch.memory_format, height: int, width: int
) -> None:
    torch.manual_seed(0)
    own = TiledConvolution(64, 96, size, padding_mode=mode).to(memory_format=memory_format)
    x = torch.randn(2, 64, height, width).to(memory_format=memory_format).requires_grad_()
    results = []
    for y in (own(x), plainly(own, x)):
        weights = torch.linspace(-1, 1, y.numel()).view(y.shape)
        results.append([y, *torch.autograd.grad((y * weights).sum(), [x, own.weight, own.bias])])
    for tiled, plain in zip(*results, strict=True):
        torch.testing.assert_close(tiled, plain, rtol=0, atol=5e-5 * plain.abs().max().item())


@LAYERS
def test_tiled_convolution_is_the_same_in_chunks(size: int, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    own = TiledConvolution(64, 64, size, padding_mode=mode)
    x = torch.randn(2, 64, 16, 16, requires_grad=True)
    results = []
    for chunk in (1, 2**30):
        monkeypatch.setattr(tiles, "CHUNK", chunk)
        y = own(x)
        results.append([y, *torch.autograd.grad(y.sin().sum(), [x, own.weight])])
    for parts, whole in zip(*results, strict=True):
        torch.testing.assert_close(parts, whole, rtol=0, atol=1e-5 * whole.abs().max().item())


def test_tiled_convolution_is_exact_in_whole_numbers() -> None:
    # the right results are whole numbers, so an error in a transform cannot hide in a tolerance
    own = TiledConvolution(64, 64, 3, padding_mode="reflect")
    with torch.no_grad():
        own.weight.copy_(torch.randint(-2, 3, own.weight.shape) * 24.0)
        own.bias.zero_()
        x = torch.randint(-3, 4, (1, 64, 8, 8)).float()
        assert torch.equal(own(x).round(), plainly(own, x))


@LAYERS
def test_tiled_convolution_can_be_differentiated_twice(size: int, mode: str) -> None:
    own = TiledConvolution(64, 64, size, padding_mode=mode)
    gradients = []
    for forward in (own, lambda x: plainly(own, x)):
        x = torch.linspace(-1, 1, 64 * 64).view(1, 64, 8, 8).requires_grad_()
        gradients.append(torch.autograd.grad(gradient_penalty(forward(x) ** 3, x), own.weight)[0])
    assert gradients[1].abs().max() > 0
    torch.testing.assert_close(*gradients, rtol=0, atol=1e-4 * gradients[1].abs().max().item())


def test_tiled_convolution_is_used_and_left_out_where_it_does_not_pay(monkeypatch: pytest.MonkeyPatch) -> None:
    used = []
    monkeypatch.setattr(
        _Winograd, "apply", lambda padded, weight: used.append(1) or nn.functional.conv2d(padded, weight)
    )
    layer = TiledConvolution(64, 64, 3, padding_mode="reflect")
    layer(torch.zeros(1, 64, 8, 8))
    layer(torch.zeros(1, 64, 6, 9))
    assert used == [1, 1]
    TiledConvolution(32, 64, 3, padding_mode="reflect")(torch.zeros(1, 32, 8, 8))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        layer(torch.zeros(1, 64, 8, 8))
    assert used == [1, 1]
