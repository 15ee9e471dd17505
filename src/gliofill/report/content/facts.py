"""What the records of a session say about each contrast, gathered for its page."""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from gliofill.cohort import coverage
from gliofill.cohort.coverage import Row
from gliofill.cohort.review import review_session
from gliofill.contrasts import Contrast
from gliofill.derivatives import paths
from gliofill.files.atomic import read_json
from gliofill.report.status.session import NOT_REACHED, Failure, SessionSummary
from gliofill.report.status.summary import summarise_session

#: in the order of how much a reader should care
STATES = ("failed", "unfinished", "unusable", "flagged", "gap", "synthetic", "acquired")

#: what a reader sees of a state
STATE_LABELS = {"gap": "missing", "synthetic": "synthetic", "acquired": "acquired", "flagged": "flagged"}


@dataclass(frozen=True)
class VerdictLine:
    """A verdict on one contrast, as it is shown; see `gliofill.quality.verdict.Verdict`."""

    contrast: str
    code: str
    sentence: str
    value: str
    threshold: str
    about: str


@dataclass(frozen=True)
class SessionFacts:
    """Everything on disk about one session.

    Attributes
    ----------
    rows
        Of the coverage table, by contrast.
    manifest
        Record of preprocessing; empty if it did not finish.
    imputed
        Record of each imputation that finished, by contrast.
    reviews
        Rows of the review table, by contrast.
    """

    folder: str
    rows: Mapping[Contrast, Row]
    summary: SessionSummary
    failures: tuple[Failure, ...]
    manifest: Mapping[str, Any]
    imputed: Mapping[Contrast, Mapping[str, Any]]
    reviews: Mapping[str, Mapping[str, str]]

    @property
    def name(self) -> str:
        """Beginning of the session's file names, ``sub-X[_ses-Y]``."""
        return self.folder.replace("/", "_")

    def entry(self, contrast: Contrast) -> Mapping[str, Any]:
        """Return what the manifest says of an acquired contrast; empty if nothing."""
        entry: Mapping[str, Any] = self.manifest.get("Contrasts", {}).get(str(contrast), {})
        return entry

    @cached_property
    def verdicts(self) -> list[VerdictLine]:
        """Verdicts of all stages: acquisition, registration, review, and the model's training data."""
        return [line for contrast in Contrast for line in self._verdicts_of(contrast)]

    def _verdicts_of(self, contrast: Contrast) -> Iterable[VerdictLine]:
        row, entry = self.rows[contrast], self.entry(contrast)
        if row.code != "n/a":
            yield VerdictLine(
                str(contrast), row.code, row.reason.split(";")[0], row.value, row.threshold, "acquired image"
            )
        for verdict in entry.get("verdicts", ()):
            yield VerdictLine(
                str(contrast),
                str(verdict.get("code", "")),
                str(verdict.get("sentence", "")),
                _number(verdict.get("value")),
                _number(verdict.get("threshold")),
                "preprocessed image",
            )
        if entry.get("status") in ("flagged", "failed") and not entry.get("verdicts"):
            yield VerdictLine(
                str(contrast), entry["status"], str(entry.get("reason", "")), "n/a", "n/a", "preprocessing"
            )
        domain = self.imputed.get(contrast, {}).get("Domain") or {}
        for problem in domain.get("problems", ()):
            yield VerdictLine(
                str(contrast), "outside-training-data", str(problem), "n/a", "n/a", "source of the synthetic image"
            )

    @property
    def warnings(self) -> list[str]:
        """What to know before use, the worst first."""
        lines = [f"{failure.step} failed: {failure.reason}" for failure in self.failures]
        lines += self.summary.warnings
        for contrast, record in self.imputed.items():
            problems = (record.get("Domain") or {}).get("problems", ())
            lines += [f"synthetic {contrast}: {problem}" for problem in problems]
            if record.get("demonstration"):
                lines.append(
                    f"synthetic {contrast}: made by a demonstration model that was trained on a handful of patients; "
                    "it shows how the program works and is not for research"
                )
        lines += [
            f"{contrast} {'is ' if reason == NOT_REACHED else 'stays missing: '}{reason}"
            for contrast, reason in self.summary.gaps.items()
        ]
        return list(dict.fromkeys(lines))


def read_session(output_dir: Path, folder: str) -> SessionFacts:
    """Gather what the records say about a session.

    Parameters
    ----------
    output_dir
        Derivatives.
    folder
        ``sub-X[/ses-Y]``.

    Raises
    ------
    GliofillError
        If there is no coverage table, or it lacks the session.
    """
    summary, failures = summarise_session(output_dir, folder)
    rows = {Contrast(row.contrast): row for row in coverage.read_session(output_dir / paths.COVERAGE, folder)}
    imputed = {
        contrast: record
        for contrast in Contrast
        if (record := read_if_there(output_dir / paths.imputed_qc(folder, contrast)))
        and summary.states[contrast] == "synthetic"
    }
    manifest = read_if_there(output_dir / paths.session_qc(folder))
    # worked out from the session's own records: its page does not wait for the table over the cohort
    reviews = {outcome.contrast: asdict(outcome) for outcome in review_session(list(rows.values()), manifest)}
    for contrast, state in summary.states.items():
        if state == "unfinished":
            reviews[str(contrast)] |= {"status": state, "reason": summary.gaps[contrast]}
    return SessionFacts(folder, rows, summary, failures, manifest, imputed, reviews)


def read_if_there(path: Path) -> dict[str, Any]:
    """Return a JSON object, empty if there is no such file."""
    return read_json(path) if path.is_file() else {}


def existing_logs(output_dir: Path, failure: Failure) -> tuple[str, ...]:
    """Return the logs of a failed step that are there, relative to the output folder."""
    return tuple(log for log in (failure.log, failure.slurm_log) if (output_dir / log).is_file())


def read_table(path: Path) -> list[dict[str, str]]:
    """Return the rows of a TSV file, none if there is no such file."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def _number(value: Any) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:.4g}"
    return "n/a" if value is None else str(value)
