import pytest
import torch
from torch import nn

from gliofill.learning.networks.normalisation import InstanceNorm


def test_normalisation_equals_that_of_pytorch() -> None:
    x = torch.randn(2, 5, 6, 7) * 3 + 10
    torch.testing.assert_close(InstanceNorm()(x), nn.InstanceNorm2d(5)(x), rtol=0, atol=1e-5)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last], ids=["rows", "channels last"])
def test_gradient_of_the_normalisation_is_exact(memory_format: torch.memory_format) -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 3, 4, 5, dtype=torch.float64).contiguous(memory_format=memory_format).requires_grad_()
    assert torch.autograd.gradcheck(InstanceNorm(), (x,))


def test_gradient_of_the_normalisation_survives_a_large_mean() -> None:
    torch.manual_seed(0)
    x = (torch.randn(1, 2, 8, 8) + 100).requires_grad_()
    weights = torch.randn(1, 2, 8, 8)
    (own,) = torch.autograd.grad((InstanceNorm()(x) * weights).sum(), x)
    (reference,) = torch.autograd.grad((nn.functional.instance_norm(x) * weights).sum(), x)
    torch.testing.assert_close(own, reference, rtol=0, atol=1e-4)
