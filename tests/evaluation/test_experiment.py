from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from gliofill.config.recipe import Recipe
from gliofill.contrasts import TASKS
from gliofill.derivatives import paths
from gliofill.errors import GliofillError
from gliofill.evaluation.baselines import BASELINES
from gliofill.evaluation.experiment import Experiment, evaluate
from gliofill.evaluation.panels import Panel, write_panels
from gliofill.evaluation.scoring import Predicted
from gliofill.evaluation.tables import read_table
from gliofill.files.nifti import write_image
from gliofill.learning.models.calibration import Calibration
from gliofill.learning.models.folder import TrainingData, add_scores, save_model
from gliofill.learning.models.score import Score
from gliofill.learning.networks.generator import Generator
from gliofill.learning.runtime import Runtime
from gliofill.learning.volumes.cases import Volume
from gliofill.learning.volumes.framing import Scale
from gliofill.metrics.similarity import LinearMapping

TASK = TASKS[0]
SESSIONS = ("sub-01", "sub-02", "sub-03/ses-1", "sub-03/ses-2", "sub-04")
ROLES = (("01", "train"), ("02", "validation"), ("03", "test"), ("04", "test"))


def write_session(root: Path, folder: str, seed: int) -> None:
    generator = np.random.default_rng(seed)
    brain = np.zeros((20, 24, 6), dtype=bool)
    brain[2:-2, 2:-2] = True
    source = generator.uniform(100, 200, brain.shape)
    lesion = np.zeros(brain.shape)
    lesion[5:9, 5:9, 2:4] = 2
    for contrast, data in ((TASK.source, source), (TASK.target, 1000 - 3 * source)):
        write_image(root / paths.preprocessed(folder, contrast), data * brain, np.eye(4))
    write_image(root / paths.brain_mask(folder), brain, np.eye(4), dtype="uint8")
    write_image(root / paths.lesion(folder), lesion, np.eye(4), dtype="uint8")


def write_model(folder: Path, trained_on: Sequence[str], *, seed: int, crop: tuple[int, int] = (32, 32)) -> None:
    torch.manual_seed(seed)
    recipe = Recipe(name="tiny", learning_rate=1e-3, batch_size=1, batch_samples=1, l1_weight=1.0, lesion_weight=1.0)
    sessions = tuple(f"sub-{label}" for label in trained_on)
    training = TrainingData(Scale(0, 1), crop, LinearMapping(-1, 1), tuple(trained_on), sessions)
    save_model(folder, [Generator(4, 1, upsampling="resize")], task=TASK, recipe=recipe, training=training)


def calibrate(folder: Path, session: str) -> None:
    score = Score(session, "model", ssim=0.5, mae=0.1, lesion_ssim=None, lesion_mae=None)
    add_scores(folder, [score], Calibration(0.9, factor=100.0, floor=0.1, cases=1))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Write four participants, one of them with two sessions, a split, and two models."""
    torch.set_num_threads(1)
    for seed, folder in enumerate(SESSIONS):
        write_session(tmp_path / "derivatives", folder, seed)
    rows = [f"sub-{label}\t1\t{name}\n" for label, name in ROLES]
    (tmp_path / "split.tsv").write_text("participant_id\tfold\tset\n" + "".join(rows))
    (tmp_path / "participants.tsv").write_text("participant_id\tgrade\nsub-03\thigh\nsub-04\tlow\n")
    write_model(tmp_path / "models" / "fold-1" / "lesion", ["01"], seed=0)
    write_model(tmp_path / "models" / "fold-1" / "nolesion", ["01"], seed=1, crop=(48, 32))
    calibrate(tmp_path / "models" / "fold-1" / "lesion", "sub-02")
    return tmp_path


def run(root: Path, **changes: object) -> Path:
    given: dict[str, Any] = {
        "derivatives": [root / "derivatives"],
        "task": TASK,
        "split": root / "split.tsv",
        "models": root / "models",
        **changes,
    }
    runtime = {"device": "cpu", "log": lambda text: None}
    runtime |= {name: given.pop(name) for name in ("threads", "log", "cache") if name in given}
    failures = evaluate(Experiment(**given), out := root / "evaluation", Runtime(**runtime))
    table = read_table(out / "failures.tsv")
    assert dict(zip(table["session"], table["reason"], strict=True)) == failures
    return out


def test_every_method_is_scored_on_every_tested_session(root: Path) -> None:
    lines: list[str] = []
    out = run(root, participants=root / "participants.tsv", strata=["grade"], threads=2, log=lines.append)
    metrics = read_table(out / "metrics.tsv")
    methods = [*BASELINES, "nolesion", "lesion"]
    expected = [(session, method) for session in ("sub-03/ses-1", "sub-03/ses-2", "sub-04") for method in methods]
    assert list(zip(metrics["session"], metrics["method"], strict=True)) == expected
    assert set(metrics["lesion_ml"]) == {0.032}
    by_method = metrics.groupby("method")["mae"].mean()
    assert by_method["linear"] < 0.01 < by_method["lesion"]
    assert metrics[metrics["method"] != "lesion"]["coverage"].isna().all()
    assert (metrics[metrics["method"] == "lesion"]["coverage"] == 1).all()
    summary = read_table(out / "summary.tsv")
    assert set(summary["stratum"]) == {"all", "grade=high", "grade=low"}
    assert set(summary[summary["stratum"] == "all"]["n"]) == {2}
    comparisons = read_table(out / "comparisons.tsv")
    assert tuple(comparisons.iloc[0][["first", "second", "n"]]) == ("lesion", "nolesion", 2)
    assert comparisons["p"].isna().all() and comparisons["note"].notna().all()
    calibration = read_table(out / "calibration.tsv")
    assert set(calibration["method"]) == {"lesion"}
    assert calibration["session"].notna().sum() == 3
    assert "T2w-to-FLAIR fold 1: lesion, nolesion on 3 sessions" in lines


@pytest.mark.slow
def test_the_same_evaluation_gives_the_same_bytes(root: Path) -> None:
    first = {path.name: path.read_bytes() for path in run(root).iterdir()}
    assert {path.name: path.read_bytes() for path in run(root).iterdir()} == first
    names = {"metrics", "summary", "comparisons", "calibration", "failures"}
    assert set(first) == {"panels.npz", *(f"{name}.{kind}" for name in names for kind in ("tsv", "json"))}


def test_scores_do_not_depend_on_the_crop_of_the_other_model(root: Path) -> None:
    together = read_table(run(root) / "metrics.tsv")
    for path in (root / "models" / "fold-1" / "lesion").iterdir():
        path.unlink()
    alone = read_table(run(root) / "metrics.tsv")
    columns = ["session", "ssim", "ssim_lesion", "mae", "gmsd", "interslice"]
    pair = [table[table["method"] == "nolesion"][columns].reset_index(drop=True) for table in (together, alone)]
    pd.testing.assert_frame_equal(*pair, rtol=1e-5)


@pytest.mark.parametrize(
    ("label", "change", "message"),
    [
        ("best", lambda folder: write_model(folder, ["01", "04"], seed=0), r"best: was trained on 04, whom the split"),
        ("lesion", lambda folder: calibrate(folder, "sub-03/ses-1"), r"lesion: was calibrated on 03, whom the split"),
        ("zeros", lambda folder: write_model(folder, ["01"], seed=0), r"zeros: a model cannot be called zeros"),
    ],
)
def test_a_model_that_may_not_be_tested_is_refused(
    root: Path, label: str, change: Callable[[Path], None], message: str
) -> None:
    change(root / "models" / "fold-1" / label)
    with pytest.raises(GliofillError, match=message):
        run(root)
    assert not (root / "evaluation").exists()


def test_a_session_that_cannot_be_read_does_not_stop_the_others(root: Path) -> None:
    bad = root / "derivatives" / paths.preprocessed("sub-03/ses-2", TASK.target)
    bad.write_bytes(b"damaged")
    lines: list[str] = []
    out = run(root, log=lines.append)
    failures = read_table(out / "failures.tsv")
    assert failures["session"].tolist() == ["sub-03/ses-2"]
    assert "cannot be read as NIfTI" in failures["reason"][0]
    assert set(read_table(out / "metrics.tsv")["session"]) == {"sub-03/ses-1", "sub-04"}
    assert any("sub-03/ses-2 failed" in line for line in lines)


def test_without_any_readable_session_nothing_is_written(root: Path) -> None:
    for folder in SESSIONS[2:]:
        (root / "derivatives" / paths.preprocessed(folder, TASK.target)).write_bytes(b"damaged")
    with pytest.raises(GliofillError, match="no session could be evaluated"):
        run(root)
    assert not (root / "evaluation").exists()


def test_weights_that_predict_nonsense_fail_by_name(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Generator, "forward", lambda self, source: source * torch.nan)
    with pytest.raises(GliofillError, match=r"T2w-to-FLAIR-tiny-.*: predicted values that are not finite") as caught:
        run(root)
    assert "\n" not in str(caught.value)


def test_wrong_input_is_told_before_anything_is_computed(root: Path) -> None:
    with pytest.raises(GliofillError, match=r"empty: there is no model fold-1/LABEL/model\.json"):
        run(root, models=root / "empty")
    with pytest.raises(GliofillError, match=r"columns grade are asked for, but no participants\.tsv is named"):
        run(root, strata=["grade"])
    with pytest.raises(GliofillError, match=r"participants\.tsv: has no column subtype"):
        run(root, participants=root / "participants.tsv", strata=["subtype"])
    (root / "models" / "fold-1").rename(root / "models" / "fold-2")
    with pytest.raises(GliofillError, match=r"split\.tsv: has no fold 2"):
        run(root)


def test_a_participant_without_the_contrasts_is_named(root: Path) -> None:
    (root / "derivatives" / paths.preprocessed("sub-04", TASK.target)).unlink()
    lines: list[str] = []
    run(root, log=lines.append)
    assert "T2w-to-FLAIR fold 1: no complete session, not tested: 04" in lines


def panels_of(make_volume: Callable[..., Volume], scores: dict[str, float]) -> dict[str, Panel]:
    panels = {}
    for seed, (session, ssim) in enumerate(scores.items()):
        volume = make_volume(seed, folder=session)
        panels[session] = Panel.of(volume, Predicted(volume.target, np.full(volume.target.shape, 0.25)), ssim)
    return panels


def test_panels_are_best_median_and_worst(make_volume: Callable[..., Volume], tmp_path: Path) -> None:
    scores = {"sub-1": 0.5, "sub-2/ses-a": 0.9, "sub-3": 0.7, "sub-4": 0.1, "sub-5": 0.8}
    write_panels(tmp_path / "panels.npz", panels_of(make_volume, scores), "lesion")
    with np.load(tmp_path / "panels.npz", allow_pickle=False) as file:
        arrays = dict(file)
    assert arrays["names"].tolist() == ["sub-2_ses-a", "sub-3", "sub-4"]
    assert arrays["roles"].tolist() == ["best", "median", "worst"]
    assert arrays["ssim"].tolist() == [0.9, 0.7, 0.1]
    assert str(arrays["method"]) == "lesion"
    volume = make_volume(1)
    # the slice with the largest section of the lesion
    assert np.array_equal(arrays["sub-2_ses-a__source"], volume.source[3])
    assert np.array_equal(arrays["sub-2_ses-a__lesion"], volume.lesion[3])
    half_width = arrays["sub-2_ses-a__half_width"]
    assert half_width.dtype == np.float16 and np.array_equal(half_width, 0.25 * volume.brain[3])


@pytest.mark.parametrize(("count", "roles"), [(1, ["best"]), (2, ["best", "worst"])])
def test_few_sessions_make_few_panels(
    make_volume: Callable[..., Volume], tmp_path: Path, count: int, roles: list[str]
) -> None:
    scores = dict(list({"sub-1": 0.5, "sub-2": 0.9}.items())[:count])
    write_panels(tmp_path / "panels.npz", panels_of(make_volume, scores), "lesion")
    with np.load(tmp_path / "panels.npz", allow_pickle=False) as file:
        assert file["roles"].tolist() == roles


def test_without_calibration_there_is_no_half_width(make_volume: Callable[..., Volume], tmp_path: Path) -> None:
    volume = make_volume(lesion=False)
    panel = Panel.of(volume, Predicted(volume.target), 0.5)
    assert not panel.lesion.any() and panel.brain.any()
    write_panels(tmp_path / "panels.npz", {"sub-1": panel}, "best")
    with np.load(tmp_path / "panels.npz", allow_pickle=False) as file:
        assert "sub-1__half_width" not in file and "sub-1__prediction" in file
