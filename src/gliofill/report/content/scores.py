"""Numbers that tell how well steps went, session by session: what the cohort page plots, and a table of the same."""

import csv
from collections.abc import Collection, Iterator, Mapping
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

from gliofill.contrasts import Contrast
from gliofill.derivatives import paths
from gliofill.files.atomic import whole_file, write_json
from gliofill.report.content.facts import read_table
from gliofill.report.content.provenance import is_aligned_to_first

#: columns of the quality table that may hold a number and are no score
_NO_SCORES = ("participant_id", "session_id", "contrast", "file", "value", "threshold")

COLUMNS = {
    "participant_id": "Participant, with sub-.",
    "session_id": "Session, with ses-; n/a if the dataset has no sessions.",
    "contrast": "Contrast that the number is about; all for the whole session.",
    "score": (
        "Name of the number. registration: of the best attempt, the contrast against the reference of its session, "
        "or the reference against the template (template alignment) or the participant's first session (first session "
        "alignment). brain volume in mL. raw: a column of "
        f"{paths.QUALITY}. source: how far the source of a synthetic contrast lies from the training data."
    ),
    "value": "The number.",
}


@dataclass(frozen=True)
class Score:
    """One number about one contrast of one session; see `COLUMNS`."""

    participant_id: str
    session_id: str
    contrast: str
    score: str
    value: float

    @property
    def folder(self) -> str:
        """Path of the session below a BIDS root."""
        return self.participant_id if self.session_id == "n/a" else f"{self.participant_id}/{self.session_id}"


def session_scores(
    folder: str, manifest: Mapping[str, Any], imputed: Mapping[Contrast, Mapping[str, Any]]
) -> Iterator[Score]:
    """Yield the numbers in the records of one session.

    Parameters
    ----------
    folder
        ``sub-X[/ses-Y]``.
    manifest
        Record of preprocessing.
    imputed
        Records of imputation, by contrast.
    """
    participant, _, session = folder.partition("/")
    who = (participant, session or "n/a")
    for contrast, entry in manifest.get("Contrasts", {}).items():
        for name, value in _best_scores(entry.get("registration")):
            yield Score(*who, contrast, f"registration: {name}", value)
    for name, value in _best_scores(manifest.get("TemplateAlignment")):
        score = f"{'first session' if is_aligned_to_first(manifest) else 'template'} alignment: {name}"
        yield Score(*who, str(manifest.get("Reference", "all")), score, value)
    volume = manifest.get("BrainMask", {}).get("volume_mL")
    if _is_number(volume):
        yield Score(*who, "all", "brain volume (mL)", float(volume))
    for contrast, value in manifest.get("BrainMask", {}).get("agreement", {}).items():
        yield Score(*who, contrast, "brain mask: overlap with the others", float(value))
    for contrast, record in imputed.items():
        for name, value in ((record.get("Domain") or {}).get("scores") or {}).items():
            yield Score(*who, str(contrast), f"source: {name.replace('_', ' ')}", float(value["value"]))


def quality_scores(output_dir: Path, chosen: Collection[str]) -> Iterator[Score]:
    """Yield the scores of the raw images that were chosen, given by their paths, if they were measured."""
    for row in read_table(output_dir / paths.QUALITY):
        if row["file"] not in chosen:
            continue
        for name, text in row.items():
            try:
                value = float(text)
            except (TypeError, ValueError):
                continue
            if name not in _NO_SCORES and value == value:
                yield Score(row["participant_id"], row.get("session_id", "n/a"), row["contrast"], f"raw: {name}", value)


def write_scores(output_dir: Path, scores: list[Score]) -> None:
    """Write the table of scores and its data dictionary."""
    path = output_dir / paths.SCORES
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, delimiter="\t", lineterminator="\n")
        table.writerow(field.name for field in fields(Score))
        table.writerows((*astuple(score)[:-1], f"{score.value:.6g}") for score in scores)
    write_json(path.with_suffix(".json"), {name: {"Description": text} for name, text in COLUMNS.items()})


def _best_scores(record: Mapping[str, Any] | None) -> Iterator[tuple[str, float]]:
    if not record:
        return
    for name, value in record["attempts"][record["best"]]["after"].items():
        if _is_number(value):
            yield name.replace("_", " "), float(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value
