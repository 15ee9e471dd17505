"""Brain masks: a right one raises nothing, a wrong one is reported with what is wrong."""

from dataclasses import replace

import numpy as np
import pytest

from gliofill.quality.preprocessed.brain_mask import MaskScores, edge_step, judge_mask, score_mask

USUAL = MaskScores(volume_ml=1400, overlap=0.92, offset_mm=2, symmetry=0.97, edge=4)


def ball(centre: tuple[int, int, int], radius: float, shape: tuple[int, int, int] = (71, 72, 73)) -> np.ndarray:
    where = np.indices(shape)
    return np.sum([(w - c) ** 2 for w, c in zip(where, centre, strict=True)], axis=0) < radius**2


def test_a_usual_mask_raises_nothing() -> None:
    assert judge_mask(USUAL) == (None, "")


@pytest.mark.parametrize(
    ("odd", "failed", "words"),
    [
        ({"volume_ml": 800}, {"volume_ml": 300}, "volume"),
        ({"volume_ml": 2200}, {"volume_ml": 3000}, "volume"),
        ({"overlap": 0.6}, {"overlap": 0.3}, "overlaps the template"),
        ({"offset_mm": 12}, {"offset_mm": 40}, "mm from"),
        ({"symmetry": 0.8}, {"symmetry": 0.5}, "mirror image"),
        ({"edge": 1.6}, {"edge": 0.4}, "edge"),
    ],
)
def test_an_odd_mask_is_flagged_and_an_impossible_one_fails(odd: dict, failed: dict, words: str) -> None:
    verdict, warning = judge_mask(replace(USUAL, **odd))
    assert verdict is None and words in warning
    verdict, warning = judge_mask(replace(USUAL, **failed))
    assert verdict is not None and verdict.code == "mask-failed" and words in verdict.sentence and not warning
    assert verdict.value == next(iter(failed.values())) and verdict.threshold is not None


def test_scores_of_a_mask_that_is_right() -> None:
    brain = ball((35, 36, 36), 28)
    scores = score_mask(brain, brain, np.where(brain, 1.0, 0.1))
    assert scores.overlap == scores.symmetry == 1 and scores.offset_mm == 0 and scores.edge > 5
    assert scores.volume_ml == pytest.approx(4 / 3 * np.pi * 28**3 / 1000, rel=0.02)


def test_a_shifted_mask_loses_overlap_symmetry_and_edge() -> None:
    brain, shifted = ball((35, 36, 36), 28), ball((45, 36, 36), 24)
    image = np.where(brain, 1.0, 0.1)
    scores, right = score_mask(shifted, brain, image), score_mask(brain, brain, image)
    assert scores.offset_mm == pytest.approx(10, abs=0.1)
    assert scores.overlap < right.overlap and scores.symmetry < right.symmetry
    assert edge_step(ball((35, 36, 36), 12), image) < right.edge
