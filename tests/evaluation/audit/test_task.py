import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from gliofill.cli.main import main
from gliofill.cohort.coverage import Row, write_coverage
from gliofill.config.recipe import Recipe
from gliofill.config.settings import AuditSettings, ImputeSettings
from gliofill.contrasts import TASKS, Contrast
from gliofill.derivatives import paths
from gliofill.derivatives.imputation_record import SourceDomain
from gliofill.derivatives.session_record import PreprocessedContrast, SessionRecord
from gliofill.errors import GliofillError
from gliofill.evaluation.audit import tables
from gliofill.evaluation.audit.sample import draw_sample
from gliofill.evaluation.audit.session import hide_and_impute
from gliofill.evaluation.audit.task import audit_task, write_tables
from gliofill.evaluation.scoring import Predicted, score_session
from gliofill.evaluation.trained_models import predict_session
from gliofill.files.atomic import sha256, write_json
from gliofill.files.nifti import read_image, write_image
from gliofill.learning.models.appearance import Appearance
from gliofill.learning.models.calibration import Calibration
from gliofill.learning.models.domain import Domain
from gliofill.learning.models.folder import TrainingData, add_scores, load_model, save_model
from gliofill.learning.networks.generator import Generator
from gliofill.learning.volumes.cases import find_cases, load_case
from gliofill.learning.volumes.framing import Scale
from gliofill.metrics.similarity import LinearMapping
from gliofill.synthesis.gap import fill
from gliofill.synthesis.volume import Source

pytestmark = pytest.mark.slow

TASK = TASKS[0]
COMPLETE = ("sub-01", "sub-02/ses-1", "sub-02/ses-2", "sub-03", "sub-04")
GAP, FLAGGED, FAILED = "sub-05", "sub-06", "sub-07"
ALL = AuditSettings()


def write_session(root: Path, folder: str, seed: int, *, missing: frozenset[Contrast] = frozenset()) -> list[Row]:
    generator = np.random.default_rng(seed)
    brain = np.zeros((20, 24, 6), dtype=bool)
    brain[2:-2, 2:-2] = True
    source = generator.uniform(100, 200, brain.shape)
    lesion = np.zeros(brain.shape)
    lesion[5:9, 5:9, 2:4] = 2
    participant, _, session = folder.partition("/")
    rows = []
    for contrast in Contrast:
        action = "impute" if contrast in missing else "use"
        status = "missing" if contrast in missing else "ok"
        imputed_from = str(TASK.source) if action == "impute" else "n/a"
        identity = (participant, session or "n/a", str(contrast))
        rows.append(Row(*identity, status, action, imputed_from, reason="no such image"))
        if contrast not in missing:
            data = source if contrast is TASK.source else 1000 - 3 * source
            write_image(root / paths.preprocessed(folder, contrast), data * brain, np.eye(4))
    write_image(root / paths.brain_mask(folder), brain, np.eye(4), dtype="uint8")
    write_image(root / paths.lesion(folder), lesion, np.eye(4), dtype="uint8")
    set_state(root, folder, {contrast: "ok" for contrast in Contrast if contrast not in missing})
    return rows


def set_state(root: Path, folder: str, states: dict[Contrast, str]) -> None:
    contrasts = {contrast: PreprocessedContrast(status=state, reason="why") for contrast, state in states.items()}
    SessionRecord(session=folder, version="0", contrasts=contrasts).write(root)


def write_model(folder: Path, trained_on: tuple[str, ...], domain: Domain | None = None) -> Path:
    torch.manual_seed(0)
    recipe = Recipe(name="tiny", learning_rate=1e-3, batch_size=1, batch_samples=1, l1_weight=1.0, lesion_weight=1.0)
    sessions = tuple(f"sub-{label}" for label in trained_on)
    training = TrainingData(Scale(400, 700), (32, 32), LinearMapping(-1, 1), trained_on, sessions)
    network = Generator(4, 1, upsampling="resize")
    save_model(folder, [network], task=TASK, recipe=recipe, training=training, domain=domain)
    add_scores(folder, [], Calibration(0.9, factor=2.0, floor=0.1, cases=1))
    return folder


def own_domain(root: Path) -> Domain:
    """Return the domain of the complete sessions."""
    images = [
        (folder, Appearance.of(*read_source(root, folder), np.eye(4)))
        for folder in ("sub-01", "sub-02/ses-1", "sub-03", "sub-04")
    ]
    made = Domain.fit(images)
    assert made is not None
    return made


def read_source(root: Path, folder: str) -> tuple[np.ndarray, np.ndarray]:
    source = read_image(root / paths.preprocessed(folder, TASK.source))[0]
    return source, read_image(root / paths.brain_mask(folder))[0] > 0


def write_cohort(root: Path) -> Path:
    """Write eight sessions: five complete ones, one with a gap, one with a flagged and one with a failed contrast."""
    torch.set_num_threads(1)
    rows = []
    for seed, folder in enumerate((*COMPLETE, GAP, FLAGGED, FAILED)):
        missing = frozenset({TASK.target}) if folder == GAP else frozenset()
        rows += write_session(root, folder, seed, missing=missing)
    set_state(root, FLAGGED, dict.fromkeys(Contrast, "ok") | {TASK.target: "flagged"})
    set_state(root, FAILED, dict.fromkeys(Contrast, "ok") | {Contrast.T1W: "failed"})
    write_coverage(root / paths.COVERAGE, rows)
    return root


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    return write_cohort(tmp_path / "derivatives")


@dataclass(frozen=True)
class Finished:
    """An audit of all complete sessions, which tests only look at."""

    root: Path
    model: Path
    before: dict[Path, str]
    metrics: pd.DataFrame
    sessions: pd.DataFrame
    lines: list[str]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    folder = tmp_path_factory.mktemp("finished")
    root, model = write_cohort(folder / "derivatives"), write_model(folder / "model", ("98", "99"))
    before = {path: sha256(path) for path in root.rglob("anat/*")}
    return Finished(root, model, before, *run(root, model))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model", ("98", "99"))


def use(model: Path) -> ImputeSettings:
    return ImputeSettings({TASK.name: str(model), "T1post-to-T1w": "none"}, device="cpu")


def drawn(root: Path, model: Path, settings: AuditSettings) -> set[str]:
    return {case.folder for case in draw_sample(root, load_model(model), settings).cases}


def run(root: Path, model: Path, settings: AuditSettings = ALL) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    lines: list[str] = []
    audit_task(root, TASK, settings, use(model), log=lines.append)
    write_tables(root, [TASK], log=lines.append)
    return (*(tables.read(root / name) for name in (paths.AUDIT_METRICS, paths.AUDIT_SESSIONS)), lines)


def folders(frame: pd.DataFrame) -> Iterator[str]:
    for participant, session in zip(frame["participant_id"], frame["session_id"].fillna(""), strict=True):
        yield f"{participant}/{session}" if session else participant


def test_only_sessions_with_four_good_contrasts_are_audited(finished: Finished) -> None:
    assert tuple(folders(finished.sessions)) == COMPLETE
    assert set(finished.sessions["status"]) == {"ok"} and set(finished.sessions["seen"]) == {"no"}
    assert finished.lines[0].endswith("on 5 of 5 complete sessions")


def test_the_sample_follows_from_seed_and_names(cohort: Path, model: Path) -> None:
    loaded = load_model(model)
    draws = [
        {case.folder for case in draw_sample(cohort, loaded, AuditSettings(2, seed)).cases} for seed in (0, 0, 1, 2, 3)
    ]
    assert all(len(draw) == 2 for draw in draws) and draws[0] == draws[1] and len(set(map(frozenset, draws))) > 1
    shutil.rmtree(cohort / (set(COMPLETE) - draws[0]).pop())
    assert {case.folder for case in draw_sample(cohort, loaded, AuditSettings(2, 0)).cases} == draws[0]


def test_patients_that_the_model_has_not_seen_come_first(cohort: Path, tmp_path: Path) -> None:
    model = load_model(write_model(tmp_path / "seen", ("01", "03")))
    drawn = {case.folder for case in draw_sample(cohort, model, AuditSettings(3, 0)).cases}
    assert drawn == {"sub-02/ses-1", "sub-02/ses-2", "sub-04"}
    assert len(draw_sample(cohort, model, ALL).cases) == 5


def test_training_patients_are_said(cohort: Path, tmp_path: Path) -> None:
    model = write_model(tmp_path / "seen", ("01", "02", "03", "04"), own_domain(cohort))
    shutil.rmtree(cohort / "sub-04")
    metrics, sessions, lines = run(cohort, model)
    # the second session of 02 was not trained on, only its patient
    assert list(sessions["seen"]) == ["training", "training", "perhaps", "training"]
    assert set(metrics.loc[metrics["participant_id"] == "sub-01", "seen"]) == {"training"}
    assert "Known to the model: 3 of its own training patients, whose figures are too good." in lines[-1]
    assert "Known to the model: 1 with the label of a training patient" in lines[-1]
    notes = json.loads((cohort / paths.AUDIT_SUMMARY).with_suffix(".json").read_text())["Notes"]
    assert notes == [lines[-1]]


def test_imputation_is_that_of_a_gap_and_never_sees_the_target(cohort: Path, model: Path) -> None:
    source = Source.read(cohort / paths.preprocessed("sub-05", TASK.source), cohort / paths.brain_mask("sub-05"))
    fill(cohort, "sub-05", TASK.target, use(model))
    written = read_image(cohort / paths.imputed("sub-05", TASK.target))[0]
    hidden = hide_and_impute(source, load_model(model), use(model))
    assert written.tobytes() == hidden.image.tobytes()
    uncertainty = read_image(cohort / paths.uncertainty("sub-05", TASK.target))[0]
    assert hidden.uncertainty is not None and uncertainty.tobytes() == hidden.uncertainty.tobytes()


def test_a_changed_target_changes_scores_and_not_the_prediction(
    cohort: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictions: list[bytes] = []

    def spy(*words: object) -> object:
        made = hide_and_impute(*words)  # type: ignore[arg-type]
        predictions.append(made.image.tobytes())
        return made

    monkeypatch.setattr("gliofill.evaluation.audit.session.hide_and_impute", spy)
    one = AuditSettings(sessions=1)
    first, sessions, _ = run(cohort, model, one)
    (folder,) = folders(sessions)
    target = cohort / paths.preprocessed(folder, TASK.target)
    data, affine = read_image(target)
    write_image(target, data**2, affine)
    second, _, _ = run(cohort, model, one)
    assert len(predictions) == 2 and predictions[0] == predictions[1]
    before, after = (frame.loc[frame["method"] == "model", "mae"].item() for frame in (first, second))
    assert before != after


@pytest.mark.parametrize("is_bf16", [False, True], ids=["float32", "bfloat16"])
def test_metrics_are_those_of_the_evaluation(
    is_bf16: bool, cohort: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gliofill.learning.networks.inference.has_fast_bf16", lambda device: is_bf16)
    metrics, sessions, _ = run(cohort, model, AuditSettings(sessions=1))
    (folder,) = folders(sessions)
    loaded = load_model(model)
    case = next(case for case in find_cases(cohort, TASK) if case.folder == folder)
    volume = load_case(case, crop_minimum=loaded.training.crop_minimum)
    source = Source.read(case.source, case.brain)
    expected = {
        score.method: score
        for score in score_session(
            volume,
            {
                "input": Predicted(volume.source),
                "model": predict_session(loaded, source, volume, device="cpu"),
            },
            task=TASK.name,
            fold=1,
        )
    }
    for method, score in expected.items():
        row = metrics[metrics["method"] == method].iloc[0]
        for name in ("ssim", "mae", "ssim_lesion", "mae_lesion", "lesion_bias", "psnr_db", "lesion_ml"):
            assert row[name] == pytest.approx(getattr(score, name), rel=1e-5), (method, name)
    assert expected["model"].coverage == pytest.approx(row["coverage"], rel=1e-5)


def test_fitted_baselines_leave_the_session_out(cohort: Path, model: Path) -> None:
    # the target is a falling line of the source, in every session but this one
    target = cohort / paths.preprocessed("sub-04", TASK.target)
    source, _ = read_source(cohort, "sub-04")
    write_image(target, source, np.eye(4))
    seed = next(n for n in range(99) if "sub-04" in drawn(cohort, model, AuditSettings(2, n)))
    metrics, _, _ = run(cohort, model, AuditSettings(2, seed))
    linear = metrics[metrics["method"] == "linear"].set_index("participant_id")["mae"]
    # fitted on both, the line would be flat and the error a quarter
    assert linear["sub-04"] > 0.3


def test_a_single_session_has_no_fitted_baselines(cohort: Path, model: Path) -> None:
    metrics, _, _ = run(cohort, model, AuditSettings(sessions=1))
    assert list(metrics["method"]) == ["input", "zeros", "model"]


def test_the_scale_that_the_metrics_hide_has_a_column(finished: Finished) -> None:
    metrics = finished.metrics
    ratio = metrics[metrics["method"] == "model"]["scale_ratio"]
    # the model writes 400 to 700; the targets span 3 x 99 % of 100
    np.testing.assert_allclose(ratio, 300 / 297, rtol=0.02)
    assert metrics[metrics["method"] != "model"]["scale_ratio"].isna().all()


def test_summary_counts_participants_and_names_regions(finished: Finished) -> None:
    metrics = finished.metrics
    summary = tables.read(finished.root / paths.AUDIT_SUMMARY)
    own = summary[(summary["method"] == "model") & (summary["metric"] == "mae")].iloc[0]
    by_participant = metrics[metrics["method"] == "model"].groupby("participant_id")["mae"].mean()
    assert own["n"] == 4 and own["mean"] == pytest.approx(by_participant.mean(), rel=1e-4)
    assert own["region"] == "brain" and np.isnan(own["low"])
    assert set(summary[summary["metric"] == "mae_lesion"]["region"]) == {"lesion"}


def test_nothing_is_written_among_the_images_but_a_picture_beside_the_others(finished: Finished) -> None:
    assert {path: sha256(path) for path in finished.root.rglob("anat/*")} == finished.before
    assert finished.sessions["panels"][1] == "sub-02/figures/sub-02_ses-1_desc-auditFLAIR_panels.png"
    for name in finished.sessions["panels"]:
        assert Image.open(finished.root / name).size[0] > 500


def test_pictures_of_another_sample_are_removed(cohort: Path, model: Path) -> None:
    old = cohort / paths.audit_panels("sub-01", TASK.target)
    old.parent.mkdir()
    old.write_bytes(b"old")
    (name,) = run(cohort, model, AuditSettings(sessions=1))[1]["panels"]
    assert [path.relative_to(cohort).as_posix() for path in cohort.rglob("*_panels.png")] == [name]


def test_a_bad_session_is_noted_and_left_out(cohort: Path, model: Path) -> None:
    target = cohort / paths.preprocessed("sub-03", TASK.target)
    write_image(target, np.full((20, 24, 6), np.nan), np.eye(4))
    metrics, sessions, lines = run(cohort, model)
    assert set(metrics["participant_id"]) == {"sub-01", "sub-02", "sub-04"}
    failed = sessions[sessions["status"] == "failed"].iloc[0]
    assert failed["participant_id"] == "sub-03" and "NaN or infinite" in failed["reason"]
    assert "1 failed and are left out" in lines[-1]


def test_an_audit_in_which_everything_fails_says_so(cohort: Path, model: Path) -> None:
    for folder in COMPLETE:
        (cohort / paths.preprocessed(folder, TASK.target)).write_bytes(b"")
    with pytest.raises(GliofillError, match="all 5 sessions failed"):
        audit_task(cohort, TASK, ALL, use(model), log=lambda text: None)


def test_without_a_complete_session_the_tables_are_empty_and_all_is_well(
    cohort: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in COMPLETE:
        set_state(cohort, folder, dict.fromkeys(Contrast, "failed"))
    words = ["audit", str(cohort), "--task", TASK.name, "--impute", use(model).to_json()]
    assert main(words) == 0
    assert "not audited, because no session has all four contrasts acquired and usable" in capsys.readouterr().out
    for name in (paths.AUDIT_METRICS, paths.AUDIT_SUMMARY, paths.AUDIT_SESSIONS):
        assert (cohort / name).read_text().splitlines() == ["\t".join(tables.COLUMNS[name])]


def test_an_audit_switched_off_writes_nothing(cohort: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", str(cohort), "--settings", '{"sessions": 0}']) == 0
    assert "nothing is audited" in capsys.readouterr().out and not (cohort / paths.AUDIT_SUMMARY).exists()


def test_a_source_outside_the_domain_is_told_in_record_sidecar_and_status(cohort: Path, tmp_path: Path) -> None:
    from gliofill.report.status.summary import summarise

    model = write_model(tmp_path / "known", ("01",), own_domain(cohort))
    record = fill(cohort, GAP, TASK.target, use(model))
    assert record.domain is not None and record.domain.known and not record.domain.problems
    image = cohort / paths.preprocessed(GAP, TASK.source)
    data, affine = read_image(image)
    write_image(image, data**12 / 1e24, affine)
    record = fill(cohort, GAP, TASK.target, use(model))
    (problem,) = [text for text in record.domain_problems if "distribution of intensities" in text]
    assert record.domain is not None
    score = record.domain.scores["intensities"]
    assert score.value > score.high and score.low == 0
    sidecar = json.loads((cohort / paths.sidecar(paths.imputed(GAP, TASK.target))).read_text())
    assert problem in sidecar["Warnings"]
    (session,) = [session for session in summarise(cohort).sessions if session.folder == GAP]
    assert any(problem in warning for warning in session.warnings)


def test_a_model_without_domain_says_quietly_that_it_is_not_known(cohort: Path, model: Path) -> None:
    record = fill(cohort, GAP, TASK.target, use(model))
    assert record.domain == SourceDomain(known=False, problems=(), scores={})
    metadata = json.loads((model / "model.json").read_text())
    del metadata["domain"]
    write_json(model / "model.json", metadata)
    assert load_model(model).domain is None
    assert run(cohort, model, AuditSettings(sessions=1))[1]["domain"].isna().all()
