"""Which sessions of a cohort an audit looks at: complete ones, drawn with a seed, those unknown to the model first."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from gliofill.cohort.coverage import read_coverage
from gliofill.config.settings import AuditSettings
from gliofill.contrasts import Contrast, Task
from gliofill.derivatives import paths
from gliofill.derivatives.session_record import read_session_record
from gliofill.learning.models.folder import Model
from gliofill.learning.volumes.cases import Case


@dataclass(frozen=True)
class Sample:
    """The sessions of one audit.

    Attributes
    ----------
    cases
        Chosen sessions, sorted by folder.
    complete
        How many there were to choose from.
    """

    cases: Sequence[Case]
    complete: int


def draw_sample(output_dir: Path, model: Model, settings: AuditSettings) -> Sample:
    """Draw sessions in which a model can be tried.

    Those whose participant has a label that the model was not trained on come first: on the others it looks better than
    it is. A session's place in the draw depends on seed and name alone, so that a cohort that
    grows keeps most of its sample.

    Parameters
    ----------
    output_dir
        Derivatives of the cohort.
    model
        What is tried.
    settings
        Section ``audit`` of the configuration.
    """
    cases = list(find_complete(output_dir, model.task))
    cases.sort(key=lambda case: (_acquaintance(case.participant, model), _place(case.folder, settings.seed)))
    return Sample(sorted(cases[: settings.sessions], key=lambda case: case.folder), len(cases))


def find_complete(output_dir: Path, task: Task) -> Iterator[Case]:
    """Yield the sessions whose four contrasts were acquired, are usable, and came well out of preprocessing.

    Source and target must not be flagged either: the error of a shifted target would be the registration's.
    """
    for folder, rows in groupby(read_coverage(output_dir / paths.COVERAGE), key=lambda row: row.folder):
        used = {row.contrast for row in rows if row.action == "use"}
        if used == set(Contrast) and _is_preprocessed(output_dir, folder, task):
            lesion = output_dir / paths.lesion(folder)
            yield Case(
                folder,
                folder.split("/")[0].removeprefix("sub-"),
                source=output_dir / paths.preprocessed(folder, task.source),
                target=output_dir / paths.preprocessed(folder, task.target),
                brain=output_dir / paths.brain_mask(folder),
                lesion=lesion if lesion.is_file() else None,
            )


def _is_preprocessed(output_dir: Path, folder: str, task: Task) -> bool:
    record = read_session_record(output_dir, folder)
    status = {contrast: entry.status for contrast, entry in record.contrasts.items()} if record else {}
    is_whole = status.keys() == set(Contrast) and "failed" not in status.values()
    return is_whole and {status[task.source], status[task.target]} == {"ok"}


def _acquaintance(label: str, model: Model) -> int:
    return 2 if label in model.training.participants else 1 if label in model.calibrated_on else 0


def _place(folder: str, seed: int) -> str:
    return hashlib.sha256(f"{seed} {folder}".encode()).hexdigest()
