"""Small preprocessed sessions, generated, and the smallest recipe: what tests of learning share."""

from pathlib import Path

import numpy as np
import pytest

from gliofill.config.recipe import Recipe
from gliofill.contrasts import Contrast, Task
from gliofill.derivatives import paths
from gliofill.files.nifti import write_image
from gliofill.learning.volumes.cases import Case, find_cases

TASK = Task(Contrast.T2W, Contrast.FLAIR)


def write_session(root: Path, folder: str, seed: int, *, lesion: bool = True) -> None:
    """Write a session on a grid of 40x50x12: an ellipsoid of smooth noise, the target a falling function of it."""
    generator = np.random.default_rng(seed)
    grid = (40, 50, 12)
    along = np.indices(grid, dtype=float) - np.array([19.5, 24.5, 5.5])[:, None, None, None]
    brain = ((along / np.array([15.0, 20.0, 5.0])[:, None, None, None]) ** 2).sum(axis=0) < 1
    waves = sum(
        np.sin(along[0] * generator.uniform(0.1, 0.4) + along[1] * generator.uniform(0.1, 0.4) + 0.2 * along[2] + phase)
        for phase in (0, 2, 4)
    )
    source = 500 + 100 * waves
    target = 2000 - 2 * source
    for contrast, data in ((TASK.source, source), (TASK.target, target)):
        write_image(root / paths.preprocessed(folder, contrast), data * brain, np.eye(4))
    write_image(root / paths.brain_mask(folder), brain, np.eye(4), dtype="uint8")
    if lesion:
        write_image(root / paths.lesion(folder), brain & (source > 620), np.eye(4), dtype="uint8")


@pytest.fixture(scope="session")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write an output folder with two participants, one of them without a lesion file."""
    root = tmp_path_factory.mktemp("derivatives")
    write_session(root, "sub-01/ses-pre", 1)
    write_session(root, "sub-02", 2, lesion=False)
    return root


@pytest.fixture(scope="session")
def cases(sessions: Path) -> list[Case]:
    return find_cases(sessions, TASK)


@pytest.fixture
def task() -> Task:
    return TASK


@pytest.fixture
def small_crop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Crop to 32x48 instead of 160x192, so that training takes milliseconds."""
    monkeypatch.setattr("gliofill.learning.volumes.cases.CROP_MINIMUM", (32, 48))


@pytest.fixture
def recipe() -> Recipe:
    """Return settings of the smallest networks that have every layer."""
    return Recipe(
        name="tiny",
        iterations=8,
        learning_rate=1e-3,
        batch_size=2,
        batch_samples=2,
        l1_weight=100.0,
        lesion_weight=50.0,
        generator_width=4,
        generator_blocks=1,
        discriminator_width=4,
        upsampling="resize",
        adversarial="lsgan",
        decay_fraction=0.5,
        flip=True,
        ema_decay=0.9,
        precision="fp32",
    )
