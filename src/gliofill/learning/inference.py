"""The generator at work: which device, which precision, and slices through the network in batches."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gliofill.errors import GliofillError
from gliofill.learning.generator import Generator


def select_device(name: str = "auto") -> torch.device:
    """Return the device of that name: ``cpu``, ``cuda``, ``cuda:1``, or ``auto`` for a GPU where there is one.

    Raises
    ------
    GliofillError
        If CUDA is asked for and not available, or the name is not a device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise GliofillError(f"device: {name!r} is not one of auto, cpu, cuda, cuda:N") from error
    if device.type not in ("cpu", "cuda"):
        raise GliofillError(f"device: {name!r} is not one of auto, cpu, cuda, cuda:N")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device.type == "cuda" and (device.index or 0) >= count:
        raise GliofillError(f"device: {name!r} was asked for but PyTorch sees {count} GPUs; use auto or cpu")
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


def predict_slices(
    network: Generator,
    slices: NDArray[np.floating],
    *,
    device: torch.device,
    batch_size: int = 8,
    flip_average: bool = True,
    precision: str = "auto",
    progress: Callable[[int, int], None] | None = None,
) -> NDArray[np.float32]:
    """Translate slices.

    The prediction of a slice does not depend on its neighbours in the batch, but for rounding.

    Parameters
    ----------
    network
        On any device; it is moved to `device`.
    slices
        Shape (K, H, W), in [0, 1].
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

    Returns
    -------
    ndarray, shape (K, H, W), float32, in [0, 1]

    Raises
    ------
    GliofillError
        If the GPU has no memory for a single slice.
    """
    network = network.to(device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
    predicted = np.empty(slices.shape, dtype=np.float32)
    done = 0
    with torch.inference_mode(), autocast(device, precision), torch.backends.cudnn.flags(deterministic=True):
        while done < len(slices):
            batch = torch.from_numpy(np.ascontiguousarray(slices[done : done + batch_size], dtype=np.float32))
            try:
                predicted[done : done + batch_size] = _predict_batch(network, batch.to(device), flip_average)
            except torch.OutOfMemoryError as error:
                if batch_size == 1:
                    raise GliofillError(f"{device}: not enough memory for one slice of {slices.shape[1:]}") from error
                batch_size = batch_size // 2
                torch.cuda.empty_cache()
                continue
            done = min(done + batch_size, len(slices))
            if progress is not None:
                progress(done, len(slices))
    return predicted


def _predict_batch(network: Generator, unit: torch.Tensor, flip_average: bool) -> NDArray[Any]:
    source = (2 * unit - 1).unsqueeze(1).contiguous(memory_format=torch.channels_last)
    prediction = network(source)
    if flip_average:
        prediction = (prediction + network(source.flip(2)).flip(2)) / 2
    return ((prediction[:, 0] + 1) / 2).float().cpu().numpy()
