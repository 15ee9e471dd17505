"""A training that is interrupted by a signal."""

import signal
from pathlib import Path

import pytest

from gliofill.config.recipe import Recipe
from gliofill.contrasts import Task
from gliofill.learning.runtime import Runtime
from gliofill.learning.training.batches import Batch, SliceSource
from gliofill.learning.training.loop import train
from gliofill.learning.volumes.cases import Case
from gliofill.learning.volumes.sessions import Sessions


def silent(line: str) -> None:
    pass


def stop_at(monkeypatch: pytest.MonkeyPatch, iteration: int, number: signal.Signals = signal.SIGTERM) -> None:
    """Send this process a signal while it works on that iteration."""
    draw = SliceSource.draw

    def draw_and_signal(self: SliceSource, current: int) -> Batch:
        if current + 1 == iteration:
            signal.raise_signal(number)
        return draw(self, current)

    monkeypatch.setattr(SliceSource, "draw", draw_and_signal)


def interrupted(
    monkeypatch: pytest.MonkeyPatch, recipe: Recipe, cases: list[Case], folder: Path, *, task: Task
) -> None:
    with monkeypatch.context() as patch:
        stop_at(patch, 4)
        with pytest.raises(SystemExit):
            train(recipe, Sessions(task, cases), folder, Runtime(log=silent))
