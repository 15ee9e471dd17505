"""One mask of several contrasts: the median decides, one that strays is outvoted and shows in its agreement."""

from pathlib import Path

import numpy as np
import pytest

from gliofill.config.settings import PreprocessSettings
from gliofill.contrasts import Contrast
from gliofill.derivatives import paths
from gliofill.files.nifti import write_image
from gliofill.preprocess.consensus import OUTSIDE_MM, agreement, vote
from gliofill.preprocess.masks import read_masks
from gliofill.preprocess.plan import SessionPlan
from gliofill.preprocess.scratch import Scratch
from gliofill.preprocess.spaces import OutputSpace

T1POST, T1W, T2W, FLAIR = Contrast


def ball(radius: float, centre: tuple[float, float, float] = (15, 15, 15)) -> np.ndarray:
    grid = np.stack(np.meshgrid(*[np.arange(32.0)] * 3, indexing="ij"))
    return (np.linalg.norm(grid - np.reshape(centre, (3, 1, 1, 1)), axis=0) - radius).astype(np.float32)


def test_a_strip_that_failed_alone_is_outvoted() -> None:
    distances = {T1POST: ball(10), T1W: ball(10), T2W: ball(4), FLAIR: ball(10)}
    assert np.array_equal(vote(distances, 0.0), ball(10) < 0)


@pytest.mark.parametrize(("count", "radius"), [(1, 8.0), (2, 9.0), (3, 10.0)])
def test_the_median_decides_and_of_two_the_mean(count: int, radius: float) -> None:
    distances = dict(zip(Contrast, (ball(8), ball(10), ball(11)), strict=False))
    chosen = dict(list(distances.items())[:count])
    assert np.array_equal(vote(chosen, 0.0), ball(radius) < 0)


def test_the_border_is_added() -> None:
    assert np.array_equal(vote({T1W: ball(8)}, 1.5), ball(9.5) < 0)


def test_what_was_not_measured_has_no_vote() -> None:
    cut = ball(10)
    cut[..., 15:] = OUTSIDE_MM
    assert np.array_equal(vote({T1W: ball(10), T2W: cut}, 0.0), ball(10) < 0)
    assert vote({T2W: cut}, 0.0)[..., 15:].sum() == 0


def test_agreement_is_with_the_others_where_both_were_measured() -> None:
    cut = ball(10)
    cut[..., 15:] = OUTSIDE_MM
    scores = agreement({T1W: ball(10), T2W: cut, FLAIR: ball(10, centre=(20, 15, 15))}, 0.0)
    assert agreement({T1W: ball(10)}, 0.0) == {}
    assert scores[FLAIR] == pytest.approx(dice_of_balls(10, 5), abs=0.02)
    assert scores[T2W] > 0.8 > scores[FLAIR]


def dice_of_balls(radius: float, apart: float) -> float:
    """Return the Dice of two equal balls: a lens over a ball."""
    return 1 - 1.5 * (apart / (2 * radius)) + 0.5 * (apart / (2 * radius)) ** 3


@pytest.mark.parametrize("is_found", [True, False])
def test_a_contrast_in_which_no_brain_was_found_does_not_agree(tmp_path: Path, is_found: bool) -> None:
    files = {name: tmp_path / f"{name}.nii.gz" for name in ("mask", "brain_T1post", "brain_T2w")}
    write_image(files["mask"], (ball(9) < 0).astype(np.float32), np.eye(4))
    write_image(files["brain_T1post"], ball(10), np.eye(4))
    if is_found:
        write_image(files["brain_T2w"], ball(10), np.eye(4))
    space = OutputSpace(paths.SPACE, "", "", lambda what: files[str(what)])
    plan = SessionPlan("sub-01", {T1POST: tmp_path, T2W: tmp_path}, T1POST)
    found = read_masks(plan, PreprocessSettings(brain_border_mm=0), Scratch(tmp_path, T1POST), [space])
    assert found.agreement == ({T1POST: 1.0, T2W: 1.0} if is_found else {T2W: 0.0})
    assert found.voters == (T1POST,) and np.array_equal(found.by_space[paths.SPACE], ball(10) < 0)
