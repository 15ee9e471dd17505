from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from gliofill.contrasts import Contrast, Task
from gliofill.errors import GliofillError
from gliofill.evaluation.figures.all import (
    draw_all,
    draw_calibration,
    draw_lesion_volume,
    draw_panels,
    draw_scores,
    draw_trials,
)
from gliofill.evaluation.panels import Panel
from gliofill.evaluation.panels import write_panels as save_panels

pytestmark = pytest.mark.slow

TASK = Task(Contrast.T2W, Contrast.FLAIR)
METHODS = {"input": 0.4, "zeros": 0.1, "linear": 0.5, "histogram": 0.5, "l1": 0.7, "nolesion": 0.65, "lesion": 0.6}
SETTINGS = {
    "batch_size": 2,
    "batch_samples": 2,
    "learning_rate": 1e-4,
    "l1_weight": 100.0,
    "lesion_weight": 120.0,
}


def save(path: Path, rows: list[dict]) -> Path:
    pd.DataFrame(rows).to_csv(path, sep="\t", index=False, na_rep="n/a")
    return path


def metrics_rows(patients: int, *, lesions: bool = True, sessions: int = 1) -> list[dict]:
    """Return rows whose values rise by 0.01 per patient, and by 0.02 per session of the same patient."""
    return [
        {
            "participant_id": f"sub-{patient}",
            "patient": f"sub-{patient}",
            "session": f"ses-{session}",
            "task": TASK.name,
            "method": method,
            "lesion_ml": 10.0 * (patient + 1) if lesions else None,
            "ssim": score + 0.01 * patient + 0.02 * session,
            "ssim_lesion": score - 0.1 if lesions else None,
            "ssim_lesion_masked": 0.98 + score / 100 if lesions else None,
            "mae_lesion": 0.3 - 0.3 * score + 0.01 * patient if lesions else None,
        }
        for patient in range(patients)
        for session in range(sessions)
        for method, score in METHODS.items()
    ]


def trial(number: int, ssim: float | None, *, state: str = "complete", **changed: object) -> dict:
    return {
        **{"trial": number, "state": state, **SETTINGS, "ssim": ssim, "ssim_lesion": 0.5, "seconds": 1.0},
        **{"repeat": 0, "seed": 0, **changed},
    }


def write_trials(path: Path) -> Path:
    rows = [
        trial(0, 0.7),
        trial(1, 0.8, learning_rate=2e-4),
        trial(2, 0.6, state="pruned", learning_rate=3e-4),
        trial(3, None, state="pruned", learning_rate=4e-4),
        trial(4, None, state="failed", learning_rate=5e-4),
    ]
    return save(path, rows)


def write_calibration(path: Path) -> Path:
    rows = [
        {"task": TASK.name, "method": "lesion", "fold": fold, "nominal": nominal, "achieved": achieved, "session": None}
        for fold, nominal, achieved in ((1, 0.5, 0.4), (2, 0.5, 0.6), (1, 0.9, 0.8), (2, 0.9, 0.9))
    ]
    case = {"task": TASK.name, "method": "lesion", "fold": 1, "nominal": 0.9, "achieved": 0.7, "session": "sub-1"}
    return save(path, [*rows, case])


def write_panels(path: Path, names: tuple[str, ...], *, calibrated: bool = True, lesion: bool = True) -> Path:
    """Write slices of shape 20x24 whose brain is the middle 10x12, in which the prediction is 0.25 too bright."""
    brain = np.zeros((20, 24))
    brain[5:15, 6:18] = 1
    arrays = {}
    for name in names:
        key = name.replace("/", "_")
        images = {"source": 0.2 * brain, "target": 0.5 * brain, "prediction": 0.75 * brain, "brain": brain}
        images["lesion"] = brain * lesion * (np.arange(24) < 8)
        if calibrated:
            images["half_width"] = 0.25 * brain
        arrays |= {f"{key}__{kind}": image.astype(np.float16) for kind, image in images.items()}
    np.savez(path, names=np.array(names), ssim=np.linspace(0.9, 0.5, len(names)), method=np.array("lesion"), **arrays)
    return path


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write every file that figures are drawn from: six patients of three sessions each, and one of another task."""
    folder = tmp_path_factory.mktemp("evaluation")
    other = [
        {**row, "task": "T1post-to-T1w", "participant_id": "sub-other", "patient": "sub-other"}
        for row in metrics_rows(1)
    ]
    save(folder / "metrics.tsv", [*metrics_rows(6, sessions=3), *other])
    write_trials(folder / "trials.tsv")
    write_calibration(folder / "calibration.tsv")
    write_panels(folder / "panels.npz", ("sub-1/ses-1", "sub-2", "sub-3"))
    return folder


@pytest.fixture(scope="module")
def drawn(evaluation: Path) -> dict[str, Path]:
    """Draw every figure, by name."""
    pictures = draw_all(evaluation, evaluation / "figures", task=TASK, trials=evaluation / "trials.tsv")
    return {path.stem.removeprefix("T2w-to-FLAIR_"): path for path in pictures}


@pytest.fixture
def panels(tmp_path: Path) -> Path:
    return write_panels(tmp_path / "panels.npz", ("sub-1/ses-1", "sub-2", "sub-3"))


def plotted(png: Path) -> pd.DataFrame:
    return pd.read_csv(png.with_suffix(".tsv"), sep="\t", na_values=["n/a"])


def words_in(png: Path) -> str:
    return png.with_suffix(".svg").read_text(encoding="utf-8")


def test_all_figures_are_drawn_from_what_is_there(drawn: dict[str, Path]) -> None:
    assert list(drawn) == ["trials", "panels", "scores", "lesion-volume", "calibration"]
    files = {path.name for path in drawn["trials"].parent.iterdir()}
    assert files == {f"T2w-to-FLAIR_{name}.{suffix}" for name in drawn for suffix in ("png", "svg", "tsv")}


@pytest.mark.parametrize(
    ("name", "width"),
    [("trials", 1080), ("panels", 1080), ("scores", 1080), ("lesion-volume", 1080), ("calibration", 525)],
)
def test_pictures_fill_one_or_two_columns_and_are_not_blank(name: str, width: int, drawn: dict[str, Path]) -> None:
    with Image.open(drawn[name]) as picture:
        assert picture.width == width
        assert round(picture.info["dpi"][0]) == 150
        colours = picture.convert("RGB").getcolors(maxcolors=2**24)
    assert colours is not None
    assert len(colours) > 20
    assert "T2w to FLAIR: " in words_in(drawn[name])
    assert words_in(drawn[name]).rstrip().endswith("</svg>")


def test_same_numbers_give_the_same_bytes(evaluation: Path, drawn: dict[str, Path], tmp_path: Path) -> None:
    again = {
        "panels": draw_panels(evaluation / "panels.npz", tmp_path, task=TASK),
        "calibration": draw_calibration(evaluation / "calibration.tsv", tmp_path, task=TASK),
    }
    for name, picture in again.items():
        for suffix in (".png", ".svg", ".tsv"):
            assert picture.with_suffix(suffix).read_bytes() == drawn[name].with_suffix(suffix).read_bytes()


def test_trials_that_failed_or_have_no_score_are_left_out(drawn: dict[str, Path]) -> None:
    table = plotted(drawn["trials"])
    assert table["drawn_as"].tolist() == ["complete", "complete", "pruned", "best"]
    assert table["trial"].tolist()[:3] == [0, 1, 2]
    assert table["learning_rate"].iloc[-1] == 2e-4
    assert table["ssim"].iloc[-1] == 0.8
    assert "not shown: 2 trainings" in words_in(drawn["trials"])


def seeds(number: int, *scores: float | None, **changed: object) -> list[dict]:
    """Return a trial and its repeats with other seeds, of which those without score failed."""
    return [
        trial(number, ssim, repeat=repeat, seed=repeat, state="failed" if ssim is None else "complete", **changed)
        for repeat, ssim in enumerate(scores)
    ]


def test_best_settings_have_the_highest_mean_over_their_seeds(tmp_path: Path) -> None:
    rows = [*seeds(0, 0.9, 0.5, 0.7), *seeds(1, 0.8, 0.79, 0.78, l1_weight=90.0), *seeds(2, 0.95, None, 0.95)]
    table = plotted(draw_trials(save(tmp_path / "trials.tsv", [*rows, trial(3, 0.99)]), tmp_path, task=TASK))
    best = table[table["drawn_as"] == "best"]
    assert best["l1_weight"].tolist() == [90.0]
    assert best["ssim"].tolist() == [0.79]
    assert table["drawn_as"].value_counts().to_dict() == {"repeat": 5, "complete": 4, "best": 1}


def test_study_that_tuned_one_setting_is_drawn(tmp_path: Path) -> None:
    rows = [{**trial(number, 0.5 + number / 10, l1_weight=10.0 * number), "batch_size": None} for number in (1, 2)]
    png = draw_trials(save(tmp_path / "trials.tsv", rows), tmp_path, task=TASK)
    assert "not tuned" in png.with_suffix(".svg").read_text()


def test_study_without_a_complete_trial_is_an_error(tmp_path: Path) -> None:
    table = save(tmp_path / "trials.tsv", [trial(0, None, state="failed")])
    with pytest.raises(GliofillError, match=r"trials\.tsv: column state: no trial is complete"):
        draw_trials(table, tmp_path, task=TASK)


def test_scores_table_holds_patients_and_quartiles(drawn: dict[str, Path]) -> None:
    table = plotted(drawn["scores"]).set_index(["measure", "method", "statistic"])
    assert table.loc[("ssim", "input", "median"), "value"] == pytest.approx(0.445)
    assert table.loc[("ssim_lesion_masked", "zeros", "median"), "value"] == pytest.approx(0.981)
    assert list(dict.fromkeys(table.index.get_level_values("method"))) == list(METHODS)


def test_sessions_of_a_patient_count_once(drawn: dict[str, Path]) -> None:
    table = plotted(drawn["scores"]).set_index(["measure", "method", "statistic"])
    patients = table.loc[("ssim", "input", "patient"), "value"]
    assert patients.tolist() == pytest.approx([0.42, 0.43, 0.44, 0.45, 0.46, 0.47])
    assert "n = 6 patients" in words_in(drawn["scores"])


def test_rows_of_the_other_task_are_left_out(drawn: dict[str, Path]) -> None:
    for name in ("scores", "lesion-volume"):
        assert "sub-other" not in drawn[name].with_suffix(".tsv").read_text()


def test_blind_measure_shows_the_score_of_all_zeros(drawn: dict[str, Path]) -> None:
    assert "0.9810" in words_in(drawn["scores"])


def test_one_patient_without_lesion_is_drawn(tmp_path: Path) -> None:
    table = save(tmp_path / "metrics.tsv", metrics_rows(1, lesions=False))
    assert plotted(draw_scores(table, tmp_path, task=TASK))["measure"].unique().tolist() == ["ssim"]
    with pytest.raises(GliofillError, match=r"metrics\.tsv: column lesion_ml: no patient has a lesion"):
        draw_lesion_volume(table, tmp_path, task=TASK)


def test_lesion_volume_shows_the_input_and_the_network_with_mask_loss(drawn: dict[str, Path]) -> None:
    table = plotted(drawn["lesion-volume"]).set_index(["method", "patient"])
    assert set(table.index.get_level_values("method")) == {"input", "lesion"}
    assert len(table) == 12
    assert table.loc[("lesion", "sub-5")].tolist() == pytest.approx([60.0, 0.17, 0.5])


def test_lesion_volume_of_one_patient_is_drawn(tmp_path: Path) -> None:
    assert len(plotted(draw_lesion_volume(save(tmp_path / "m.tsv", metrics_rows(1)), tmp_path, task=TASK))) == 2


def test_calibration_averages_folds_and_keeps_sessions_apart(drawn: dict[str, Path]) -> None:
    table = plotted(drawn["calibration"])
    lines, points = (table[table["drawn_as"] == kind] for kind in ("line", "point"))
    assert lines[["nominal", "achieved"]].to_numpy().ravel().tolist() == pytest.approx([0.5, 0.5, 0.9, 0.85])
    assert points[["session", "achieved"]].to_numpy().tolist() == [["sub-1", 0.7]]


def test_coverage_in_percent_is_an_error(tmp_path: Path) -> None:
    row = {"task": TASK.name, "method": "lesion", "fold": 1, "nominal": 90, "achieved": 0.8, "session": None}
    with pytest.raises(GliofillError, match=r"column nominal: 90\.0 is not a share"):
        draw_calibration(save(tmp_path / "calibration.tsv", [row]), tmp_path, task=TASK)


def test_panels_table_holds_the_means_of_each_slice(drawn: dict[str, Path]) -> None:
    table = plotted(drawn["panels"])
    assert table["rank"].tolist() == ["best", "median", "worst"]
    assert table["session"].tolist() == ["sub-1/ses-1", "sub-2", "sub-3"]
    assert table["ssim"].tolist() == pytest.approx([0.9, 0.7, 0.5])
    assert table["slice_mae"].tolist() == table["slice_half_width"].tolist() == [0.25] * 3
    assert table["slice_coverage"].tolist() == [1.0] * 3
    assert "SYNTHETIC" in words_in(drawn["panels"])


def test_panels_of_an_evaluation_are_understood(tmp_path: Path) -> None:
    image = np.ones((4, 6), dtype=np.float16)
    names = ("sub-1/ses-1", "sub-2/ses-1")
    made = {name: Panel(ssim, *[image] * 6) for name, ssim in zip(names, (0.5, 0.75), strict=True)}
    save_panels(tmp_path / "panels.npz", made, "lesion")
    table = plotted(draw_panels(tmp_path / "panels.npz", tmp_path, task=TASK))
    assert table["session"].tolist() == ["sub-2_ses-1", "sub-1_ses-1"]
    assert table["rank"].tolist() == ["best", "worst"]
    assert table["ssim"].tolist() == [0.75, 0.5]


def test_single_session_without_calibration_and_lesion_says_so(tmp_path: Path) -> None:
    panels = write_panels(tmp_path / "panels.npz", ("sub-1", "sub-1"), calibrated=False, lesion=False)
    png = draw_panels(panels, tmp_path, task=TASK)
    assert "not calibrated" in words_in(png)
    assert "outline" not in words_in(png)
    assert plotted(png)["rank"].tolist() == ["only session"]
    assert plotted(png)[["slice_mae_lesion", "slice_half_width"]].isna().all(axis=None)


def test_panels_show_the_left_of_the_patient_on_the_right(tmp_path: Path) -> None:
    path = write_panels(tmp_path / "panels.npz", ("a",))
    arrays = dict(np.load(path))
    # bright towards the patient's right, that is low first index, and towards the front
    arrays["a__source"][:] = 0
    arrays["a__source"][5:8, 15:18] = 1
    np.savez(path, **arrays)
    with Image.open(draw_panels(path, tmp_path, task=TASK)) as picture:
        pixels = np.asarray(picture.convert("L")).astype(float)
    rows, columns = slice(70, 300), slice(63, 259)  # the first image
    y, x = np.argwhere(pixels[rows, columns] > 250).mean(axis=0)
    assert x > 98
    assert y < 115


def test_missing_array_is_an_error(panels: Path, tmp_path: Path) -> None:
    arrays = dict(np.load(panels))
    del arrays["sub-2__target"]
    np.savez(panels, **arrays)
    with pytest.raises(GliofillError, match=r"panels\.npz: array sub-2__target is missing"):
        draw_panels(panels, tmp_path, task=TASK)


@pytest.mark.parametrize("kept", [0, 10, -400])
def test_damaged_arrays_are_an_error(kept: int, panels: Path, tmp_path: Path) -> None:
    panels.write_bytes(panels.read_bytes()[:kept])
    with pytest.raises(GliofillError, match=r"panels\.npz: cannot be read as arrays"):
        draw_panels(panels, tmp_path, task=TASK)


def test_array_of_another_shape_is_an_error(panels: Path, tmp_path: Path) -> None:
    arrays = dict(np.load(panels))
    arrays["sub-2__lesion"] = np.zeros((3, 4))
    np.savez(panels, **arrays)
    with pytest.raises(GliofillError, match=r"sub-2__lesion has shape \(3, 4\), \(20, 24\) is needed"):
        draw_panels(panels, tmp_path, task=TASK)


@pytest.mark.parametrize(
    ("draw", "name", "column"),
    [
        (draw_trials, "trials.tsv", "lesion_weight"),
        (draw_scores, "metrics.tsv", "ssim_lesion_masked"),
        (draw_scores, "metrics.tsv", "task"),
        (draw_lesion_volume, "metrics.tsv", "mae_lesion"),
        (draw_calibration, "calibration.tsv", "achieved"),
    ],
)
def test_missing_column_is_an_error(
    draw: Callable[..., Path], name: str, column: str, evaluation: Path, tmp_path: Path
) -> None:
    pd.read_csv(evaluation / name, sep="\t").drop(columns=column).to_csv(tmp_path / name, sep="\t", index=False)
    with pytest.raises(GliofillError, match=rf"{name}: column {column} is missing"):
        draw(tmp_path / name, tmp_path, task=TASK)


def test_word_among_numbers_is_an_error(tmp_path: Path) -> None:
    rows = metrics_rows(1)
    rows[0]["ssim"] = "high"
    with pytest.raises(GliofillError, match=r"metrics\.tsv: column ssim: 'high' is not a number"):
        draw_scores(save(tmp_path / "metrics.tsv", rows), tmp_path, task=TASK)


@pytest.mark.parametrize(
    ("content", "message"),
    [("", "cannot be read as a table"), ("patient\tmethod\tssim\tssim_lesion\ttask\n", "is missing|has no row")],
)
def test_empty_table_is_an_error(content: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "metrics.tsv"
    path.write_text(content)
    with pytest.raises(GliofillError, match=message):
        draw_scores(path, tmp_path, task=TASK)


def test_absent_file_is_an_error(tmp_path: Path) -> None:
    for draw in (draw_scores, draw_panels):
        with pytest.raises(GliofillError, match="no such file"):
            draw(tmp_path / "nowhere", tmp_path, task=TASK)


def test_figures_without_anything_to_show_are_left_out(tmp_path: Path) -> None:
    save(tmp_path / "metrics.tsv", metrics_rows(2, lesions=False))
    (tmp_path / "calibration.tsv").write_text("task\tmethod\tfold\tnominal\tachieved\tsession\n")
    drawn = draw_all(tmp_path, tmp_path / "figures", task=TASK)
    assert [path.name for path in drawn] == ["T2w-to-FLAIR_scores.png"]
