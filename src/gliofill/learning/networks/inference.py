"""The generator at work: which device, which precision, and slices through the network in batches."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gliofill.errors import GliofillError
from gliofill.learning.networks.generator import Generator
from gliofill.learning.networks.gpu import take_gpu


def select_device(name: str = "auto") -> torch.device:
    """Return the device of that name: ``cpu``, ``cuda``, ``cuda:1``, or ``auto`` for a GPU where there is one.

    Of several GPUs, ``auto`` and ``cuda`` take one that no other process of gliofill has, and make it the current one.

    Raises
    ------
    GliofillError
        If CUDA is asked for and not available, or the name is not a device.
    """
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "auto":
        name = "cuda" if count else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise GliofillError(f"device: {name!r} is not one of auto, cpu, cuda, cuda:N") from error
    if device.type not in ("cpu", "cuda"):
        raise GliofillError(f"device: {name!r} is not one of auto, cpu, cuda, cuda:N")
    if device.type == "cpu":
        return device
    if (device.index or 0) >= count:
        raise GliofillError(f"device: {name!r} was asked for but PyTorch sees {count} GPUs; use auto or cpu")
    if device.index is None:
        device = torch.device("cuda", take_gpu(count))
    torch.cuda.set_device(device)
    return device


def has_fast_bf16(device: torch.device) -> bool:
    """Tell whether the device multiplies bfloat16 matrices in hardware; elsewhere float32 is faster."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()  # absent before torch 2.11
    return bool(capabilities.get("amx_bf16") or capabilities.get("avx512_bf16"))


def autocast(device: torch.device, precision: str = "auto") -> torch.autocast:
    """Return the context in which the networks compute: bfloat16 for ``bf16``, and for ``auto`` where it is fast."""
    enabled = precision == "bf16" or (precision == "auto" and has_fast_bf16(device))
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=enabled)


def reproducible() -> AbstractContextManager[None]:
    """Return the context in which a GPU adds up numbers in the same order every time, and float32 is what it says."""
    flags: AbstractContextManager[None] = torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False)
    return flags


@dataclass(frozen=True)
class Prediction:
    """Predicted slices.

    Attributes
    ----------
    mean
        Shape (K, H, W), float32, in [0, 1]: average over the networks, and over the mirrored slices.
    spread
        Same shape: standard deviation of what was averaged; 0 if that was a single pass.
    """

    mean: NDArray[np.float32]
    spread: NDArray[np.float32]


def predict_slices(
    networks: Sequence[Generator],
    slices: NDArray[np.floating],
    *,
    device: torch.device,
    batch_size: int = 8,
    flip_average: bool = True,
    precision: str = "auto",
    progress: Callable[[int, int], None] | None = None,
) -> Prediction:
    """Translate slices.

    The prediction of a slice does not depend on the others in its batch, but for rounding.

    Parameters
    ----------
    networks
        One generator, or an ensemble of them; they are moved to `device`.
    slices
        All slices of a volume in order, shape (K, H, W), in [0, 1].
    device
        Where to compute.
    batch_size
        Slices at a time; halved as often as needed if a GPU runs out of memory.
    flip_average
        Whether to average with the prediction of the mirrored slice (left-right, the first in-plane axis): the same
        task by symmetry, twice the time.
    precision
        ``auto``, ``fp32`` or ``bf16``.
    progress
        Called with the number of slices done and the number of all.

    Raises
    ------
    GliofillError
        If the GPU has no memory for a single slice.
    """
    networks = [network.to(device, memory_format=torch.channels_last).eval() for network in networks]  # type: ignore[call-overload]
    stack = _with_neighbours(slices, networks[0].context)
    mean, spread = np.empty(slices.shape, dtype=np.float32), np.empty(slices.shape, dtype=np.float32)
    done = 0
    with torch.inference_mode(), autocast(device, precision), reproducible():
        while done < len(slices):
            batch = torch.from_numpy(stack[done : done + batch_size].astype(np.float32, order="C"))
            try:
                passes = _passes(networks, batch.to(device), flip_average)
            except torch.OutOfMemoryError as error:
                if batch_size == 1:
                    raise GliofillError(f"{device}: not enough memory for one slice of {slices.shape[1:]}") from error
                batch_size = batch_size // 2
                torch.cuda.empty_cache()
                continue
            mean[done : done + batch_size] = passes.mean(0).cpu().numpy()
            spread[done : done + batch_size] = passes.std(0, correction=0).cpu().numpy()
            done = min(done + batch_size, len(slices))
            if progress is not None:
                progress(done, len(slices))
    return Prediction(mean, spread)


def _with_neighbours(slices: NDArray[np.floating], context: int) -> NDArray[np.floating]:
    """Return a view of shape (K, 1 + 2 context, H, W); the first and the last slice are their own neighbours."""
    padded = np.concatenate([slices[:1]] * context + [slices] + [slices[-1:]] * context)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 1 + 2 * context, axis=0)
    return np.moveaxis(windows, -1, 1)


def _passes(networks: Sequence[Generator], unit: torch.Tensor, flip_average: bool) -> torch.Tensor:
    """Return every network's prediction of every slice, shape (passes, B, H, W), in [0, 1]."""
    source = (2 * unit - 1).contiguous(memory_format=torch.channels_last)
    predictions = [network(source) for network in networks]
    if flip_average:
        mirrored = source.flip(2)
        predictions += [network(mirrored).flip(2) for network in networks]
    return (torch.stack(predictions)[:, :, 0].float() + 1) / 2
