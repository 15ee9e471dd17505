from pathlib import Path

import numpy as np
import pytest
import torch

from gliofill.config.recipe import Recipe
from gliofill.contrasts import Task
from gliofill.learning.models.folder import TrainingData, load_model, save_model
from gliofill.learning.models.score import Score
from gliofill.learning.networks.generator import Generator
from gliofill.learning.training.validation import evaluate_volumes
from gliofill.learning.volumes.cases import Case, load_case


@pytest.fixture
def scores(cases: list[Case], recipe: Recipe, task: Task, tmp_path: Path) -> dict[tuple[str, str], Score]:
    volumes = [load_case(case, crop_minimum=(32, 48)) for case in cases]
    torch.manual_seed(0)
    save_model(tmp_path, [Generator(4, 1)], task=task, recipe=recipe, training=TrainingData.of(volumes))
    model = load_model(tmp_path)
    table, _ = evaluate_volumes(model, volumes, device=torch.device("cpu"))
    return {(score.session, score.method): score for score in table}


def test_floors_come_out_as_by_hand(scores: dict[tuple[str, str], Score], cases: list[Case]) -> None:
    for case in cases:
        volume = load_case(case, crop_minimum=(32, 48))
        target = volume.target[volume.brain].astype(float)
        zeros = scores[case.folder, "all zeros"]
        assert zeros.mae == pytest.approx(target.mean(), abs=1e-6)
        assert zeros.ssim < 0.1
        # the generated target is the reversed source: a copy is wrong everywhere, a line is right
        assert scores[case.folder, "copy of the input"].mae == pytest.approx(np.abs(1 - 2 * target).mean(), abs=2e-3)
        assert scores[case.folder, "copy of the input"].ssim < 0.2
        assert scores[case.folder, "linear mapping"].ssim > 0.98
        assert scores[case.folder, "linear mapping"].mae < 0.01


def test_an_untrained_model_does_not_beat_the_line(scores: dict[tuple[str, str], Score]) -> None:
    for session in ("sub-01/ses-pre", "sub-02"):
        assert scores[session, "model"].ssim < scores[session, "linear mapping"].ssim
        assert scores[session, "model"].mae > 0.05


def test_lesion_scores_exist_only_where_there_is_a_lesion(scores: dict[tuple[str, str], Score]) -> None:
    assert scores["sub-02", "model"].lesion_ssim is None and scores["sub-02", "model"].lesion_mae is None
    linear = scores["sub-01/ses-pre", "linear mapping"]
    assert linear.lesion_mae is not None
    assert linear.lesion_mae < 0.02
