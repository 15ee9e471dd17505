"""Where a run stands while it goes on, read from the records and logs that its jobs have left so far."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from gliofill.cohort.coverage import read_coverage
from gliofill.contrasts import Contrast
from gliofill.derivatives import paths
from gliofill.derivatives.imputation_record import ImputationRecord
from gliofill.derivatives.session_record import SessionRecord
from gliofill.report.status.logs import last_words
from gliofill.report.status.session import Failure
from gliofill.run.lock import read_lock_holder


@dataclass
class Stage:
    """How far the jobs of one kind are.

    Attributes
    ----------
    planned, done
        Jobs. A job that recorded a failure is done.
    failures
        What went wrong in them so far.
    under_way
        Session (and contrast) of the jobs that have begun and left no record yet.
    """

    name: str
    planned: int = 0
    done: int = 0
    failures: list[Failure] = field(default_factory=list)
    under_way: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class RunProgress:
    """Where a run stands.

    Attributes
    ----------
    is_running
        Whether Snakemake holds the output folder.
    stages
        In their order; empty before the coverage table is there.
    quiet_seconds
        Since a job last wrote to its log or record; None if none did.
    """

    is_running: bool
    stages: tuple[Stage, ...]
    quiet_seconds: float | None

    @property
    def failures(self) -> list[Failure]:
        """What failed so far."""
        return [failure for stage in self.stages for failure in stage.failures]


@dataclass(frozen=True)
class _Job:
    stage: str
    folder: str
    what: str
    record: str
    log: str


def read_progress(output_dir: Path) -> RunProgress:
    """Look where the run in an output folder stands.

    Raises
    ------
    GliofillError
        If the coverage table is damaged.
    """
    holder = read_lock_holder(output_dir)
    is_killed = holder is not None and holder.is_gone
    is_running = any((output_dir / ".snakemake" / "locks").glob("*.lock")) and not is_killed
    if not (output_dir / paths.COVERAGE).is_file():
        return RunProgress(is_running, (), None)
    stages = {name: Stage(name) for name in ("preprocess", "impute", "page")}
    newest = 0.0
    for job in _jobs(output_dir):
        newest = max(newest, _look(output_dir, job, stages[job.stage]))
    return RunProgress(is_running, tuple(stages.values()), time.time() - newest if newest else None)


def _jobs(output_dir: Path) -> Iterator[_Job]:
    seen: set[tuple[str, str]] = set()
    for row in read_coverage(output_dir / paths.COVERAGE):
        folder = row.folder
        if ("page", folder) not in seen:
            seen.add(("page", folder))
            # written by the last of the other steps, in their logs
            yield _Job("page", folder, "page", paths.session_page(folder), "n/a")
        if row.action == "use" and ("preprocess", folder) not in seen:
            seen.add(("preprocess", folder))
            record = paths.session_qc(folder)
            yield _Job("preprocess", folder, "session", record, paths.step_log("preprocess", folder))
        if row.action == "impute":
            contrast = Contrast(row.contrast)
            record = paths.imputed_qc(folder, contrast)
            yield _Job("impute", folder, contrast, record, paths.step_log("impute", folder, contrast))


def _look(output_dir: Path, job: _Job, stage: Stage) -> float:
    """Count a job in its stage and return when it last left a sign, seconds since the epoch."""
    stage.planned += 1
    record, log = output_dir / job.record, output_dir / job.log
    if record.is_file():
        stage.done += 1
        stage.failures += _recorded_failures(record, job)
        return record.stat().st_mtime
    if not log.is_file():
        return 0.0
    if reason := last_words(log):
        stage.failures.append(Failure(job.folder, f"{job.stage} {job.what}", reason, job.log))
    else:
        stage.under_way.append(job.folder if job.what in ("session", "page") else f"{job.folder} {job.what}")
    return log.stat().st_mtime


def _recorded_failures(path: Path, job: _Job) -> Iterator[Failure]:
    if job.stage == "preprocess":
        for contrast, entry in SessionRecord.read(path).contrasts.items():
            if entry.status == "failed":
                yield Failure(job.folder, f"preprocess {contrast}", entry.reason, job.log)
    elif job.stage == "impute":
        record = ImputationRecord.read(path)
        if record.status == "failed":
            yield Failure(job.folder, f"impute {job.what}", record.reason, job.log)
