"""The loss terms of the method, as functions of tensors; lower is better for all of them."""

import torch
from torch import Tensor
from torch.nn import functional

from gliofill.metrics.similarity import RADIUS_VOXELS, SIGMA_VOXELS


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


def ssim_loss(prediction: Tensor, target: Tensor, brain: Tensor) -> Tensor:
    """Return one minus the mean SSIM over the brain: Wang 2004 in two dimensions, the window of the evaluation.

    Parameters
    ----------
    prediction, target
        Shape (B, 1, H, W), in [-1, 1].
    brain
        Same shape, 1 inside the brain and 0 outside; the loss of a batch without brain is 0.
    """
    x, y = (prediction.float() + 1) / 2, (target.float() + 1) / 2
    means = _local_mean(torch.cat([x, y, x * x, y * y, x * y], dim=1))
    mean_x, mean_y, mean_xx, mean_yy, mean_xy = means.split(1, dim=1)
    variances = mean_xx - mean_x**2 + mean_yy - mean_y**2
    covariance = mean_xy - mean_x * mean_y
    c1, c2 = 0.01**2, 0.03**2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    dissimilarity = 1 - luminance * (2 * covariance + c2) / (variances + c2)
    return (dissimilarity * brain).sum() / brain.sum().clamp(min=1)


def _local_mean(images: Tensor) -> Tensor:
    offsets = torch.arange(-RADIUS_VOXELS, RADIUS_VOXELS + 1, device=images.device, dtype=torch.float32)
    window = torch.exp(-(offsets**2) / (2 * SIGMA_VOXELS**2))
    kernel = (window / window.sum()).expand(images.shape[1], 1, 1, -1)
    rows = functional.conv2d(images, kernel, padding=(0, RADIUS_VOXELS), groups=images.shape[1])
    return functional.conv2d(rows, kernel.mT, padding=(RADIUS_VOXELS, 0), groups=images.shape[1])


def gradient_penalty(logits: Tensor, images: Tensor) -> Tensor:
    """Return the squared gradient of the discriminator at acquired slices, mean over them (R1, Mescheder 2018).

    Parameters
    ----------
    logits
        What the discriminator made of `images`, with the graph kept.
    images
        Shape (B, 1, H, W); must require a gradient.
    """
    (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return gradient.square().sum(dim=(1, 2, 3)).mean() / 2
