"""The audit of a cohort: each model on a sample of complete sessions, task by task, and the tables of all tasks."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from gliofill.config.settings import AuditSettings, ImputeSettings
from gliofill.contrasts import Task
from gliofill.derivatives import paths
from gliofill.derivatives.records import note_checksums, with_dictionary
from gliofill.errors import GliofillError
from gliofill.evaluation.audit import tables
from gliofill.evaluation.audit.picture import draw_audited, pictures, remove_pictures
from gliofill.evaluation.audit.sample import draw_sample
from gliofill.evaluation.audit.session import MODEL, Audited, Voxels, audit_session
from gliofill.evaluation.baselines import sample_voxels
from gliofill.evaluation.figures.tables import count
from gliofill.files.tables import MISSING
from gliofill.learning.models.chosen import model_folder
from gliofill.learning.models.folder import Model, load_model
from gliofill.learning.volumes.cases import Case, load_case

Log = Callable[[str], None]

#: what makes figures optimistic
SEEN_WORDS = {
    "training": "of its own training patients, whose figures are too good",
    "perhaps": "with the label of a training patient; if it is the same person, the figures are too good",
    "calibration": "with the label of a patient on whom its uncertainty was calibrated, which makes coverage too good",
}

#: what makes a single session fail, and not the audit
_FAILURES = (GliofillError, OSError, ValueError)


def audit_task(
    output_dir: Path,
    task: Task,
    settings: AuditSettings,
    impute: ImputeSettings,
    *,
    threads: int = 1,
    log: Log = print,
) -> None:
    """Try the model of one task on complete sessions of the cohort, and write its rows and pictures.

    One session at a time is held in memory. One that fails is noted and left out.

    Parameters
    ----------
    output_dir
        Derivatives of the cohort.
    task
        Whose configured model is tried.
    settings, impute
        Sections of the configuration.
    threads
        Methods scored at a time; networks take the threads that the environment gives PyTorch.
    log
        Receives lines of text.

    Raises
    ------
    GliofillError
        If the model cannot be used, or every session failed.
    """
    model = load_model(model_folder(task, impute), task)
    sample = draw_sample(output_dir, model, settings)
    log(f"{task.name}: {model.model_id} on {len(sample.cases)} of {sample.complete} complete sessions")
    remove_pictures(output_dir, task)
    voxels, failures = _sample_voxels(sample.cases, model)
    metrics: list[dict[str, object]] = []
    sessions = []
    for case in sample.cases:
        row = _identity(case, model)
        try:
            if case.folder in failures:
                raise failures[case.folder]
            others = [own for folder, own in voxels.items() if folder.split("/")[0] != f"sub-{case.participant}"]
            audited = audit_session(case, model, impute, others, root=output_dir, threads=threads)
            picture = draw_audited(output_dir, case.folder, audited.panel, task=task)
        except _FAILURES as error:
            log(f"{case.folder} failed: {error}")
            sessions.append({**row, "status": "failed", "reason": str(error)})
            continue
        metrics += _metric_rows(row, audited)
        sessions.append({**row, **_session_row(audited), "panels": picture})
        log(f"{case.folder}: SSIM " + ", ".join(f"{score.method} {score.ssim:.3f}" for score in audited.scores))
    if sessions and not metrics:
        raise GliofillError(f"{task.name}: all {len(sessions)} sessions failed; {sessions[0]['reason']}")
    for name, rows in ((paths.AUDIT_METRICS, metrics), (paths.AUDIT_SESSIONS, sessions)):
        tables.write(output_dir / paths.audit_part(task, name), tables.frame_of(name, rows))
    parts = [paths.audit_part(task, name) for name in (paths.AUDIT_METRICS, paths.AUDIT_SESSIONS)]
    note_checksums(output_dir, f"audit-{task.name}", [*parts, *pictures(output_dir, task)], anew=True)


def write_tables(output_dir: Path, tasks: Sequence[Task], *, log: Log = print) -> None:
    """Write the tables of all tasks from what `audit_task` left, and say what they tell.

    Raises
    ------
    GliofillError
        If a task was not audited.
    """
    metrics, sessions = (
        _joined(name, [output_dir / paths.audit_part(task, name) for task in tasks])
        for name in (paths.AUDIT_METRICS, paths.AUDIT_SESSIONS)
    )
    notes = [_note(task, metrics, sessions) for task in tasks] or ["No contrast is imputed: nothing was audited."]
    for name, frame in (
        (paths.AUDIT_METRICS, metrics),
        (paths.AUDIT_SESSIONS, sessions),
        (paths.AUDIT_SUMMARY, tables.summarise(metrics)),
    ):
        tables.write(output_dir / name, frame, notes)
        note_checksums(output_dir, "audit", with_dictionary(name))
    for note in notes:
        log(note)


def _sample_voxels(cases: Iterable[Case], model: Model) -> tuple[dict[str, Voxels], dict[str, Exception]]:
    """Take some voxels of each session, for the baselines; a second reading spares the memory of all at once."""
    voxels: dict[str, Voxels] = {}
    failures: dict[str, Exception] = {}
    for case in cases:
        try:
            voxels[case.folder] = sample_voxels(load_case(case, crop_minimum=model.training.crop_minimum))
        except _FAILURES as error:
            failures[case.folder] = error
    return voxels, failures


def _identity(case: Case, model: Model) -> dict[str, str]:
    participant, _, session = case.folder.partition("/")
    return {
        "participant_id": participant,
        "session_id": session or MISSING,
        "task": model.task.name,
        "model": model.model_id,
    }


def _metric_rows(identity: dict[str, str], audited: Audited) -> list[dict[str, object]]:
    ratio = {MODEL: audited.scale_ratio}
    return [
        {**asdict(score), **identity, "seen": audited.seen, "scale_ratio": ratio.get(score.method)}
        for score in audited.scores
    ]


def _session_row(audited: Audited) -> dict[str, str]:
    problems = audited.domain.problems
    domain = "n/a" if not audited.domain.known else "outside" if problems else "inside"
    return {"status": "ok", "seen": audited.seen, "domain": domain, "reason": "; ".join(problems)}


def _joined(name: str, parts: Sequence[Path]) -> pd.DataFrame:
    frames = [frame for frame in map(tables.read, parts) if len(frame)]
    return pd.concat(frames, ignore_index=True) if frames else tables.frame_of(name, [])


def _note(task: Task, metrics: pd.DataFrame, sessions: pd.DataFrame) -> str:
    """Return what a reader must know before the numbers, in a sentence or two."""
    own = sessions[sessions["task"] == task.name]
    if own.empty:
        return f"{task.name}: not audited, because no session has all four contrasts acquired and usable."
    good = own[own["status"] == "ok"]
    rows = metrics[(metrics["task"] == task.name) & (metrics["method"] == MODEL)]
    text = (
        f"{task.name}: SSIM {rows['ssim'].mean():.3f}, mean absolute error {rows['mae'].mean():.3f} inside the brain, "
        f"in {count(len(good), 'session')} of {count(good['participant_id'].nunique(), 'participant')} whose "
        f"{task.target} was hidden."
    )
    for seen, words in SEEN_WORDS.items():
        if known := int((good["seen"] == seen).sum()):
            text += f" Known to the model: {known} {words}."
    if failed := len(own) - len(good):
        text += f" {failed} failed and are left out, see {paths.AUDIT_SESSIONS}."
    return text
