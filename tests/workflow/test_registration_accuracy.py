"""Rigid registration against known motions in millimetres; real images where they are at hand."""

from pathlib import Path

import ants
import numpy as np
import pytest

from gliofill.contrasts import Contrast
from gliofill.errors import GliofillError
from gliofill.metrics.overlap import dice, mutual_information
from gliofill.preprocess.bias import correct_bias
from gliofill.preprocess.brain import built_in_template, carry_mask
from gliofill.preprocess.registration import Attempt, register
from gliofill.preprocess.registration_scores import Scores
from gliofill.preprocess.resampling import resample
from gliofill.preprocess.rigid import check_rigid, read_matrix, write_matrix


def rigid(degrees: float, shift: tuple[float, float, float]) -> np.ndarray:
    angle = np.deg2rad(degrees)
    matrix = np.eye(4)
    matrix[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    matrix[:3, 3] = shift
    return matrix


def test_matrix_survives_the_file(tmp_path: Path) -> None:
    matrix = rigid(12.0, (3.0, -40.0, 25.5))
    write_matrix(tmp_path / "xfm.txt", matrix)
    np.testing.assert_allclose(read_matrix(tmp_path / "xfm.txt"), matrix, atol=1e-4)


def test_scaling_transform_is_refused() -> None:
    with pytest.raises(GliofillError, match="not rigid"):
        check_rigid(np.diag([1.1, 1.0, 1.0, 1.0]), "test")


def test_resample_moves_a_point_where_the_matrix_says() -> None:
    image = ants.from_numpy(np.zeros((40, 40, 40), dtype=np.float32))
    data = image.numpy()
    data[10, 20, 30] = 1  # at LPS (10, 20, 30) mm, RAS (-10, -20, 30)
    grid = ants.from_numpy(np.zeros((40, 40, 40), dtype=np.float32))
    matrix = np.eye(4)
    matrix[:3, 3] = (-4, 0, 0)  # a grid point at RAS x is taken from RAS x - 4
    moved = resample(image.new_image_like(data), grid, matrix, interpolation="nearest").numpy()
    assert np.argwhere(moved > 0.5).tolist() == [[6, 20, 30]]


def test_mutual_information_of_an_image_with_itself_is_its_entropy() -> None:
    image = np.repeat(np.arange(4.0), 16).reshape(4, 4, 4)
    assert mutual_information(image, image, np.ones((4, 4, 4), dtype=bool)) == pytest.approx(np.log(4))


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


def test_bias_field_is_removed_and_the_scale_kept() -> None:
    truth, brain = built_in_template(Contrast.T1W)
    head = ants.get_mask(truth)
    field = np.exp(np.linspace(-0.4, 0.4, truth.shape[0], dtype=np.float32))[:, None, None]
    biased = truth * 1000 * truth.new_image_like(np.broadcast_to(field, truth.shape).copy())
    corrected = correct_bias(biased, head).numpy()
    inside = (brain.numpy() > 0) & (truth.numpy() > 0.3)
    ratio = corrected[inside] / (1000 * truth.numpy()[inside])
    assert ratio.std() / ratio.mean() <= 0.5 * (biased.numpy()[inside] / (1000 * truth.numpy()[inside])).std()
    assert ratio.mean() == pytest.approx(1, abs=0.2)


def test_built_in_head_masks_a_real_glioma_session(real_data: Path) -> None:
    anat, masks = (real_data / "raw" / folder / "sub-FG6692" / "anat" for folder in (".", "derivatives/brainmasks"))
    names = {"T1post": "ce-gadolinium_{}T1w", "T1w": "{}T1w", "T2w": "{}T2w", "FLAIR": "{}FLAIR"}
    images, references = {}, {}
    for contrast, name in names.items():
        raw = ants.image_read(str(anat / f"sub-FG6692_{name.format('')}.nii.gz"))
        images[contrast] = correct_bias(raw, ants.get_mask(raw))
        mask = ants.image_read(str(masks / f"sub-FG6692_{name.format('desc-')}brain_mask.nii.gz"))
        references[contrast] = mask.numpy() > 0
    brain = carry_mask(images["T1post"], built_in_template(Contrast.T1POST))
    scores = {"T1post": dice(brain.numpy() > 0, references["T1post"])}
    for contrast in ("T1w", "T2w", "FLAIR"):
        matrix = register(images["T1post"], brain, images[contrast]).matrix
        carried = resample(brain, images[contrast], np.linalg.inv(matrix)).numpy() > 0.5
        scores[contrast] = dice(carried, references[contrast])
    assert np.mean(list(scores.values())) >= 0.88, scores
