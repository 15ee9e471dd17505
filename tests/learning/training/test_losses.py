import math

import numpy as np
import pytest
import torch
from torch import nn

from gliofill.learning.networks.normalisation import InstanceNorm
from gliofill.learning.training.losses import (
    adversarial_loss,
    discriminator_loss,
    gradient_penalty,
    l1_loss,
    lesion_loss,
    ssim_loss,
)
from gliofill.metrics.similarity import brain_ssim


@pytest.mark.parametrize(
    ("kind", "is_real", "expected"),
    [
        ("vanilla", True, (math.log(2) + math.log(1 + math.exp(-2))) / 2),
        ("vanilla", False, (math.log(2) + math.log(1 + math.exp(2))) / 2),
        ("lsgan", True, (1 + 1) / 2),
        ("lsgan", False, (0 + 4) / 2),
    ],
)
def test_adversarial_loss_by_hand(kind: str, is_real: bool, expected: float) -> None:
    assert adversarial_loss(torch.tensor([0.0, 2.0]), is_real, kind).item() == pytest.approx(expected, rel=1e-6)


def test_discriminator_loss_is_the_mean_of_both_verdicts() -> None:
    real, fake = torch.tensor([0.5]), torch.tensor([0.5])
    assert discriminator_loss(real, fake, "lsgan").item() == pytest.approx((0.25 + 0.25) / 2)
    assert discriminator_loss(torch.zeros(3), torch.zeros(3)).item() == pytest.approx(math.log(2))


def test_unknown_adversarial_loss_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown adversarial loss 'wgan'"):
        adversarial_loss(torch.zeros(1), True, "wgan")


def test_lesion_loss_is_a_mean_over_all_pixels() -> None:
    prediction = torch.tensor([[[[0.0, 0.5], [1.0, -1.0]]]])
    target = torch.tensor([[[[0.5, 0.5], [0.0, 1.0]]]])
    lesion = torch.tensor([[[[0.0, 1.0], [1.0, 0.0]]]])
    assert l1_loss(prediction, target).item() == pytest.approx((0.5 + 0 + 1 + 2) / 4)
    assert lesion_loss(prediction, target, lesion).item() == pytest.approx((0 + 1) / 4)


def test_without_lesion_the_loss_and_its_gradient_are_zero() -> None:
    prediction = torch.rand(2, 1, 4, 4, requires_grad=True)
    loss = lesion_loss(prediction, torch.rand(2, 1, 4, 4), torch.zeros(2, 1, 4, 4))
    loss.backward()
    assert loss.item() == 0
    assert prediction.grad is not None
    assert not prediction.grad.any()


def test_ssim_loss_is_one_minus_the_evaluations_ssim() -> None:
    # a volume whose slices are all alike has the same local means in two dimensions as in three
    generator = np.random.default_rng(0)
    x, y = generator.uniform(size=(2, 40, 44))
    brain = np.zeros((40, 44), dtype=bool)
    brain[8:30, 9:33] = True
    volume = [np.repeat(image[None], 21, axis=0) for image in (x, y, brain)]
    only_middle = volume[2].copy()
    only_middle[np.arange(21) != 10] = False
    expected = 1 - brain_ssim(volume[0], volume[1], only_middle)
    slices = [torch.from_numpy(2 * image - 1).float()[None, None] for image in (x, y)]
    loss = ssim_loss(*slices, torch.from_numpy(brain).float()[None, None])
    assert loss.item() == pytest.approx(expected, abs=1e-4)


def test_ssim_loss_without_brain_is_zero() -> None:
    image = torch.rand(2, 1, 16, 16)
    assert ssim_loss(image, -image, torch.zeros(2, 1, 16, 16)).item() == 0


def test_gradient_penalty_is_half_the_squared_slope() -> None:
    # D(x) = 3 sum(x) over four pixels: the gradient is 3 in each, its square 36
    images = torch.rand(2, 1, 2, 2, requires_grad=True)
    assert gradient_penalty(3 * images, images).item() == pytest.approx(18)


def test_gradient_penalty_reaches_the_weights_through_the_normalisation() -> None:
    torch.manual_seed(0)
    network, reference = (nn.Sequential(nn.Conv2d(1, 3, 3), norm) for norm in (InstanceNorm(), nn.InstanceNorm2d(3)))
    reference[0].load_state_dict(network[0].state_dict())
    image = torch.rand(2, 1, 8, 8)
    for layers in (network, reference):
        images = image.clone().requires_grad_()
        gradient_penalty(layers(images) ** 3, images).backward()
    assert network[0].weight.grad is not None and reference[0].weight.grad is not None
    assert network[0].weight.grad.abs().max() > 1e-3
    torch.testing.assert_close(network[0].weight.grad, reference[0].weight.grad, rtol=1e-3, atol=1e-4)
