"""What a training run is made of, saved so that an interrupted run continues as if nothing had happened."""

import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from gliofill.config.recipe import Recipe
from gliofill.contrasts import Task
from gliofill.errors import GliofillError
from gliofill.files.atomic import whole_file
from gliofill.learning.networks.discriminator import Discriminator
from gliofill.learning.networks.generator import Generator
from gliofill.learning.volumes.cases import Volume


def state_name(member: int | str) -> str:
    """Return the name of the file with the state of one network of an ensemble."""
    return f"training-state-{member}.safetensors"


@dataclass
class TrainingState:
    """Networks and optimisers after a number of iterations.

    Batches are drawn from a random generator seeded by the recipe's seed and the iteration, so that the number of
    iterations done is all there is to remember of randomness.
    """

    generator: Generator
    discriminator: Discriminator
    averaged: Generator | None
    generator_optimiser: torch.optim.Adam
    discriminator_optimiser: torch.optim.Adam
    iteration: int = 0

    @classmethod
    def fresh(cls, recipe: Recipe, device: torch.device) -> Self:
        """Return untrained networks whose weights depend on the recipe's seed alone."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            generator = Generator(
                recipe.generator_width,
                recipe.generator_blocks,
                upsampling=recipe.upsampling,
                context=recipe.context_slices,
                residual=recipe.residual,
            )
            discriminator = Discriminator(recipe.discriminator_width)
        # on a GPU PyTorch's normalisation would turn the order of memory back and forth in every layer
        order = torch.channels_last if device.type == "cpu" else torch.contiguous_format
        for network in (generator, discriminator):
            network.to(device, memory_format=order)  # type: ignore[call-overload]
        return cls(
            generator,
            discriminator,
            averaged=copy.deepcopy(generator).requires_grad_(False) if recipe.ema_decay else None,
            generator_optimiser=_adam(generator, recipe),
            discriminator_optimiser=_adam(discriminator, recipe),
        )

    @property
    def result(self) -> Generator:
        """The generator to keep: the moving average if there is one."""
        return self.averaged if self.averaged is not None else self.generator

    def _tensors(self) -> Iterator[tuple[str, Tensor]]:
        networks = {"generator": self.generator, "discriminator": self.discriminator, "averaged": self.averaged}
        for name, network in networks.items():
            if network is not None:
                yield from ((f"{name}.{key}", value) for key, value in network.state_dict().items())
        for name, optimiser in self._optimisers():
            for index, moments in optimiser.state_dict()["state"].items():
                yield from ((f"{name}.{index}.{key}", value) for key, value in moments.items())

    def _optimisers(self) -> tuple[tuple[str, torch.optim.Adam], ...]:
        return ("generator_adam", self.generator_optimiser), ("discriminator_adam", self.discriminator_optimiser)

    def save(self, path: Path, identity: Mapping[str, Any]) -> None:
        """Write the state, whole or not at all, with the identity of the run it belongs to."""
        tensors = {name: value.detach().cpu().contiguous() for name, value in self._tensors()}
        metadata = {"iteration": str(self.iteration), "identity": json.dumps(identity)}
        with whole_file(path) as temporary:
            save_file(tensors, temporary, metadata)

    def restore(self, path: Path, identity: Mapping[str, Any]) -> None:
        """Continue from a saved state.

        Raises
        ------
        GliofillError
            If the file is damaged or belongs to a run with other settings or data.
        """
        metadata, tensors = _read(path)
        _check_identity(path, json.loads(metadata["identity"]), identity)
        networks = {"generator": self.generator, "discriminator": self.discriminator, "averaged": self.averaged}
        for name, network in networks.items():
            if network is not None:
                network.load_state_dict(_below(tensors, name))
        for name, optimiser in self._optimisers():
            moments = _moments(_below(tensors, name), optimiser.param_groups[0]["params"])
            optimiser.load_state_dict({**optimiser.state_dict(), "state": moments})
        self.iteration = int(metadata["iteration"])


def _adam(network: torch.nn.Module, recipe: Recipe) -> torch.optim.Adam:
    return torch.optim.Adam(network.parameters(), lr=recipe.learning_rate, betas=(recipe.beta1, 0.999), fused=True)


def _moments(tensors: Mapping[str, Tensor], parameters: Sequence[Tensor]) -> dict[int, dict[str, Tensor]]:
    moments: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        index, moment = key.split(".")
        # the fused Adam walks through memory, so a moment must lie there in the order of its parameter
        ordered = torch.empty_like(parameters[int(index)]).copy_(value) if value.ndim else value
        moments.setdefault(int(index), {})[moment] = ordered
    return moments


def _below(tensors: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    return {key.removeprefix(f"{name}."): value for key, value in tensors.items() if key.startswith(f"{name}.")}


def _read(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    try:
        with safe_open(path, framework="pt") as file:
            return file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise GliofillError(f"{path}: cannot be read ({error}); delete it to start the training afresh") from error


def identity(recipe: Recipe, task: Task, volumes: Sequence[Volume]) -> dict[str, Any]:
    """Return what must not change between two parts of one run: the task, the settings and the voxels."""
    sessions = {f"session {volume.case.folder}": volume.fingerprint for volume in volumes}
    return {"task": task.name, **recipe.as_dict(), **sessions}


def _check_identity(path: Path, saved: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    changes = []
    for key in dict.fromkeys([*saved, *wanted]):
        if key not in wanted:
            changes.append(f"{key} is gone")
        elif key not in saved:
            changes.append(f"{key} is new")
        elif saved[key] != wanted[key]:
            changes.append(f"{key} was {saved[key]} and is {wanted[key]}")
    if changes:
        raise GliofillError(
            f"{path}: belongs to another training run ({'; '.join(changes[:5])}); "
            "train in another folder, or delete the file to start afresh"
        )
