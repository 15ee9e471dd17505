import pytest
import torch
from torch import nn
from torch.nn import functional

from gliofill.learning.networks.convolution import mirrored
from gliofill.learning.networks.discriminator import Discriminator
from gliofill.learning.networks.generator import Generator
from gliofill.learning.networks.inference import reproducible
from gliofill.learning.networks.normalisation import InstanceNorm


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize("upsampling", ["transposed", "resize"])
def test_generator_has_the_published_number_of_parameters(upsampling: str) -> None:
    weights = 49 * 64 + 9 * 64 * 128 + 9 * 128 * 256 + 9 * 2 * (9 * 256 * 256) + 9 * 256 * 128 + 9 * 128 * 64 + 49 * 64
    biases = 64 + 128 + 256 + 9 * 2 * 256 + 128 + 64 + 1
    assert weights + biases == 11_365_633  # 11.37 M
    assert count(Generator(64, 9, upsampling=upsampling)) == weights + biases


def test_discriminator_has_the_published_number_of_parameters() -> None:
    weights = 16 * (2 * 64 + 64 * 128 + 128 * 256 + 256 * 512 + 512)
    assert count(Discriminator(64)) == weights + 64 + 128 + 256 + 512 + 1


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


def test_discriminator_sees_patches_of_70_pixels() -> None:
    network = Discriminator(2)
    for index, layer in enumerate(network.layers):
        if isinstance(layer, InstanceNorm):
            network.layers[index] = nn.Identity()  # its statistics see the whole slice
    image = torch.rand(1, 1, 192, 192, requires_grad=True)
    logits = network(torch.rand(1, 1, 192, 192), image)
    assert logits.shape == (1, 1, 22, 22)
    logits[0, 0, 11, 11].backward()
    assert image.grad is not None
    rows = image.grad[0, 0].abs().sum(dim=1).nonzero()
    columns = image.grad[0, 0].abs().sum(dim=0).nonzero()
    assert rows.max() - rows.min() + 1 == 70
    assert columns.max() - columns.min() + 1 == 70


def test_discriminator_looks_at_the_source_too() -> None:
    network, image = Discriminator(4), torch.rand(1, 1, 64, 64)
    assert not torch.allclose(network(image, image), network(1 - image, image))


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


def test_a_residual_generator_can_darken_the_brightest_voxels_at_once() -> None:
    generator = Generator(4, 0, residual=True).train()
    source = torch.ones(1, 1, 16, 16)
    output = generator(source)
    (slope,) = torch.autograd.grad(output.mean(), generator.output.bias)
    assert slope.item() > 1  # a tanh around the sum would leave 0.02
    assert generator.eval()(source).max() <= 1


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


def test_inference_leaves_the_fast_convolutions_of_a_gpu_on() -> None:
    before = torch.backends.cudnn.enabled, torch.backends.cudnn.deterministic
    with reproducible():
        assert torch.backends.cudnn.enabled and torch.backends.cudnn.deterministic
        assert not torch.backends.cudnn.allow_tf32
    assert (torch.backends.cudnn.enabled, torch.backends.cudnn.deterministic) == before


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
