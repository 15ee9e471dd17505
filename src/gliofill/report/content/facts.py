"""What the records of a session say about its contrasts: verdicts and warnings, for its page."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gliofill.contrasts import Contrast
from gliofill.files.atomic import read_json
from gliofill.files.tables import read_texts
from gliofill.quality.verdict import Verdict
from gliofill.report.status.session import NOT_REACHED, Failure, SessionFacts


@dataclass(frozen=True)
class VerdictLine:
    """A verdict on one contrast, as it is shown; see `gliofill.quality.verdict.Verdict`."""

    contrast: Contrast
    code: str
    sentence: str
    value: str
    threshold: str
    about: str


def verdict_lines(facts: SessionFacts) -> list[VerdictLine]:
    """Return the verdicts of all stages: acquisition, registration, review, and the model's training data."""
    return [line for contrast in Contrast for line in _verdicts_of(facts, contrast)]


def _verdicts_of(facts: SessionFacts, contrast: Contrast) -> Iterator[VerdictLine]:
    row, record = facts.reviewed.rows[contrast], facts.reviewed.record
    if row.code != "n/a":
        yield VerdictLine(contrast, row.code, row.fault, row.value, row.threshold, "acquired image")
    if record and (entry := record.contrasts.get(contrast)):
        for verdict in entry.verdicts or ():
            yield _line(contrast, verdict, "preprocessed image")
        if entry.status in ("flagged", "failed") and not entry.verdicts:
            yield VerdictLine(contrast, entry.status, entry.reason, "n/a", "n/a", "preprocessing")
    if made := facts.imputed.get(contrast):
        for problem in made.domain_problems:
            yield VerdictLine(contrast, "outside-training-data", problem, "n/a", "n/a", "source of the synthetic image")


def _line(contrast: Contrast, verdict: Verdict, about: str) -> VerdictLine:
    value, threshold = ("n/a" if number is None else f"{number:.4g}" for number in (verdict.value, verdict.threshold))
    return VerdictLine(contrast, verdict.code, verdict.sentence, value, threshold, about)


def warnings(facts: SessionFacts) -> list[str]:
    """Return what to know before use, but for the steps that failed; the worst first."""
    lines = list(facts.summary.warnings)
    for contrast, record in facts.imputed.items():
        if record.demonstration:
            lines.append(
                f"synthetic {contrast}: made by a demonstration model that was trained on a handful of patients; "
                "it shows how the program works and is not for research"
            )
    lines += [
        f"{contrast} {'is ' if reason == NOT_REACHED else 'stays missing: '}{reason}"
        for contrast, reason in facts.summary.gaps.items()
    ]
    return list(dict.fromkeys(lines))


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
    return [row for _, row in read_texts(path).rows]
