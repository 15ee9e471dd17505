"""The training loop: draw slices, teach the discriminator, teach the generator, and be ready to stop at any time."""

import contextlib
import csv
import math
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from types import FrameType

import torch

from gliofill.contrasts import Task
from gliofill.errors import GliofillError
from gliofill.images import read_json, whole_file
from gliofill.learning.batches import Batch, SliceSource
from gliofill.learning.checkpoint import METADATA, TrainingData, load_model, save_model, write_metadata
from gliofill.learning.inference import autocast, select_device
from gliofill.learning.losses import discriminator_loss, generator_terms
from gliofill.learning.progress import show_progress
from gliofill.learning.recipe import Recipe
from gliofill.learning.state import STATE, TrainingState, identity
from gliofill.learning.validation import evaluate_cases, mean_scores
from gliofill.learning.volumes import Case, common_crop, load_case

LOSSES = "losses.csv"
_COLUMNS = ("iteration", "discriminator", "adversarial", "l1", "lesion")


def learning_rate(recipe: Recipe, iteration: int) -> float:
    """Return the learning rate of an iteration, counted from 0: constant, then falling linearly towards 0."""
    falling = recipe.decay_fraction * recipe.iterations
    return recipe.learning_rate * (min(1.0, (recipe.iterations - iteration) / falling) if falling else 1.0)


def step(state: TrainingState, batch: Batch, recipe: Recipe) -> dict[str, float]:
    """Update both networks once; return the loss terms, unweighted, by name."""
    device = batch.source.device
    for optimiser in (state.generator_optimiser, state.discriminator_optimiser):
        optimiser.param_groups[0]["lr"] = learning_rate(recipe, state.iteration)
        optimiser.zero_grad()
    with autocast(device, recipe.precision):
        prediction = state.generator(batch.source)
        # one pass for both halves: normalisation is per slice, so they do not see each other
        sources, images = torch.cat([batch.source] * 2), torch.cat([batch.target, prediction.detach()])
        real_logits, fake_logits = state.discriminator(sources, images).float().chunk(2)
    loss = discriminator_loss(real_logits, fake_logits, recipe.adversarial)
    loss.backward()
    state.discriminator_optimiser.step()

    state.discriminator.requires_grad_(False)
    with autocast(device, recipe.precision):
        fake_logits = state.discriminator(batch.source, prediction).float()
    state.discriminator.requires_grad_(True)
    terms = generator_terms(fake_logits, prediction, batch.target, lesion=batch.lesion, adversarial=recipe.adversarial)
    weights = {"adversarial": recipe.adversarial_weight, "l1": recipe.l1_weight, "lesion": recipe.lesion_weight}
    torch.stack([weights[name] * term for name, term in terms.items()]).sum().backward()
    state.generator_optimiser.step()
    state.iteration += 1
    _average(state, recipe)
    values = torch.stack([loss, *terms.values()]).tolist()
    return dict(zip(("discriminator", *terms), values, strict=True))


def _average(state: TrainingState, recipe: Recipe) -> None:
    if state.averaged is None:
        return
    # a shorter memory at first, or the random initial weights would linger
    decay = min(recipe.ema_decay, state.iteration / (state.iteration + 10))
    with torch.no_grad():
        for mean, current in zip(state.averaged.parameters(), state.generator.parameters(), strict=True):
            mean.lerp_(current, 1 - decay)


def train(
    recipe: Recipe,
    cases: Sequence[Case],
    model_dir: Path,
    *,
    task: Task,
    validation_cases: Sequence[Case] = (),
    device: str = "auto",
    threads: int | None = None,
    resume: bool = True,
    checkpoint_every: int = 250,
    log: Callable[[str], None] = print,
) -> Path:
    """Train a model, from the start or from where an earlier run was stopped.

    SIGTERM and Ctrl-C end the run after the current iteration, with its state saved.

    Parameters
    ----------
    recipe
        All settings.
    cases
        Sessions to learn from.
    model_dir
        Where the model, ``losses.csv`` and, until the end, the training state are written.
    task
        What the cases are of.
    validation_cases
        Held-out sessions, scored at the end.
    device
        ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    threads
        Of PyTorch on the CPU; unchanged if None.
    resume
        Whether to continue from a saved state.
    checkpoint_every
        Iterations between two saves of the state.
    log
        Receives lines of text.

    Returns
    -------
    Path
        `model_dir`.

    Raises
    ------
    GliofillError
        If a session cannot be read, the saved state belongs to another run, or a loss is no longer finite.
    SystemExit
        With code 128 plus the signal's number, after a stop was asked for.
    """
    if not cases:
        raise GliofillError(f"{model_dir}: no sessions were given to train {task.name} on")
    if threads is not None:
        torch.set_num_threads(threads)
    used_device = select_device(device)
    crop_minimum = common_crop(cases)
    volumes = [load_case(case, crop_minimum=crop_minimum) for case in cases]
    state = TrainingState.fresh(recipe, used_device)
    run_identity = identity(recipe, task, volumes)
    if resume and (model_dir / STATE).is_file():
        state.restore(model_dir / STATE, run_identity)
        log(f"{model_dir}: continuing after iteration {state.iteration}")
    log(f"{task.name}: {len(volumes)} sessions of {crop_minimum[0]}x{crop_minimum[1]} pixels on {used_device}")
    slices = SliceSource(volumes, recipe, used_device)
    with _loss_table(model_dir / LOSSES, state.iteration) as record, _stop_requests() as stop:
        with show_progress(task.name, recipe.iterations, start=state.iteration, log=log) as advance:
            while state.iteration < recipe.iterations:
                losses = step(state, slices.draw(state.iteration), recipe)
                _check_finite(losses, state.iteration, model_dir)
                record(state.iteration, losses)
                advance(losses)
                if stop or state.iteration % checkpoint_every == 0:
                    state.save(model_dir / STATE, run_identity)
                if stop:
                    log(f"{model_dir}: stopped by {stop[0].name} after iteration {state.iteration}; the state is saved")
                    raise SystemExit(128 + stop[0])
    save_model(model_dir, state.result, task=task, recipe=recipe, training=TrainingData.of(volumes))
    if validation_cases:
        validate(model_dir, validation_cases, device=used_device, precision=recipe.precision, log=log)
    (model_dir / STATE).unlink(missing_ok=True)
    return model_dir


def validate(
    model_dir: Path,
    cases: Sequence[Case],
    *,
    device: torch.device,
    precision: str = "auto",
    log: Callable[[str], None] = print,
) -> None:
    """Score a saved model on held-out sessions, and write the scores into its metadata and card."""
    scores = evaluate_cases(load_model(model_dir), cases, device=device, precision=precision)
    for method, means in mean_scores(scores).items():
        log(f"{method}: SSIM {means['ssim']:.3f} (higher is better), MAE {means['mae']:.3f} (lower is better)")
    write_metadata(model_dir, {**read_json(model_dir / METADATA), "validation": [asdict(score) for score in scores]})


def _check_finite(losses: dict[str, float], iteration: int, model_dir: Path) -> None:
    for name, value in losses.items():
        if not math.isfinite(value):
            raise GliofillError(
                f"{model_dir}: the {name} loss is {value} at iteration {iteration}; "
                "lower the learning rate or the loss weights"
            )


@contextlib.contextmanager
def _loss_table(path: Path, done: int) -> Iterator[Callable[[int, dict[str, float]], None]]:
    """Give a function that appends a row; rows after iteration `done`, of a run that was cut short, are dropped."""
    kept = path.read_text(encoding="utf-8").splitlines()[1 : done + 1] if done and path.is_file() else []
    with whole_file(path) as temporary:
        temporary.write_text("\n".join([",".join(_COLUMNS), *kept]) + "\n", encoding="utf-8")
    with path.open("a", encoding="utf-8", newline="", buffering=1) as file:
        writer = csv.writer(file, lineterminator="\n")
        yield lambda iteration, losses: writer.writerow([iteration, *(f"{losses[key]:.6g}" for key in _COLUMNS[1:])])


@contextlib.contextmanager
def _stop_requests() -> Iterator[list[signal.Signals]]:
    """Give a list that SIGTERM and SIGINT append to instead of ending the process."""
    received: list[signal.Signals] = []
    if threading.current_thread() is not threading.main_thread():
        yield received  # only the main thread may handle signals
        return

    def note(number: int, frame: FrameType | None) -> None:
        received.append(signal.Signals(number))

    previous = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield received
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
