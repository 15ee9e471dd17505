"""The page of one session: what to know before its images are used."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gliofill.cohort.coverage import Row
from gliofill.contrasts import TASKS, Contrast
from gliofill.derivatives import paths
from gliofill.derivatives.records import note_checksums
from gliofill.files.atomic import write_text
from gliofill.quality.verdict import CODES
from gliofill.report.content.facts import SessionFacts, existing_logs, read_session
from gliofill.report.content.methods_text import Methods, known_masks
from gliofill.report.content.provenance import (
    ModelFacts,
    checksums,
    commands,
    is_aligned_to_first,
    is_bias_corrected,
    mask_method,
    mask_model,
    models_used,
    package_versions,
    raw_dataset,
)
from gliofill.report.content.scores import quality_scores
from gliofill.report.pages.freshness import page_state
from gliofill.report.pages.templates import provide_viewer, render
from gliofill.report.pictures.figures import ContrastFigure, draw_figures
from gliofill.report.pictures.montage import draw_session
from gliofill.report.pictures.pictures import picture_uri
from gliofill.report.pictures.viewer_volumes import VOXEL_MM, write_volumes


@dataclass(frozen=True)
class ContrastBlock:
    """What the page shows of one contrast."""

    contrast: str
    state: str
    row: Row
    file: str
    figure: ContrastFigure
    model: ModelFacts | None
    review: Mapping[str, str] | None

    @property
    def is_synthetic(self) -> bool:
        """Whether the file to use was synthesised."""
        return self.model is not None


@dataclass(frozen=True)
class RegistrationLine:
    """Scores of the registration of one contrast, before and after the best attempt, and where all attempts started."""

    contrast: str
    starts: str
    scores: Mapping[str, tuple[str, str]]
    problem: str


def write_session_page(output_dir: Path, folder: str, *, bids_dir: Path | None = None) -> Path:
    """Draw the pictures of a session and write its page and the volumes of its viewer.

    Parameters
    ----------
    output_dir
        Derivatives.
    folder
        ``sub-X[/ses-Y]``.
    bids_dir
        Raw dataset; by default the one that the derivatives link to. The page does without it if it is gone.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    GliofillError
        If there is no coverage table, or it lacks the session.
    """
    facts = read_session(output_dir, folder)
    # before anything is drawn: what changes meanwhile makes the page one that is out of date
    state = page_state(output_dir, folder, list(facts.rows.values()), [failure.reason for failure in facts.failures])
    picture = draw_session(output_dir, folder)
    bids_dir = bids_dir if bids_dir is not None and bids_dir.is_dir() else raw_dataset(output_dir)
    figures = draw_figures(output_dir, facts, bids_dir)
    models = models_used(output_dir, facts)
    methods = Methods(
        frozenset(model.identity for model in models),
        is_bias_corrected(facts.manifest),
        known_masks([mask_method(facts.manifest)]),
        tuple(filter(None, [mask_model(facts.manifest)])),
        is_aligned_to_first(facts.manifest),
    ).write()
    volumes = output_dir / paths.viewer_volumes(folder)
    write_volumes(volumes, figures.volumes)
    provide_viewer(output_dir)
    page = render(
        "session.html",
        scripts=("session.js", "flicker.js", "viewer.js"),
        loads_scripts=True,
        state_of_records=state,
        facts=facts,
        blocks=[_block(facts, contrast, figures.contrasts[contrast], models) for contrast in Contrast],
        registrations=_registrations(facts),
        raw_scores=_raw_scores(output_dir, facts),
        audited=_audit_pictures(output_dir, folder),
        figures=figures,
        codes=CODES,
        models=models,
        checksums=checksums(facts),
        commands=commands(facts, bids_dir, output_dir),
        versions=package_versions(),
        methods=methods.text if figures.volumes else "",
        references=methods.references,
        volumes=paths.viewer_volumes(folder),
        viewer=f"{paths.PAGE_ASSETS}/niivue.umd.js",
        voxel_mm=VOXEL_MM,
        index=paths.INDEX,
        logs=[log for log in _logs(facts) if (output_dir / log).is_file()],
        failure_logs=[existing_logs(output_dir, failure) for failure in facts.failures],
    )
    path = output_dir / paths.session_page(folder)
    write_text(path, page)
    note_checksums(output_dir, folder, [path, volumes, picture])
    return path


def _block(facts: SessionFacts, contrast: Contrast, figure: ContrastFigure, models: list[ModelFacts]) -> ContrastBlock:
    row = facts.rows[contrast]
    state = facts.summary.states[contrast]
    return ContrastBlock(
        contrast=str(contrast),
        state="unusable" if state == "gap" and row.status == "unusable" else state,
        row=row,
        file=facts.summary.files.get(contrast, ""),
        figure=figure,
        model=next((model for model in models if model.contrast == contrast), None),
        review=facts.reviews.get(str(contrast)),
    )


def _registrations(facts: SessionFacts) -> list[RegistrationLine]:
    place = "first session" if is_aligned_to_first(facts.manifest) else "template"
    records = {place: facts.manifest.get("TemplateAlignment")}
    records |= {str(contrast): facts.entry(contrast).get("registration") for contrast in Contrast}
    return [_registration_line(name, record) for name, record in records.items() if record and record.get("attempts")]


def _registration_line(name: str, record: Mapping[str, Any]) -> RegistrationLine:
    attempts = record["attempts"]
    best = attempts[record["best"]]
    scores = {
        score.replace("_", " "): (f"{best['before'].get(score, float('nan')):.3f}", f"{value:.3f}")
        for score, value in best["after"].items()
    }
    starts = ", ".join(attempt["start"] for attempt in attempts)
    return RegistrationLine(name, starts, scores, record.get("problem", ""))


def _raw_scores(output_dir: Path, facts: SessionFacts) -> dict[str, dict[str, str]]:
    """Return the scores of the chosen acquired images: for each score the number of each contrast."""
    table: dict[str, dict[str, str]] = {}
    for score in quality_scores(output_dir, {row.file for row in facts.rows.values()}):
        if score.folder == facts.folder:
            table.setdefault(score.score.removeprefix("raw: "), {})[score.contrast] = f"{score.value:.4g}"
    return table


def _audit_pictures(output_dir: Path, folder: str) -> dict[str, str]:
    """Return the pictures of the contrasts that the audit hid and imputed: there the target is known."""
    pictures = {str(task.target): paths.audit_panels(folder, task.target) for task in TASKS}
    return {
        target: picture_uri(output_dir / file) for target, file in pictures.items() if (output_dir / file).is_file()
    }


def _logs(facts: SessionFacts) -> list[str]:
    imputations = [paths.step_log("impute", facts.folder, contrast) for contrast in Contrast]
    return [paths.step_log("preprocess", facts.folder), *imputations]
