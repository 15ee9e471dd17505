"""Known motions in millimetres; where a registration starts, when it starts again, how a wrong place is detected."""

from itertools import islice

import ants
import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from tests.support.rigid import rigid

from gliofill.contrasts import Contrast
from gliofill.preprocess import registration
from gliofill.preprocess.brain import built_in_template
from gliofill.preprocess.registration import Attempt, register
from gliofill.preprocess.registration_scores import Scorer, Scores, turn
from gliofill.preprocess.resampling import resample

pytestmark = pytest.mark.slow

CENTRE = np.array([0.0, -20.0, 10.0])
#: turned by a wrong header, and tilted as a head may lie
TURNED = turn(CENTRE, Rotation.from_euler("xyz", (90, 5, 0), degrees=True))


@pytest.fixture(scope="module")
def head() -> tuple[ants.ANTsImage, ants.ANTsImage, ants.ANTsImage]:
    """Return a head as T1post, its brain mask, and the same head as FLAIR, on voxels of 5 mm."""
    images = (*built_in_template(Contrast.T1POST), built_in_template(Contrast.FLAIR)[0])
    fixed, brain, moving = (ants.resample_image(image, (5, 5, 5), False, 0) for image in images)
    return fixed, ants.threshold_image(brain, 0.5, np.inf), moving


def shifted(x: float) -> np.ndarray:
    matrix = np.eye(4)
    matrix[0, 3] = x
    return matrix


def test_the_peak_is_high_in_the_right_place_and_below_one_elsewhere(head: tuple) -> None:
    scorer = Scorer(*head)
    assert scorer(np.eye(4)).peak > registration.CONTRAST_LIMITS.peak
    assert scorer(shifted(12)).peak < 1 and scorer(TURNED).peak < 1.1


def test_the_last_start_finds_a_turned_head(head: tuple) -> None:
    fixed, brain, moving = head
    grid = ants.from_numpy(np.zeros((60, 60, 60), dtype=np.float32), origin=(-150, -130, -140), spacing=(5, 5, 5))
    name, start = next(islice(Scorer(fixed, brain, resample(moving, grid, np.linalg.inv(TURNED))).starts(), 2, None))
    error = Rotation.from_matrix(start[:3, :3].T @ TURNED[:3, :3]).magnitude()
    assert name == "rotation" and np.rad2deg(error) < 15


@pytest.mark.parametrize(
    ("motion", "starts"),
    [(np.eye(4), {"header"}), (TURNED, {"header", "centre of mass", "rotation"})],
    ids=["in place", "turned"],
)
def test_another_start_is_tried_only_when_those_before_led_astray(
    head: tuple, motion: np.ndarray, starts: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fixed, brain, moving = head
    monkeypatch.setattr(registration, "_optimise", lambda *_, start, fine: start)
    grid = ants.from_numpy(np.zeros((60, 60, 60), dtype=np.float32), origin=(-150, -130, -140), spacing=(5, 5, 5))
    result = registration.register(fixed, brain, resample(moving, grid, np.linalg.inv(motion)))
    assert {attempt.start for attempt in result.attempts} == starts
    assert result.attempts[result.best_index] is result.best and result.best is result.attempts[-1]
    assert result.record.best_attempt.after["head_overlap"] > 0.8


def test_known_motion_between_contrasts_is_found() -> None:
    fixed, brain = built_in_template(Contrast.T1POST)
    moving, _ = built_in_template(Contrast.FLAIR)
    motion = rigid(7.0, (6.0, -5.0, 4.0))
    moved = resample(moving, moving, np.linalg.inv(motion))
    result = register(fixed, brain, moved, fine=False)
    points = np.array([[60, 0, 0, 1], [-60, 0, 0, 1], [0, -90, 0, 1], [0, 60, 0, 1], [0, 0, 70, 1.0]])
    error = np.linalg.norm(((result.matrix - motion) @ points.T)[:3], axis=0)
    assert error.mean() <= 0.5
    assert not result.best.problem


@pytest.mark.parametrize(("after", "is_trusted"), [(1.01, True), (0.97, True), (0.9, False)])
def test_a_result_with_less_mutual_information_than_its_start_is_a_problem(after: float, is_trusted: bool) -> None:
    attempt = Attempt("header", Scores(1.0, 0.99, 1.0), Scores(after, 0.99, 1.0), np.eye(4))
    assert (not attempt.problem) == is_trusted


def test_images_that_lie_on_each_other_are_left_there_without_a_flag() -> None:
    fixed, brain = built_in_template(Contrast.T1POST)
    moving, _ = built_in_template(Contrast.T2W)
    result = register(fixed, brain, moving, fine=False)
    points = np.array([[60, 0, 0, 1], [-60, 0, 0, 1], [0, -90, 0, 1], [0, 60, 0, 1], [0, 0, 70, 1.0]])
    assert np.linalg.norm(((result.matrix - np.eye(4)) @ points.T)[:3], axis=0).mean() <= 0.5
    assert not result.best.problem and len(result.attempts) == 1
