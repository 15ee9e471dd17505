"""Small sessions in memory and on disk that the tests of the evaluation share."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gliofill.learning.volumes.cases import Case, Volume
from gliofill.learning.volumes.framing import Crop, Scale

SHAPE = (6, 16, 20)


def _make_volume(seed: int = 0, *, lesion: bool = True, folder: str = "sub-01") -> Volume:
    """Return a session of random voxels in a box of brain, the target the reversed source."""
    brain = np.zeros(SHAPE, dtype=bool)
    brain[:, 2:-2, 2:-2] = True
    source = np.where(brain, np.random.default_rng(seed).random(SHAPE), 0).astype(np.float16)
    mask = np.zeros(SHAPE, dtype=bool)
    mask[2:4, 4:8, 4:9] = lesion
    mask[3, 4:8, 9] = lesion
    case = Case(folder, folder.split("/")[0].removeprefix("sub-"), *[Path("brain.nii.gz")] * 3)
    return Volume(
        case,
        source,
        np.where(brain, 1 - source, 0).astype(np.float16),
        brain,
        mask,
        Scale(0, 1),
        Scale(0, 1),
        Crop((0, 0, 0), (16, 20, 6), (16, 20, 6)),
    )


@pytest.fixture
def make_volume() -> Callable[..., Volume]:
    return _make_volume
