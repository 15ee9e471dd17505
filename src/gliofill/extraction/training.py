"""Training of the brain extraction on generated heads, ready to stop and to go on at any time."""

import copy
import csv
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.utils.data import DataLoader

from gliofill.errors import GliofillError, MachineError
from gliofill.extraction.model import save_model
from gliofill.extraction.network import BrainNetwork, distance_loss
from gliofill.files.atomic import whole_file
from gliofill.learning.networks.inference import autocast, reproducible, select_device
from gliofill.run.processes import end_with_parent
from gliofill.run.progress import show_progress, stop_requests
from gliofill.simulation.heads.stream import PAINTINGS, SHAPE, GeneratedImages
from gliofill.simulation.heads.template import load_template

STATE, LOSSES = "training-state.safetensors", "losses.csv"


@dataclass(frozen=True, kw_only=True)
class BrainRecipe:
    """Settings of a training.

    Attributes
    ----------
    images
        Generated images, one step each; may be raised later to go on.
    seed
        Of heads and initial weights.
    learning_rate
        Highest of AdamW; it rises over the first `warm_up` images and falls linearly to 0 over the last part.
    decay_fraction
        That last part, as a share of the images.
    warm_up
        Images.
    weight_decay
        Of AdamW.
    average
        Decay of the moving average of the weights, which is what is kept.
    widths
        Channels of the network's levels.
    shape
        Voxels of an image.
    save_every
        Images between two saved states.
    """

    images: int = 5000
    seed: int = 0
    learning_rate: float = 2e-3
    decay_fraction: float = 0.4
    warm_up: int = 50
    weight_decay: float = 1e-4
    average: float = 0.995
    widths: tuple[int, ...] = (16, 32, 64, 96)
    shape: tuple[int, int, int] = SHAPE
    save_every: int = 200

    def rate(self, step: int) -> float:
        """Return the learning rate of a step."""
        left = (self.images - step) / max(1.0, self.decay_fraction * self.images)
        return self.learning_rate * min(1.0, (step + 1) / self.warm_up, max(left, 0.0))


@dataclass
class _State:
    """Network, its average and optimiser after a number of images."""

    network: BrainNetwork
    averaged: BrainNetwork
    optimiser: torch.optim.AdamW
    step: int = 0
    losses: list[float] = field(default_factory=list)

    def tensors(self) -> dict[str, Tensor]:
        tensors = {f"network.{name}": value for name, value in self.network.state_dict().items()}
        tensors |= {f"averaged.{name}": value for name, value in self.averaged.state_dict().items()}
        for index, moments in self.optimiser.state_dict()["state"].items():
            tensors |= {f"adam.{index}.{name}": value for name, value in moments.items()}
        return {name: value.detach().cpu().contiguous() for name, value in tensors.items()}

    def restore(self, tensors: dict[str, Tensor], step: int) -> None:
        for name, network in (("network", self.network), ("averaged", self.averaged)):
            network.load_state_dict(
                {key.removeprefix(f"{name}."): value for key, value in tensors.items() if key.startswith(f"{name}.")}
            )
        moments: dict[int, dict[str, Tensor]] = {}
        for key, value in tensors.items():
            if key.startswith("adam."):
                _, index, name = key.split(".")
                moments.setdefault(int(index), {})[name] = value
        self.optimiser.load_state_dict({**self.optimiser.state_dict(), "state": moments})
        self.step = step


def train_brain(
    folder: Path,
    recipe: BrainRecipe,
    *,
    device: str = "auto",
    workers: int = 1,
    threads: int = 1,
    log: Callable[[str], None] = print,
) -> None:
    """Train a brain extraction, or go on with a training that was stopped.

    Parameters
    ----------
    folder
        For the model, which is written with every saved state, for the state and for the losses.
    recipe
        Settings.
    device
        ``auto``, ``cpu`` or ``cuda``.
    workers
        Processes that generate images; 0 generates them between the steps. The result does not depend on it.
    threads
        Of the network on a processor.
    log
        Receives a line every 30 seconds where there is no terminal.

    Raises
    ------
    GliofillError
        If the state in the folder belongs to other settings.
    MachineError
        If a worker was killed; the last saved state is kept.
    """
    torch.set_num_threads(threads)
    state = _fresh(recipe, select_device(device))
    _restore(folder / STATE, state, recipe)
    if state.step >= recipe.images:
        log(f"{folder}: is trained on {state.step} images; ask for more to continue")
        return
    examples = _loader(recipe, state.step, workers)
    with (
        stop_requests() as stops,
        show_progress("brain", recipe.images, start=state.step, log=log) as advance,
        _telling_of_killed_workers(folder),
    ):
        for batch in examples:
            for image, distance, measured in zip(*batch, strict=True):
                loss = _learn(state, recipe, image[None], distance[None], measured[None])
                advance({"loss": loss})
            if stops or state.step % recipe.save_every < PAINTINGS or state.step >= recipe.images:
                _save(folder, state, recipe)
            if stops:
                raise GliofillError(
                    f"training stopped by {stops[0].name} after {state.step} images; start it again to continue"
                )


def _fresh(recipe: BrainRecipe, device: torch.device) -> _State:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        network = BrainNetwork(recipe.widths)
    network.to(device)
    averaged = copy.deepcopy(network).requires_grad_(False)
    optimiser = torch.optim.AdamW(network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    return _State(network, averaged, optimiser)


def _loader(recipe: BrainRecipe, start: int, workers: int) -> DataLoader[tuple[Tensor, Tensor, Tensor]]:
    images = GeneratedImages(load_template(), recipe.images, seed=recipe.seed, shape=recipe.shape)
    # both images of a head go to one worker, which grows it once
    return DataLoader(
        images,
        batch_size=PAINTINGS,
        sampler=range(start, recipe.images),
        num_workers=workers,
        prefetch_factor=8 if workers else None,
        worker_init_fn=partial(_be_modest, os.getpid()),
    )


@contextmanager
def _telling_of_killed_workers(folder: Path) -> Iterator[None]:
    """Tell of a worker that is gone in one line; PyTorch raises its error anywhere in the main thread."""
    try:
        yield
    except RuntimeError as error:
        if not str(error).startswith("DataLoader worker"):
            raise
        raise MachineError(
            f"{folder}: a process that generates images was killed, most often because there was no memory left; start "
            "the training again, with fewer workers or more memory: it continues from its last saved state"
        ) from error


def _be_modest(parent: int, _worker: int) -> None:
    """Leave stopping to the parent, the processor to the network, and one thread to each worker."""
    # a batch system sends its signal to every process of a job; a worker that ended first would be taken for a failure
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    end_with_parent(parent)
    torch.set_num_threads(1)
    os.nice(5)


def _learn(state: _State, recipe: BrainRecipe, image: Tensor, distance: Tensor, measured: Tensor) -> float:
    """Make one step and return its loss."""
    device = next(state.network.parameters()).device
    for group in state.optimiser.param_groups:
        group["lr"] = recipe.rate(state.step)
    with reproducible():
        with autocast(device):
            estimate = state.network(image.to(device))
        loss = distance_loss(estimate.float(), distance.to(device), measured.to(device))
        state.optimiser.zero_grad(set_to_none=True)
        loss.backward()
    torch.nn.utils.clip_grad_norm_(state.network.parameters(), 1.0)
    state.optimiser.step()
    state.step += 1
    decay = min(recipe.average, state.step / (10 + state.step))
    with torch.no_grad():
        for average, value in zip(state.averaged.parameters(), state.network.parameters(), strict=True):
            average.lerp_(value, 1 - decay)
    state.losses.append(float(loss.detach()))
    return state.losses[-1]


def _identity(recipe: BrainRecipe) -> str:
    """Return what must not change between two parts of one training."""
    kept = {key: value for key, value in asdict(recipe).items() if key not in ("images", "save_every")}
    return repr(kept)


def _save(folder: Path, state: _State, recipe: BrainRecipe) -> None:
    metadata = {"step": str(state.step), "identity": _identity(recipe)}
    with whole_file(folder / STATE) as temporary:
        save_file(state.tensors(), temporary, metadata)
    _write_losses(folder / LOSSES, state)
    save_model(folder, state.averaged, training={**asdict(recipe), "images": state.step, "planned": recipe.images})


def _write_losses(path: Path, state: _State) -> None:
    """Add the losses since the last saved state."""
    with path.open("a", newline="", encoding="utf-8") as file:
        first = state.step - len(state.losses) + 1
        csv.writer(file).writerows([number, f"{loss:.4f}"] for number, loss in enumerate(state.losses, first))
    state.losses.clear()


def _restore(path: Path, state: _State, recipe: BrainRecipe) -> None:
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        return
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata()
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise GliofillError(f"{path}: cannot be read ({error}); delete it to start the training afresh") from error
    if metadata["identity"] != _identity(recipe):
        raise GliofillError(
            f"{path}: belongs to a training with other settings ({metadata['identity']}); "
            "train in another folder, or delete the file to start afresh"
        )
    state.restore(tensors, int(metadata["step"]))
