"""The training loop: draw slices, teach the discriminator, teach the generator, and be ready to stop at any time."""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import torch
from torch import Tensor

from gliofill.config.recipe import Recipe
from gliofill.contrasts import Task
from gliofill.errors import GliofillError, TrainingDivergedError
from gliofill.learning.models.domain import describe
from gliofill.learning.models.folder import TrainingData, add_scores, load_model, save_model
from gliofill.learning.networks.generator import Generator
from gliofill.learning.networks.inference import autocast, predict_slices, reproducible
from gliofill.learning.runtime import Runtime
from gliofill.learning.training.batches import Batch, SliceSource
from gliofill.learning.training.logs import LOSS_TERMS, Record
from gliofill.learning.training.losses import (
    adversarial_loss,
    discriminator_loss,
    gradient_penalty,
    l1_loss,
    lesion_loss,
    ssim_loss,
)
from gliofill.learning.training.state import TrainingState, identity, state_name
from gliofill.learning.training.validation import evaluate_volumes, mean_scores, watch_scores
from gliofill.learning.volumes.cases import Volume
from gliofill.learning.volumes.sessions import Sessions
from gliofill.run.progress import show_progress, stop_requests


def learning_rate(recipe: Recipe, iteration: int) -> float:
    """Return the learning rate of an iteration, counted from 0: constant, then falling linearly towards 0."""
    falling = recipe.decay_fraction * recipe.iterations
    return recipe.learning_rate * (min(1.0, (recipe.iterations - iteration) / falling) if falling else 1.0)


def step(state: TrainingState, batch: Batch, recipe: Recipe) -> dict[str, float]:
    """Update both networks once, the same way every time; return the loss terms, unweighted, by name.

    Without adversarial weight there is no discriminator to teach, and its terms are 0.
    """
    with reproducible():
        return _step(state, batch, recipe)


def _step(state: TrainingState, batch: Batch, recipe: Recipe) -> dict[str, float]:
    for optimiser in (state.generator_optimiser, state.discriminator_optimiser):
        optimiser.param_groups[0]["lr"] = learning_rate(recipe, state.iteration)
        optimiser.zero_grad()
    is_adversarial = recipe.adversarial_weight > 0
    with autocast(batch.source.device, recipe.precision):
        prediction = state.generator(batch.source)
    judgement = _teach_discriminator(state, batch, prediction.detach(), recipe) if is_adversarial else None
    terms = _generator_terms(state, batch, prediction, recipe)
    torch.stack([getattr(recipe, f"{name}_weight") * term for name, term in terms.items()]).sum().backward()
    state.generator_optimiser.step()
    state.iteration += 1
    _average(state, recipe)
    # one transfer for all: each would make the host wait for the device
    terms = {"discriminator": prediction.new_zeros(()) if judgement is None else judgement, **terms}
    values = torch.stack([term.detach().float() for term in terms.values()]).tolist()
    return dict.fromkeys(LOSS_TERMS, 0.0) | dict(zip(terms, values, strict=True))


def _teach_discriminator(state: TrainingState, batch: Batch, prediction: Tensor, recipe: Recipe) -> Tensor:
    target = batch.target.requires_grad_(recipe.gradient_penalty > 0)
    with autocast(target.device, recipe.precision):
        # one pass for both halves: normalisation is per slice, so they do not see each other
        images = torch.cat([target, prediction])
        real_logits, fake_logits = state.discriminator(torch.cat([batch.middle] * 2), images).float().chunk(2)
    loss = discriminator_loss(real_logits, fake_logits, recipe.adversarial)
    penalty = recipe.gradient_penalty * gradient_penalty(real_logits, target) if recipe.gradient_penalty else 0
    (loss + penalty).backward()
    state.discriminator_optimiser.step()
    return loss


def _generator_terms(state: TrainingState, batch: Batch, prediction: Tensor, recipe: Recipe) -> dict[str, Tensor]:
    target = batch.target.detach()
    terms = {"l1": l1_loss(prediction, target), "lesion": lesion_loss(prediction, target, batch.lesion)}
    if recipe.ssim_weight:
        terms["ssim"] = ssim_loss(prediction, target, batch.brain)
    if recipe.adversarial_weight:
        state.discriminator.requires_grad_(False)
        with autocast(target.device, recipe.precision):
            logits = state.discriminator(batch.middle, prediction).float()
        state.discriminator.requires_grad_(True)
        terms["adversarial"] = adversarial_loss(logits, True, recipe.adversarial)
    return terms


def _average(state: TrainingState, recipe: Recipe) -> None:
    if state.averaged is None:
        return
    # a shorter memory at first, or the random initial weights would linger
    decay = min(recipe.ema_decay, state.iteration / (state.iteration + 10))
    with torch.no_grad():
        for mean, current in zip(state.averaged.parameters(), state.generator.parameters(), strict=True):
            mean.lerp_(current, 1 - decay)


@dataclass(frozen=True)
class Run:
    """What the members of an ensemble share while they are trained.

    Attributes
    ----------
    folder
        Where the model, its logs and, until the end, the training state are written.
    volumes, held_out
        To train on, and to score on.
    device
        Where to compute.
    checkpoint_every
        Iterations between two saves of the state.
    log
        Receives lines of text.
    on_validation
        Receives the iteration and the scores on the held-out sessions.
    """

    folder: Path
    task: Task
    volumes: Sequence[Volume]
    held_out: Sequence[Volume]
    device: torch.device
    checkpoint_every: int
    log: Callable[[str], None]
    on_validation: Callable[[int, Mapping[str, float]], None] | None = None

    @classmethod
    def start(cls, sessions: Sessions, folder: Path, runtime: Runtime) -> Self:
        """Take the device and load the sessions."""
        device = runtime.take_device()
        training, held_out = sessions.load(runtime.cache)
        return cls(folder, sessions.task, training, held_out, device, runtime.checkpoint_every, runtime.log)


def train(recipe: Recipe, sessions: Sessions, model_dir: Path, runtime: Runtime | None = None) -> Path:
    """Train a model, from the start or from where an earlier run was stopped.

    SIGTERM and Ctrl-C end the run after the current iteration, with its state saved.

    Parameters
    ----------
    recipe
        All settings.
    sessions
        The held-out ones are scored at the recipe's intervals and at the end; they calibrate the uncertainty.
    model_dir
        Where the model, ``losses.csv`` and, until the end, the training state are written.
    runtime
        Device, threads, and so on.

    Returns
    -------
    Path
        `model_dir`.

    Raises
    ------
    GliofillError
        If a session cannot be read, none has a lesion for the lesion-mask loss, the saved state belongs to another
        run, or a loss is no longer finite.
    SystemExit
        With code 128 plus the signal's number, after a stop was asked for.
    """
    task, runtime = sessions.task, runtime or Runtime()
    if not sessions.training:
        raise GliofillError(f"{model_dir}: no sessions were given to train {task.name} on")
    run = Run.start(sessions, model_dir, runtime)
    height, width = run.volumes[0].crop.shape[:2]
    run.log(f"{task.name}: {len(run.volumes)} sessions of {height}x{width} pixels on {run.device}")
    seeds = range(recipe.seed, recipe.seed + recipe.ensemble)
    members = [train_network(run, dataclasses.replace(recipe, seed=seed), number) for number, seed in enumerate(seeds)]
    training, domain = TrainingData.of(run.volumes), describe(run.volumes)
    save_model(model_dir, members, task=task, recipe=recipe, training=training, domain=domain)
    if run.held_out:
        validate(model_dir, run.held_out, device=run.device, precision=recipe.precision, log=run.log)
    clear(model_dir)
    return model_dir


def train_network(run: Run, recipe: Recipe, number: int) -> Generator:
    """Train one network, or take it from its state if it was finished before.

    Parameters
    ----------
    run
        The sessions, and the folder of logs and states.
    recipe
        All settings, with the seed of this network.
    number
        Of the network in its ensemble, from 0.

    Raises
    ------
    TrainingDivergedError
        If a loss is no longer finite.
    SystemExit
        With code 128 plus the signal's number, after a stop was asked for; the state is saved.
    """
    path = run.folder / state_name(number)
    state = TrainingState.fresh(recipe, run.device)
    own = identity(recipe, run.task, run.volumes)
    if path.is_file():
        state.restore(path, own)
        run.log(f"{run.folder}: continuing after iteration {state.iteration} of network {number + 1}")
    if state.iteration >= recipe.iterations:
        return state.result
    slices = SliceSource(run.volumes, recipe, run.device)
    record = Record(run.folder, number, state.iteration)
    title = f"{run.task.name} {number + 1}/{recipe.ensemble}" if recipe.ensemble > 1 else run.task.name
    with record, stop_requests() as stop:
        with show_progress(title, recipe.iterations, start=state.iteration, log=run.log) as advance:
            seen: dict[str, float] = {}
            while state.iteration < recipe.iterations:
                losses = step(state, slices.draw(state.iteration), recipe)
                _check_finite(losses, state.iteration, run.folder)
                record.losses(state.iteration, losses)
                if recipe.validate_every and state.iteration % recipe.validate_every == 0 and run.held_out:
                    seen = {f"held-out {name}": value for name, value in _watch(run, state, recipe, record).items()}
                advance(losses | seen)
                if stop or state.iteration % run.checkpoint_every == 0:
                    state.save(path, own)
                if stop:
                    run.log(
                        f"{run.folder}: stopped by {stop[0].name} after iteration {state.iteration}; the state is saved"
                    )
                    raise SystemExit(128 + stop[0])
    if recipe.ensemble > 1:
        state.save(path, own)
    return state.result


def _watch(run: Run, state: TrainingState, recipe: Recipe, record: Record) -> dict[str, float]:
    """Score the network as it is on the held-out sessions, draw one slice of each, and return the scores."""
    watched = [
        (volume, predict_slices([state.result], volume.source, device=run.device, precision=recipe.precision).mean)
        for volume in run.held_out
    ]
    state.generator.train()
    scores = watch_scores(watched)
    record.scores(state.iteration, scores)
    record.picture(state.iteration, watched)
    run.log(f"{run.task.name}: iteration {state.iteration}: " + ", ".join(f"{k} {v:.3f}" for k, v in scores.items()))
    if run.on_validation:
        run.on_validation(state.iteration, scores)
    return scores


def validate(
    model_dir: Path,
    volumes: Sequence[Volume],
    *,
    device: torch.device,
    precision: str = "auto",
    log: Callable[[str], None] = print,
) -> None:
    """Score a saved model on held-out sessions, calibrate its uncertainty, and write both into metadata and card."""
    scores, calibration = evaluate_volumes(load_model(model_dir), volumes, device=device, precision=precision)
    for method, means in mean_scores(scores).items():
        log(f"{method}: SSIM {means['ssim']:.3f} (higher is better), MAE {means['mae']:.3f} (lower is better)")
    add_scores(model_dir, scores, calibration)


def clear(model_dir: Path) -> None:
    """Remove the states of a run that is over."""
    for path in model_dir.glob(state_name("*")):
        path.unlink()


def _check_finite(losses: dict[str, float], iteration: int, model_dir: Path) -> None:
    for name, value in losses.items():
        if not math.isfinite(value):
            raise TrainingDivergedError(
                f"{model_dir}: the {name} loss is {value} at iteration {iteration}; "
                "lower the learning rate or the loss weights"
            )
