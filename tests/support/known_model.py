"""A model that is known by heart: it returns the negative of its source."""

import pytest
import torch

from gliofill.contrasts import Contrast, Task
from gliofill.derivatives.imputation_record import SourceDomain
from gliofill.learning.models.folder import Model, TrainingData
from gliofill.learning.networks.generator import Generator
from gliofill.learning.volumes.framing import Scale
from gliofill.metrics.similarity import LinearMapping
from gliofill.synthesis import gap

GRID = (40, 50, 12)


class Negative(Generator):
    """A network that is known by heart: it returns the negative of its input."""

    def forward(self, source: torch.Tensor) -> torch.Tensor:
        """Return the negative."""
        return -source


def make_model(network: Generator, minimum: tuple[int, int] = (48, 64)) -> Model:
    training = TrainingData(Scale(100.0, 300.0), minimum, LinearMapping(1.0, 0.0), ("01",), ("sub-01",))
    task = Task(Contrast.T2W, Contrast.FLAIR)
    return Model([network], task, training, "T2w-to-FLAIR-test-00000000", "0" * 64, True, 0)


def use_known_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every gap be filled by the negative of its source."""
    model = make_model(Negative(1, 0))
    monkeypatch.setattr(gap, "load_model", lambda *_: model)
    monkeypatch.setattr(gap, "judge_source", lambda *_: SourceDomain(known=False, problems=(), scores={}))


@pytest.fixture
def known_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every gap of a test be filled by the negative of its source."""
    use_known_model(monkeypatch)
