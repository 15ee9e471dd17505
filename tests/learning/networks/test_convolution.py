import pytest
import torch
from torch import nn

from gliofill.learning.networks.convolution import Doubling, Halving, Output

LAYERS = {
    "halving": (lambda: Halving(64, 80), nn.Conv2d),
    "doubling": (lambda: Doubling(80, 64), nn.ConvTranspose2d),
    "output": (lambda: Output(16), nn.Conv2d),
}


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last], ids=["contiguous", "last"])
@pytest.mark.parametrize("name", LAYERS)
def test_output_and_gradients_equal_those_of_pytorch(name: str, memory_format: torch.memory_format) -> None:
    torch.manual_seed(0)
    make, plain_kind = LAYERS[name]
    layer = make().to(memory_format=memory_format)
    x = torch.randn(2, layer.in_channels, 8, 12).to(memory_format=memory_format).requires_grad_()
    results, functions = [], []
    for kind in (type(layer), plain_kind):
        layer.__class__ = kind
        y = layer(x)
        functions.append(type(y.grad_fn).__name__)
        results.append([y, *torch.autograd.grad(y.sin().sum(), [x, *layer.parameters()])])
    assert functions[0] != functions[1]  # or PyTorch would be compared with itself
    for own, plain in zip(*results, strict=True):
        torch.testing.assert_close(own, plain, rtol=0, atol=2e-5 * plain.abs().max().item())


@pytest.mark.parametrize("name", LAYERS)
def test_a_bias_that_is_not_learnt_and_images_without_gradient_are_left_alone(name: str) -> None:
    layer = LAYERS[name][0]()
    layer.bias.requires_grad_(False)
    layer(torch.randn(1, layer.in_channels, 8, 8)).sum().backward()
    assert layer.bias.grad is None
    assert layer.weight.grad.abs().max() > 0


def test_a_size_of_the_output_can_be_asked_for() -> None:
    assert Doubling(64, 64)(torch.zeros(1, 64, 4, 4), output_size=[7, 8]).shape == (1, 64, 7, 8)
