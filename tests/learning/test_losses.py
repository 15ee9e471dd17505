import math

import pytest
import torch

from gliofill.learning.losses import adversarial_loss, discriminator_loss, generator_terms, l1_loss, lesion_loss


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


def test_generator_terms_have_names_and_no_weights() -> None:
    prediction, target = torch.full((1, 1, 2, 2), 0.25), torch.full((1, 1, 2, 2), 1.0)
    lesion = torch.tensor([[[[1.0, 0.0], [0.0, 0.0]]]])
    terms = generator_terms(torch.zeros(1, 1, 3, 3), prediction, target, lesion=lesion, adversarial="lsgan")
    assert {name: term.item() for name, term in terms.items()} == {"adversarial": 1.0, "l1": 0.75, "lesion": 0.1875}
