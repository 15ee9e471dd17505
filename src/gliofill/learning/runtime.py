"""How a training or an evaluation runs, apart from what decides its result."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from gliofill.learning.networks.inference import select_device


@dataclass(frozen=True)
class Runtime:
    """How a training or an evaluation runs; none of it bears on the result.

    Attributes
    ----------
    device
        ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    threads
        Of PyTorch on the CPU; unchanged if None.
    checkpoint_every
        Iterations between two saves of a training's state.
    cache
        Folder that keeps scaled and cropped volumes for the next run; they are not kept if None.
    log
        Receives lines of text.
    """

    device: str = "auto"
    threads: int | None = None
    checkpoint_every: int = 250
    cache: Path | None = None
    log: Callable[[str], None] = print

    def take_device(self) -> torch.device:
        """Set the threads of PyTorch, and return the device.

        Raises
        ------
        GliofillError
            As `gliofill.learning.networks.inference.select_device`.
        """
        if self.threads is not None:
            torch.set_num_threads(self.threads)
        return select_device(self.device)
