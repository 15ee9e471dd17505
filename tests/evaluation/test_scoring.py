import dataclasses
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gliofill.evaluation import scoring
from gliofill.evaluation.reliability import measure_reliability
from gliofill.evaluation.scoring import Predicted, Score, score_session
from gliofill.files.nifti import write_image
from gliofill.learning.volumes.cases import Volume
from gliofill.metrics.similarity import brain_ssim
from gliofill.template import template_affine, white_matter_map

MakeVolume = Callable[..., Volume]


@pytest.fixture(autouse=True)
def _brain_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the brain mask that the volumes name where they look for it, with voxels of 2 x 2 x 5 mm."""
    monkeypatch.chdir(tmp_path)
    write_image(Path("brain.nii.gz"), np.ones((16, 20, 6)), np.diag([2, -2, 5, 1]), dtype="uint8")


def score(volume: Volume, **predictions: Predicted) -> dict[str, Score]:
    scores = score_session(volume, predictions, task="T2w-to-FLAIR", fold=2)
    assert [own.method for own in scores] == list(predictions)
    return {own.method: own for own in scores}


def test_numbers_of_a_shifted_prediction_come_out_as_by_hand(make_volume: MakeVolume) -> None:
    volume = make_volume(folder="sub-07/ses-pre")
    shifted = volume.target.astype(float) + np.where(volume.lesion, 0.3, 0.1)
    own = score(volume, shifted=Predicted(shifted))["shifted"]
    assert (own.participant_id, own.session, own.task, own.fold) == ("sub-07", "sub-07/ses-pre", "T2w-to-FLAIR", 2)
    assert volume.lesion.sum() == 44
    assert own.lesion_ml == pytest.approx(44 * 0.02)
    share = 44 / volume.brain.sum()
    assert own.mae == pytest.approx(0.1 * (1 - share) + 0.3 * share, abs=1e-6)
    assert own.mae_lesion == pytest.approx(0.3, abs=1e-6)
    assert own.lesion_bias == pytest.approx(0.3, abs=1e-6)
    mean_square = 0.01 * (1 - share) + 0.09 * share
    assert own.psnr_db == pytest.approx(-10 * math.log10(mean_square), abs=1e-4)
    energy = np.mean(volume.target[volume.brain].astype(float) ** 2)
    assert own.nmse == pytest.approx(mean_square / energy, rel=1e-5)
    expected = np.where(volume.brain, shifted, 0).astype(np.float32)
    assert own.ssim == pytest.approx(brain_ssim(expected, volume.target, volume.brain), abs=1e-6)
    assert own.ssim_lesion == pytest.approx(brain_ssim(expected, volume.target, volume.lesion), abs=1e-6)
    assert math.isnan(own.coverage) and math.isnan(own.half_width)


def test_what_a_method_predicts_outside_the_brain_does_not_count(make_volume: MakeVolume) -> None:
    volume = make_volume()
    noisy = np.where(volume.brain, volume.target, 0.7)
    own = score(volume, noisy=Predicted(noisy))["noisy"]
    assert (own.mae, own.nmse, own.gmsd, own.lesion_bias) == (0, 0, 0, 0)
    assert own.ssim == pytest.approx(1) and own.interslice == 1 and own.interslice_error == 0


def test_zeros_are_praised_by_the_masked_ssim_alone(make_volume: MakeVolume) -> None:
    volume = make_volume()
    own = score(volume, zeros=Predicted(np.zeros(volume.target.shape)))["zeros"]
    assert own.ssim_lesion < 0.1 < own.ssim_lesion_masked
    assert own.nmse == 1 and own.interslice == 0


def test_a_copy_keeps_all_enhancement_and_another_task_has_none_to_keep(make_volume: MakeVolume) -> None:
    volume = make_volume()
    volume.source[volume.lesion] = np.minimum(volume.target[volume.lesion] + 0.5, 1)
    predictions = {"copy": Predicted(volume.source), "right": Predicted(volume.target)}
    left = [
        own.enhancement_left
        for task in ("T1post-to-T1w", "T2w-to-FLAIR")
        for own in score_session(volume, predictions, task=task, fold=1)
    ]
    assert left[:2] == pytest.approx([1, 0]) and np.isnan(left[2:]).all()


def test_without_lesion_its_columns_are_empty(make_volume: MakeVolume) -> None:
    volume = make_volume(lesion=False)
    own = score(volume, copy=Predicted(volume.source))["copy"]
    assert own.lesion_ml == 0
    for name in ("ssim_lesion", "ssim_lesion_masked", "mae_lesion", "contrast_error", "lesion_bias"):
        assert math.isnan(getattr(own, name))
    assert own.mae > 0.1


def test_a_lesion_outside_the_brain_does_not_count(make_volume: MakeVolume) -> None:
    volume = make_volume()
    volume.lesion[:, 0] = True
    assert score(volume, copy=Predicted(volume.source))["copy"].lesion_ml == pytest.approx(44 * 0.02)


def test_contrast_needs_the_grid_of_the_template(make_volume: MakeVolume, monkeypatch: pytest.MonkeyPatch) -> None:
    volume = make_volume()
    volume.target[volume.brain] = 0.4
    volume.target[volume.lesion] = 0.8
    prediction = np.where(volume.lesion, 0.5, 0.4)
    assert math.isnan(score(volume, flat=Predicted(prediction))["flat"].contrast_error)
    white = np.zeros((16, 20, 6), dtype=bool)
    white[:, 2:8] = True  # reaches into lesion and background, which must be left out
    monkeypatch.setattr(scoring, "white_matter_map", lambda: white.astype(np.float32))
    monkeypatch.setattr(scoring, "template_affine", lambda: np.diag([2, -2, 5, 1]).astype(float))
    own = score(volume, flat=Predicted(prediction), zeros=Predicted(0 * prediction))
    assert own["flat"].contrast_error == pytest.approx(1 - 0.25, abs=1e-2)
    assert own["zeros"].contrast_error == pytest.approx(1, abs=1e-2)


def test_the_template_has_white_matter_on_the_grid_of_the_derivatives() -> None:
    white = white_matter_map()
    assert white.shape == (197, 233, 189)
    assert 200_000 < (white > scoring.WHITE_MATTER).sum() < 500_000
    assert template_affine()[:3, 3].tolist() == [-98, -134, -72]


def test_coverage_counts_voxels_within_the_half_width(make_volume: MakeVolume) -> None:
    volume = make_volume()
    prediction = volume.target.astype(float) + np.where(volume.lesion, 0.2, 0.05)
    half_width = np.where(volume.brain, 0.1, 9)
    own = score(volume, model=Predicted(prediction, half_width))["model"]
    assert own.half_width == pytest.approx(0.1)
    assert own.coverage == pytest.approx(1 - 44 / volume.brain.sum())


def test_normal_errors_reach_every_level(make_volume: MakeVolume) -> None:
    volume = make_volume()
    error = 0.1 * np.random.default_rng(1).standard_normal(volume.target.shape)
    predicted = Predicted(volume.target + error, np.full(volume.target.shape, 0.1 * 1.6449))
    found = measure_reliability(volume, predicted, task="T2w-to-FLAIR", fold=1, method="lesion", stated=0.9)
    assert [each.nominal for each in found if each.is_stated] == [0.9]
    assert len(found) == 10
    for each in found:
        assert each.achieved == pytest.approx(each.nominal, abs=0.06)


def test_a_stated_level_of_its_own_is_measured_too(make_volume: MakeVolume) -> None:
    volume = make_volume()
    predicted = Predicted(volume.target + 0.1, np.full(volume.target.shape, 0.2))
    found = measure_reliability(volume, predicted, task="T2w-to-FLAIR", fold=1, method="lesion", stated=0.87)
    assert [(each.nominal, each.achieved) for each in found if each.is_stated] == [(0.87, 1)]
    # half as wide as at 0.87 is still wide enough, at 0.1 it is not
    assert {each.nominal: each.achieved for each in found}[0.1] == 0


def test_methods_can_be_scored_at_the_same_time(make_volume: MakeVolume) -> None:
    volume = make_volume()
    predictions = {name: Predicted(volume.target * gain) for name, gain in (("a", 0.5), ("b", 0.9), ("c", 1.1))}
    one, three = (
        score_session(volume, predictions, task="T2w-to-FLAIR", fold=1, threads=threads) for threads in (1, 3)
    )
    np.testing.assert_equal([dataclasses.astuple(s) for s in one], [dataclasses.astuple(s) for s in three])
