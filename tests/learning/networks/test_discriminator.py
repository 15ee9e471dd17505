import torch
from torch import nn

from gliofill.learning.networks.discriminator import Discriminator
from gliofill.learning.networks.normalisation import InstanceNorm


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_discriminator_has_the_published_number_of_parameters() -> None:
    weights = 16 * (2 * 64 + 64 * 128 + 128 * 256 + 256 * 512 + 512)
    assert count(Discriminator(64)) == weights + 64 + 128 + 256 + 512 + 1


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
