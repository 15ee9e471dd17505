"""The loss terms of the method, as functions of tensors; lower is better for all of them."""

from torch import Tensor
from torch.nn import functional


def adversarial_loss(logits: Tensor, is_real: bool, kind: str = "vanilla") -> Tensor:
    """Return how far the discriminator's logits are from the verdict real, or fake, mean over all patches.

    Parameters
    ----------
    logits
        Any shape.
    is_real
        The verdict aimed at.
    kind
        ``vanilla``: cross-entropy (Goodfellow 2014); ``lsgan``: squared difference to 1 or 0 (Mao 2017).
    """
    verdict = logits.new_full(logits.shape, float(is_real))
    if kind == "vanilla":
        return functional.binary_cross_entropy_with_logits(logits, verdict)
    if kind == "lsgan":
        return functional.mse_loss(logits, verdict)
    raise ValueError(f"unknown adversarial loss {kind!r}: expected vanilla or lsgan")


def discriminator_loss(real_logits: Tensor, fake_logits: Tensor, kind: str = "vanilla") -> Tensor:
    """Return the mean of the losses on acquired and synthetic slices; the half slows the discriminator (pix2pix)."""
    return (adversarial_loss(real_logits, True, kind) + adversarial_loss(fake_logits, False, kind)) / 2


def l1_loss(prediction: Tensor, target: Tensor) -> Tensor:
    """Return the mean absolute error over all pixels."""
    return functional.l1_loss(prediction, target)


def lesion_loss(prediction: Tensor, target: Tensor, lesion: Tensor) -> Tensor:
    """Return the mean absolute error between the lesion-masked target and the lesion-masked prediction.

    This is the literal reading of the abstract: the mean runs over *all* pixels of the batch, not over those of the
    lesion, so a larger lesion weighs more and a batch without lesion contributes exactly 0.

    Parameters
    ----------
    prediction, target
        Shape (B, 1, H, W).
    lesion
        Same shape, 1 inside the lesion and 0 outside.
    """
    return functional.l1_loss(lesion * prediction, lesion * target)


def generator_terms(
    fake_logits: Tensor, prediction: Tensor, target: Tensor, *, lesion: Tensor, adversarial: str = "vanilla"
) -> dict[str, Tensor]:
    """Return the generator's loss terms by name, not yet weighted: ``adversarial``, ``l1`` and ``lesion``."""
    return {
        "adversarial": adversarial_loss(fake_logits, True, adversarial),
        "l1": l1_loss(prediction, target),
        "lesion": lesion_loss(prediction, target, lesion),
    }
