from pathlib import Path

import pytest

from gliofill.learning.tuning.selection import Training, best_trials, rank_finalists

pytestmark = pytest.mark.usefixtures("small_crop")


def training_of(trial: int, ssim: float | None, state: str = "complete", repeat: int = 0) -> Training:
    return Training(trial, repeat, repeat, state, {}, ssim, None, None)


def test_finalists_are_ranked_by_their_mean_and_failures_come_last(tmp_path: Path) -> None:
    search = [training_of(0, 0.7), training_of(1, 0.9, "pruned"), training_of(2, 0.8), training_of(3, 0.85)]
    finalists = best_trials(search, 3, folder=tmp_path)
    assert [one.trial for one in finalists] == [3, 2, 0]
    repeats = [training_of(3, None, "failed", 1), training_of(2, 0.6, repeat=1), training_of(0, 0.72, repeat=1)]
    ranked = rank_finalists(finalists, repeats)
    assert [str(one) for one in ranked] == [
        "trial 0: 0.7100 +- 0.0141 (2 of 2 seeds)",
        "trial 2: 0.7000 +- 0.1414 (2 of 2 seeds)",
        "trial 3: 0.8500 (1 of 2 seeds)",
    ]
