import pytest
import torch
from torch import nn

from gliofill.learning.networks.discriminator import Discriminator
from gliofill.learning.networks.generator import Generator


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize("upsampling", ["transposed", "resize"])
def test_generator_has_the_published_number_of_parameters(upsampling: str) -> None:
    weights = 49 * 64 + 9 * 64 * 128 + 9 * 128 * 256 + 9 * 2 * (9 * 256 * 256) + 9 * 256 * 128 + 9 * 128 * 64 + 49 * 64
    biases = 64 + 128 + 256 + 9 * 2 * 256 + 128 + 64 + 1
    assert weights + biases == 11_365_633  # 11.37 M
    assert count(Generator(64, 9, upsampling=upsampling)) == weights + biases


@pytest.mark.parametrize("upsampling", ["transposed", "resize"])
def test_generator_keeps_the_size_of_slices_and_stays_in_range(upsampling: str) -> None:
    output = Generator(4, 1, upsampling=upsampling)(torch.rand(3, 1, 32, 48) * 2 - 1)
    assert output.shape == (3, 1, 32, 48)
    assert output.dtype == torch.float32
    assert output.abs().max() < 1


def test_unknown_upsampling_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown upsampling 'bilinear'"):
        Generator(4, 1, upsampling="bilinear")


def test_initial_weights_have_the_published_spread() -> None:
    torch.manual_seed(0)
    for network in (Generator(16, 2), Discriminator(16)):
        weights = torch.cat([p.detach().flatten() for name, p in network.named_parameters() if name.endswith("weight")])
        assert weights.mean().abs() < 1e-3
        assert weights.std().item() == pytest.approx(0.02, rel=0.03)
        assert not any(p.any() for name, p in network.named_parameters() if name.endswith("bias"))


def test_a_residual_generator_can_darken_the_brightest_voxels_at_once() -> None:
    generator = Generator(4, 0, residual=True).train()
    source = torch.ones(1, 1, 16, 16)
    output = generator(source)
    (slope,) = torch.autograd.grad(output.mean(), generator.output.bias)
    assert slope.item() > 1  # a tanh around the sum would leave 0.02
    assert generator.eval()(source).max() <= 1


@pytest.mark.parametrize("upsampling", ["transposed", "resize"])
def test_the_way_through_the_layers_of_a_gpu_has_the_same_shapes(upsampling: str) -> None:
    # meta tensors take the branches of a GPU and compute nothing
    generator = Generator(8, 1, upsampling=upsampling, context=1).to("meta")
    discriminator = Discriminator(8).to("meta")
    source = torch.empty(2, 3, 32, 48, device="meta")
    image = generator.output(generator.layers(source))
    logits = discriminator(source[:, 1:2], image)
    assert (image.shape, logits.shape) == ((2, 1, 32, 48), (2, 1, 2, 4))
    logits.sum().backward()
    assert all(parameter.grad.shape == parameter.shape for parameter in generator.parameters())
