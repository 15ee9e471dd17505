"""Steps per second of the training loop, compared with a plain loop of the same networks.

The plain loop is what one writes first: PyTorch's own instance normalisation and convolution, contiguous float32,
slices gathered one by one on the host from float32 volumes, acquired and synthetic slices judged in separate passes,
and the discriminator's gradients computed in the generator's step too. Both loops train the paper's recipe on the same
random volumes, in turns. Usage::

    python benchmarks/training.py [--task T1post-to-T1w] [--width 64] [--steps 3] [--repeats 3] [--device auto]
"""

import argparse
import dataclasses
import multiprocessing
import resource
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import torch
from torch import nn

from gliofill.config.parsing import recipe_file
from gliofill.config.recipe import Recipe, load_recipe
from gliofill.contrasts import TASKS, find_task
from gliofill.learning.networks.discriminator import Discriminator
from gliofill.learning.networks.generator import Generator
from gliofill.learning.networks.inference import has_fast_bf16, select_device
from gliofill.learning.networks.normalisation import InstanceNorm
from gliofill.learning.training.batches import SliceSource
from gliofill.learning.training.loop import step
from gliofill.learning.training.losses import adversarial_loss, discriminator_loss, l1_loss, lesion_loss
from gliofill.learning.training.state import TrainingState
from gliofill.learning.volumes.cases import Case, Volume
from gliofill.learning.volumes.framing import CROP_MINIMUM, Crop, Scale

SLICES = 140


def make_volume(number: int) -> Volume:
    """Return a volume of noise in an ellipse: the speed does not depend on what is seen."""
    generator = np.random.default_rng(number)
    shape = (SLICES, *CROP_MINIMUM)
    across = (np.indices(CROP_MINIMUM) - np.array(CROP_MINIMUM)[:, None, None] / 2) / np.array(CROP_MINIMUM)[
        :, None, None
    ]
    brain = np.broadcast_to((across**2).sum(axis=0) < 0.2, shape).copy()
    source, target = (generator.random(shape, dtype=np.float32).astype(np.float16) * brain for _ in range(2))
    lesion = brain & (np.arange(SLICES) < SLICES // 3)[:, None, None]
    files = (Path(f"{number}") for _ in range(3))
    crop = Crop((0, 0, 0), (*CROP_MINIMUM, SLICES), (*CROP_MINIMUM, SLICES))
    return Volume(
        Case(f"sub-{number}", f"{number}", *files), source, target, brain, lesion, Scale(0, 1), Scale(0, 1), crop
    )


class PlainLoop:
    """The plain loop."""

    def __init__(self, volumes: Sequence[Volume], recipe: Recipe, device: torch.device) -> None:
        self.recipe, self.device = recipe, device
        self.volumes = [[a.astype(np.float32) for a in (v.source, v.target, v.lesion)] for v in volumes]
        self.generator = Generator(recipe.generator_width, recipe.generator_blocks, upsampling=recipe.upsampling)
        self.discriminator = Discriminator(recipe.discriminator_width)
        for network in (self.generator, self.discriminator):
            _with_torch_layers(network)
            network.to(device)
        adam = {"lr": recipe.learning_rate, "betas": (recipe.beta1, 0.999)}
        self.generator_adam = torch.optim.Adam(self.generator.parameters(), **adam)
        self.discriminator_adam = torch.optim.Adam(self.discriminator.parameters(), **adam)
        self.random = np.random.default_rng(0)

    def __call__(self) -> None:
        """Do one step."""
        source, target, lesion = self._draw()
        fake = self.generator(source)
        self.discriminator_adam.zero_grad()
        real_logits, fake_logits = self.discriminator(source, target), self.discriminator(source, fake.detach())
        discriminator_loss(real_logits, fake_logits).backward()
        self.discriminator_adam.step()
        self.generator_adam.zero_grad()
        loss = adversarial_loss(self.discriminator(source, fake), True)
        loss = loss + self.recipe.l1_weight * l1_loss(fake, target)
        loss = loss + self.recipe.lesion_weight * lesion_loss(fake, target, lesion)
        loss.backward()
        self.generator_adam.step()
        loss.item()

    def _draw(self) -> list[torch.Tensor]:
        slices: list[list[np.ndarray]] = []
        for index in self.random.choice(len(self.volumes), self.recipe.batch_size):
            source, target, lesion = self.volumes[index]
            chosen = self.random.integers(0, SLICES, self.recipe.batch_samples)
            slices += [[2 * source[k] - 1, 2 * target[k] - 1, lesion[k]] for k in chosen]
        return [torch.from_numpy(np.stack(images))[:, None].to(self.device) for images in zip(*slices, strict=True)]


def _with_torch_layers(network: nn.Module) -> None:
    """Replace the layers that are our own by PyTorch's, with the same parameters."""
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, InstanceNorm):
                # the number of channels is not needed without learnt parameters
                setattr(module, name, nn.InstanceNorm2d(1))
            elif isinstance(child, nn.Conv2d):
                child.__class__ = nn.Conv2d
            elif isinstance(child, nn.ConvTranspose2d):
                child.__class__ = nn.ConvTranspose2d


class OwnLoop:
    """The loop of the package."""

    def __init__(self, volumes: Sequence[Volume], recipe: Recipe, device: torch.device) -> None:
        self.recipe = recipe
        self.slices, self.state = SliceSource(volumes, recipe, device), TrainingState.fresh(recipe, device)

    def __call__(self) -> None:
        """Do one step."""
        step(self.state, self.slices.draw(self.state.iteration), self.recipe)


class Runner:
    """A loop in a process of its own, so that what one does to its process does not help or harm the other."""

    def __init__(self, loop: type[PlainLoop | OwnLoop], recipe: Recipe, device: torch.device, threads: int) -> None:
        self.process = ProcessPoolExecutor(
            1, multiprocessing.get_context("spawn"), _set_up, (loop, recipe, device, threads)
        )
        self.seconds: list[float] = []

    def run(self, steps: int) -> None:
        """Do some steps and keep how long each took."""
        self.seconds.append(self.process.submit(_seconds_per_step, steps).result())

    def peak_gib(self) -> float:
        """Return the most memory of the device that there was, of the process on a CPU."""
        return self.process.submit(_peak_gib).result()


def _set_up(loop: type[PlainLoop | OwnLoop], recipe: Recipe, device: torch.device, threads: int) -> None:
    global LOOP, DEVICE
    torch.set_num_threads(threads)
    LOOP, DEVICE = loop([make_volume(number) for number in range(4)], recipe, device), device


def _seconds_per_step(steps: int) -> float:
    wait = torch.cuda.synchronize if DEVICE.type == "cuda" else lambda _: None
    wait(DEVICE)
    start = time.perf_counter()
    for _ in range(steps):
        LOOP()
    wait(DEVICE)
    return (time.perf_counter() - start) / steps


def _peak_gib() -> float:
    if DEVICE.type == "cuda":
        return torch.cuda.max_memory_allocated(DEVICE) / 2**30
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main() -> None:
    """Measure both loops in turns and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", choices=[task.name for task in TASKS], default="T1post-to-T1w")
    parser.add_argument("--width", type=int, default=64, help="channels of the first layers; the paper's networks: 64")
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=3, help="turns; the median counts")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    device = select_device(arguments.device)
    recipe = load_recipe(recipe_file("paper"), find_task(arguments.task))
    recipe = dataclasses.replace(recipe, generator_width=arguments.width, discriminator_width=arguments.width)
    kinds = {"plain, float32": PlainLoop, "gliofill": OwnLoop}
    runners = {name: Runner(loop, recipe, device, arguments.threads) for name, loop in kinds.items()}
    for runner in runners.values():
        runner.run(2)
        runner.seconds.clear()
    for _ in range(arguments.repeats):
        for runner in runners.values():
            runner.run(arguments.steps)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{arguments.threads} threads"
    slices = recipe.batch_size * recipe.batch_samples
    size = "x".join(map(str, CROP_MINIMUM))
    print(f"{recipe.name}, {arguments.task}: {slices} slices of {size} a step, width {arguments.width}")
    print(f"{device} ({name}), precision {'bf16' if has_fast_bf16(device) else 'float32'}, torch {torch.__version__}")
    print(f"{'':16} s/step  min of {recipe.iterations}    ratio   peak GiB")
    plain = float(np.median(runners["plain, float32"].seconds))
    for name, runner in runners.items():
        median = float(np.median(runner.seconds))
        minutes = median * recipe.iterations / 60
        print(f"{name:16} {median:6.2f} {minutes:12.1f} {plain / median:8.2f} {runner.peak_gib():10.2f}")


if __name__ == "__main__":
    main()
