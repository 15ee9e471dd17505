import pytest
import torch
from torch import nn
from torch.nn import functional

from gliofill.learning.networks.mirrored_edges import MirroredConvolution, mirrored


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_mirrored_edges_and_their_gradient_are_those_of_pytorch(memory_format: torch.memory_format) -> None:
    x = torch.randn(2, 3, 9, 5, dtype=torch.float64).to(memory_format=memory_format)
    weights = torch.randn(2, 3, 15, 9, dtype=torch.float64)
    found = []
    for pad in (lambda t: mirrored(t, 3, 2), lambda t: functional.pad(t, (2, 2, 3, 3), mode="reflect")):
        image = x.clone().requires_grad_()
        padded = pad(image)
        (padded * weights).sum().backward()
        found.append((padded.detach(), image.grad))
    for own, reference in zip(*found, strict=True):
        torch.testing.assert_close(own, reference, rtol=0, atol=1e-12)
    assert torch.autograd.gradgradcheck(lambda t: mirrored(t, 3, 2) ** 2, (x[:1, :1].clone().requires_grad_(),))


@pytest.mark.parametrize("size", [3, 7])
def test_convolution_keeps_the_size_and_equals_that_of_pytorch(size: int) -> None:
    layer = MirroredConvolution(2, 3, size)
    x = torch.randn(1, 2, 9, 12)
    plain = nn.Conv2d(2, 3, size, padding=size // 2, padding_mode="reflect")
    plain.load_state_dict(layer.state_dict())
    assert layer(x).shape == (1, 3, 9, 12)
    torch.testing.assert_close(layer(x), plain(x), rtol=0, atol=0)
