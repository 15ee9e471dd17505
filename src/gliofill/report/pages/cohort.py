"""The page over the cohort: coverage, scores, audit, failures, and the way to each session."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gliofill.cohort.coverage import Row
from gliofill.cohort.reviewed_session import review_cohort
from gliofill.cohort.states import LOOKS, State
from gliofill.contrasts import Contrast
from gliofill.derivatives import paths
from gliofill.derivatives.records import note_checksums, with_dictionary
from gliofill.files.atomic import write_text
from gliofill.report.content.citation_file import write_citation
from gliofill.report.content.facts import existing_logs, read_if_there, read_table
from gliofill.report.content.methods_text import Methods
from gliofill.report.content.provenance import models_used
from gliofill.report.content.scores import Score, quality_scores, session_scores, write_scores
from gliofill.report.pages.templates import render
from gliofill.report.status.session import Failure, SessionFacts, SessionSummary, read_facts
from gliofill.report.status.summary import Summary

#: rows of the table of failures on the page; all of them stand in the file
SHOWN_FAILURES = 300

#: measures of the audit that the page shows at once; the others are folded away
AUDIT_METRICS = ("ssim", "ssim_lesion", "mae", "mae_lesion", "enhancement_left")

#: machine-readable twins of what the page shows
TABLES = {
    paths.COVERAGE: "coverage: what each session has, and what was planned",
    paths.COMPLETE: "the four files to use for each session",
    paths.FAILURES: "what failed",
    paths.SCORES: "the scores that are plotted",
    paths.QUALITY: "scores of the raw images",
    paths.REVIEW: "verdicts after preprocessing and review",
    paths.AUDIT_SUMMARY: "how the models do on this cohort",
    paths.AUDIT_METRICS: "the same for each session",
    paths.AUDIT_SESSIONS: "which sessions the audit looked at",
    paths.CITATION: "a methods text, with references and the data behind the models",
}


@dataclass(frozen=True)
class FailureLine:
    """A failed step, and what the page can link to."""

    failure: Failure
    logs: tuple[str, ...]
    page: str


@dataclass
class Imputation:
    """Sessions whose contrast was synthesised by one model."""

    contrast: str
    source: str
    model: str
    sessions: int = 0
    outside: int = 0
    demonstration: bool = False

    @property
    def task(self) -> str:
        """Name of the task, as in the audit."""
        return f"{self.source}-to-{self.contrast}"


def write_cohort_page(output_dir: Path) -> Path:
    """Write the page over the cohort, the table of the scores that it plots, and whom to cite.

    It is written from what is there: also when steps failed, and then says so at its top.

    Raises
    ------
    GliofillError
        If there is no coverage table.
    """
    cohort = _read_cohort(output_dir)
    summary, states = cohort.summary, cohort.states
    chosen = {row.file for rows in cohort.rows.values() for row in rows.values()}
    scores = [*cohort.scores, *quality_scores(output_dir, chosen)]
    write_scores(output_dir, scores)
    write_citation(output_dir, Methods.together(cohort.methods))
    page = render(
        "index.html",
        scripts=("matrix.js", "strips.js"),
        summary=summary,
        counts={contrast: Counter(each[contrast] for each in states.values()) for contrast in Contrast},
        state_names=_shown_states(summary),
        failures=_failure_lines(output_dir, summary),
        shown_failures=SHOWN_FAILURES,
        imputations=cohort.imputations,
        audit=_audit_table(read_table(output_dir / paths.AUDIT_SUMMARY)),
        audit_notes=read_if_there((output_dir / paths.AUDIT_SUMMARY).with_suffix(".json")).get("Notes", []),
        tables={name: text for name, text in TABLES.items() if (output_dir / name).is_file()},
        data=_page_data(output_dir, cohort, scores),
    )
    path = output_dir / paths.INDEX
    write_text(path, page)
    note_checksums(output_dir, "report", [path, *with_dictionary(paths.SCORES), *paths.CITATION_FILES])
    return path


@dataclass
class _Cohort:
    """What the page needs of each session, whose records are read once and not kept."""

    sessions: list[SessionSummary] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    unfinished: list[Failure] = field(default_factory=list)
    rows: dict[str, Mapping[Contrast, Row]] = field(default_factory=dict)
    states: dict[str, Mapping[Contrast, State]] = field(default_factory=dict)
    scores: list[Score] = field(default_factory=list)
    methods: list[Methods] = field(default_factory=list)
    by_model: dict[tuple[str, str, str], Imputation] = field(default_factory=dict)

    @property
    def summary(self) -> Summary:
        return Summary(tuple(self.sessions), tuple(self.failures), tuple(self.unfinished))

    @property
    def imputations(self) -> list[Imputation]:
        return sorted(self.by_model.values(), key=lambda group: (group.contrast, group.model))

    def add(self, output_dir: Path, facts: SessionFacts) -> None:
        self.sessions.append(facts.summary)
        self.failures += facts.failures
        self.unfinished += facts.unfinished
        self.rows[facts.folder] = facts.reviewed.rows
        self.states[facts.folder] = {contrast: facts.shown_state(contrast) for contrast in Contrast}
        self.scores += session_scores(facts)
        self.methods.append(Methods.of(facts, models_used(output_dir, facts)))
        for contrast, record in facts.imputed.items():
            key = (str(contrast), str(record.source), record.model)
            group = self.by_model.setdefault(key, Imputation(*key))
            group.sessions += 1
            group.outside += bool(record.domain_problems)
            group.demonstration |= bool(record.demonstration)


def _read_cohort(output_dir: Path) -> _Cohort:
    cohort = _Cohort()
    for reviewed in review_cohort(output_dir):
        cohort.add(output_dir, read_facts(output_dir, reviewed))
    return cohort


def _shown_states(summary: Summary) -> list[State]:
    return [state for state in State if state is not State.UNFINISHED or summary.unfinished]


def _failure_lines(output_dir: Path, summary: Summary) -> list[FailureLine]:
    lines = []
    for failure in summary.failures[:SHOWN_FAILURES]:
        page = paths.session_page(failure.folder)
        lines.append(
            FailureLine(
                failure,
                existing_logs(output_dir, failure),
                page if (output_dir / page).is_file() else "",
            )
        )
    return lines


def _audit_table(rows: Iterable[Mapping[str, str]]) -> dict[str, object]:
    """Turn the long table of the audit into one with a column per metric, the model before what needs none."""
    metrics: list[str] = []
    lines: dict[tuple[str, ...], dict[str, Mapping[str, str]]] = defaultdict(dict)
    for row in sorted(rows, key=lambda row: (row["task"], row["method"] != "model")):
        metrics += [row["metric"]] if row["metric"] not in metrics else []
        lines[row["task"], row["model"], row["method"]][row["metric"]] = row
    return {"metrics": metrics, "lines": lines, "first": [metric for metric in AUDIT_METRICS if metric in metrics]}


def _page_data(output_dir: Path, cohort: _Cohort, scores: Iterable[Score]) -> dict[str, object]:
    """Return what the scripts of the page show, in columns: ten thousand sessions stay small."""
    summary, rows, states = cohort.summary, cohort.rows, cohort.states
    names = _shown_states(summary)
    failed = defaultdict(list)
    for failure in summary.failures:
        failed[failure.folder].append(f"{failure.step} failed: {failure.reason}")
    order = {session.folder: position for position, session in enumerate(summary.sessions)}
    return {
        "contrasts": [str(contrast) for contrast in Contrast],
        "states": names,
        "labels": [LOOKS[state].label for state in names],
        "marks": [LOOKS[state].mark for state in names],
        "sessions": list(order),
        "pages": [int((output_dir / paths.session_page(folder)).is_file()) for folder in order],
        "cells": {c: [names.index(states[folder][c]) for folder in order] for c in Contrast},
        "codes": {c: [_code(rows[folder][c]) for folder in order] for c in Contrast},
        "remarks": [
            "; ".join(_remarks(session, rows[session.folder], failed[session.folder])) for session in summary.sessions
        ],
        "scores": _score_columns(scores, order),
    }


def _code(row: Row) -> str:
    return "" if row.code == "n/a" else row.code


def _remarks(session: SessionSummary, rows: Mapping[Contrast, Row], failed: list[str]) -> list[str]:
    missing = [f"{c} stays missing: {why}" for c, why in session.gaps.items() if session.states[c] is State.GAP]
    replaced = [
        f"{row.contrast}: acquired image not used, it {row.reason}"
        for row in rows.values()
        if row.status == "unusable" and row.action == "impute"
    ]
    return [*failed, *session.warnings, *missing, *replaced]


def _score_columns(scores: Iterable[Score], order: Mapping[str, int]) -> dict[str, dict[str, list[float | None]]]:
    columns: dict[str, dict[str, list[float | None]]] = {}
    for score in scores:
        if score.folder in order:
            column = columns.setdefault(score.score, {}).setdefault(score.contrast, [None] * len(order))
            column[order[score.folder]] = float(f"{score.value:.4g}")
    return columns
