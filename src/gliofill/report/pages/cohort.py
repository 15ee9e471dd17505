"""The page over the cohort: coverage, scores, audit, failures, and the way to each session."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from gliofill.cohort.coverage import Row, read_coverage
from gliofill.contrasts import Contrast
from gliofill.derivatives import paths
from gliofill.derivatives.records import note_checksums, with_dictionary
from gliofill.files.atomic import write_text
from gliofill.report.content.citation_file import write_citation
from gliofill.report.content.facts import STATES, existing_logs, read_if_there, read_table
from gliofill.report.content.scores import Score, quality_scores, session_scores, write_scores
from gliofill.report.pages.templates import render
from gliofill.report.status.session import Failure, SessionSummary
from gliofill.report.status.summary import Summary, summarise

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
    summary = summarise(output_dir)
    rows = {
        folder: {row.contrast: row for row in group}
        for folder, group in groupby(read_coverage(output_dir / paths.COVERAGE), key=lambda row: row.folder)
    }
    scores, imputations = _read_records(output_dir, summary)
    chosen = {row.file for contrasts in rows.values() for row in contrasts.values()}
    scores += quality_scores(output_dir, chosen)
    write_scores(output_dir, scores)
    write_citation(output_dir, summary)
    states = {session.folder: _states(session, rows[session.folder]) for session in summary.sessions}
    page = render(
        "index.html",
        scripts=("matrix.js", "strips.js"),
        summary=summary,
        counts={contrast: Counter(each[contrast] for each in states.values()) for contrast in map(str, Contrast)},
        state_names=_shown_states(summary),
        failures=_failure_lines(output_dir, summary),
        shown_failures=SHOWN_FAILURES,
        imputations=imputations,
        audit=_audit_table(read_table(output_dir / paths.AUDIT_SUMMARY)),
        audit_notes=read_if_there((output_dir / paths.AUDIT_SUMMARY).with_suffix(".json")).get("Notes", []),
        tables={name: text for name, text in TABLES.items() if (output_dir / name).is_file()},
        data=_page_data(output_dir, summary, rows, states, scores),
    )
    path = output_dir / paths.INDEX
    write_text(path, page)
    note_checksums(output_dir, "report", [path, *with_dictionary(paths.SCORES), *paths.CITATION_FILES])
    return path


def _states(session: SessionSummary, rows: Mapping[str, Row]) -> dict[str, str]:
    """Return the state of each contrast; an unusable image that nothing replaces is not the same as a missing one."""
    return {
        str(contrast): "unusable" if state == "gap" and rows[contrast].status == "unusable" else state
        for contrast, state in session.states.items()
    }


def _shown_states(summary: Summary) -> list[str]:
    return [state for state in STATES if state != "unfinished" or summary.unfinished]


def _read_records(output_dir: Path, summary: Summary) -> tuple[list[Score], list[Imputation]]:
    scores: list[Score] = []
    found: dict[tuple[str, str, str], Imputation] = {}
    for session in summary.sessions:
        folder, synthetic = session.folder, [c for c, state in session.states.items() if state == "synthetic"]
        imputed = {c: read_if_there(output_dir / paths.imputed_qc(folder, c)) for c in synthetic}
        scores += session_scores(folder, read_if_there(output_dir / paths.session_qc(folder)), imputed)
        for contrast, record in imputed.items():
            key = (str(contrast), str(record.get("source")), str(record.get("Model")))
            group = found.setdefault(key, Imputation(*key))
            group.sessions += 1
            group.outside += bool((record.get("Domain") or {}).get("problems"))
            group.demonstration |= bool(record.get("demonstration"))
    return scores, sorted(found.values(), key=lambda group: (group.contrast, group.model))


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


def _audit_table(rows: Iterable[Mapping[str, str]]) -> dict[str, Any]:
    """Turn the long table of the audit into one with a column per metric, the model before what needs none."""
    metrics: list[str] = []
    lines: dict[tuple[str, ...], dict[str, Mapping[str, str]]] = defaultdict(dict)
    for row in sorted(rows, key=lambda row: (row["task"], row["method"] != "model")):
        metrics += [row["metric"]] if row["metric"] not in metrics else []
        lines[row["task"], row["model"], row["method"]][row["metric"]] = row
    return {"metrics": metrics, "lines": lines, "first": [metric for metric in AUDIT_METRICS if metric in metrics]}


def _page_data(
    output_dir: Path,
    summary: Summary,
    rows: Mapping[str, Mapping[str, Row]],
    states: Mapping[str, Mapping[str, str]],
    scores: Iterable[Score],
) -> dict[str, Any]:
    """Return what the scripts of the page show, in columns: ten thousand sessions stay small."""
    shown = _shown_states(summary)
    names = [*shown, *sorted({s for each in states.values() for s in each.values()} - set(shown))]
    failed = defaultdict(list)
    for failure in summary.failures:
        failed[failure.folder].append(f"{failure.step} failed: {failure.reason}")
    order = {session.folder: position for position, session in enumerate(summary.sessions)}
    return {
        "contrasts": [str(contrast) for contrast in Contrast],
        "states": names,
        "sessions": list(order),
        "pages": [int((output_dir / paths.session_page(folder)).is_file()) for folder in order],
        "cells": {c: [names.index(states[folder][c]) for folder in order] for c in map(str, Contrast)},
        "codes": {c: [_code(rows[folder][c]) for folder in order] for c in map(str, Contrast)},
        "remarks": [
            "; ".join(_remarks(session, rows[session.folder], failed[session.folder])) for session in summary.sessions
        ],
        "scores": _score_columns(scores, order),
    }


def _code(row: Row) -> str:
    return "" if row.code == "n/a" else row.code


def _remarks(session: SessionSummary, rows: Mapping[str, Row], failed: list[str]) -> list[str]:
    missing = [f"{c} stays missing: {why}" for c, why in session.gaps.items() if session.states[c] == "gap"]
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
