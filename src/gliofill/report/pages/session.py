"""The page of one session: what to know before its images are used."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from gliofill.cohort.coverage import Row
from gliofill.cohort.review import Outcome
from gliofill.cohort.reviewed_session import read_reviewed
from gliofill.cohort.states import State
from gliofill.contrasts import TASKS, Contrast
from gliofill.derivatives import paths
from gliofill.derivatives.imputation_record import SourceDomain
from gliofill.derivatives.records import note_checksums
from gliofill.derivatives.session_record import Registration, SessionRecord
from gliofill.files.atomic import write_text
from gliofill.quality.verdict import CODES
from gliofill.report.content.facts import existing_logs, verdict_lines, warnings
from gliofill.report.content.methods_text import Methods
from gliofill.report.content.provenance import (
    ModelFacts,
    checksums,
    commands,
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
from gliofill.report.status.session import SessionFacts, read_facts


@dataclass(frozen=True)
class ContrastBlock:
    """What the page shows of one contrast."""

    contrast: Contrast
    state: State
    reason: str
    row: Row
    outcome: Outcome
    file: str
    figure: ContrastFigure
    model: ModelFacts | None
    domain: SourceDomain | None

    @property
    def is_synthetic(self) -> bool:
        """Whether the file to use was synthesised."""
        return self.model is not None


@dataclass(frozen=True)
class RegistrationLine:
    """Scores of one registration, before and after the best attempt, and where all attempts started."""

    what: str
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
    facts = read_facts(output_dir, read_reviewed(output_dir, folder))
    rows = facts.reviewed.rows.values()
    # before anything is drawn: what changes meanwhile makes the page one that is out of date
    state = page_state(output_dir, folder, list(rows), [failure.reason for failure in facts.failures])
    picture = draw_session(output_dir, facts.summary)
    bids_dir = bids_dir if bids_dir is not None and bids_dir.is_dir() else raw_dataset(output_dir)
    figures = draw_figures(output_dir, facts, bids_dir)
    models = models_used(output_dir, facts)
    methods = Methods.of(facts, models).write()
    volumes = output_dir / paths.viewer_volumes(folder)
    write_volumes(volumes, figures.volumes)
    provide_viewer(output_dir)
    page = render(
        "session.html",
        scripts=("session.js", "flicker.js", "viewer.js"),
        loads_scripts=True,
        state_of_records=state,
        facts=facts,
        verdicts=verdict_lines(facts),
        warnings=warnings(facts),
        record=facts.reviewed.record,
        blocks=[_block(facts, contrast, figures.contrasts[contrast], models) for contrast in Contrast],
        registrations=list(_registrations(facts.reviewed.record)),
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
    state, outcome, made = facts.shown_state(contrast), facts.reviewed.outcomes[contrast], facts.imputed.get(contrast)
    return ContrastBlock(
        contrast=contrast,
        state=state,
        reason=facts.summary.gaps[contrast] if state is State.UNFINISHED else outcome.reason,
        row=facts.reviewed.rows[contrast],
        outcome=outcome,
        file=facts.summary.files.get(contrast, ""),
        figure=figure,
        model=next((model for model in models if model.contrast == contrast), None),
        domain=made.domain if made else None,
    )


def _registrations(record: SessionRecord | None) -> Iterator[RegistrationLine]:
    if record is None:
        return
    reference = record.reference or "reference"
    if record.template_alignment:
        place = "first session" if record.is_aligned_to_first else "template"
        yield _registration_line(f"{reference} to the {place}", record.template_alignment)
    for contrast in Contrast:
        if (entry := record.contrasts.get(contrast)) and entry.registration:
            yield _registration_line(f"{contrast} to {reference}", entry.registration)


def _registration_line(what: str, registration: Registration) -> RegistrationLine:
    best = registration.best_attempt
    scores = {
        score.replace("_", " "): (f"{best.before.get(score, float('nan')):.3f}", f"{value:.3f}")
        for score, value in best.after.items()
    }
    starts = ", ".join(attempt.start for attempt in registration.attempts)
    return RegistrationLine(what, starts, scores, registration.problem)


def _raw_scores(output_dir: Path, facts: SessionFacts) -> dict[str, dict[str, str]]:
    """Return the scores of the chosen acquired images: for each score the number of each contrast."""
    table: dict[str, dict[str, str]] = {}
    for score in quality_scores(output_dir, {row.file for row in facts.reviewed.rows.values()}):
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
