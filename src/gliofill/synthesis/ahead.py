"""Gaps that wait for a GPU: filled ahead by a job that has one, taken over later by their own jobs.

Importing PyTorch, waking the GPU and loading a model take longer than filling a gap there. So a job with a GPU goes
on after its own gap with those of other sessions whose preprocessing is done, and lays each result down in a folder of
its own, whole or not at all. The job of such a gap finds it, moves it to its place and loads nothing. A session that
cannot be filled ahead is left to its own job: no session fails for another.
"""

import hashlib
import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import groupby, islice
from pathlib import Path

from gliofill import __version__
from gliofill.cohort.coverage import Row, read_coverage, read_session
from gliofill.cohort.reviewed_session import ReviewedSession
from gliofill.config.settings import ImputeSettings
from gliofill.contrasts import Contrast, task_filling
from gliofill.derivatives import paths
from gliofill.derivatives.imputation_record import ImputationRecord
from gliofill.derivatives.session_record import read_session_record
from gliofill.errors import GliofillError
from gliofill.files.atomic import sha256, write_text
from gliofill.learning.models.chosen import model_checksum

#: jobs start in about the order of the coverage table, so those that wait stand soon after a job's own session
LOOK_AT = 200
#: a job ends well within the time that the rule asks for
MOST_SECONDS = 300.0
#: about as long as a job would take to start by itself
PATIENCE_SECONDS = 30.0


@dataclass(frozen=True)
class Gap:
    """A contrast to synthesise.

    Attributes
    ----------
    output_dir
        Derivatives.
    folder
        ``sub-X[/ses-Y]``.
    target
        The contrast.
    """

    output_dir: Path
    folder: str
    target: Contrast

    @property
    def record(self) -> Path:
        """The record of the imputation."""
        return self.output_dir / paths.imputed_qc(self.folder, self.target)

    def place(self, state: str) -> Path:
        """Return the folder of its result (``done``), or the claim of a job that fills it (``ahead``, ``own``)."""
        return self.output_dir / ".gliofill" / "ahead" / f"{self.folder.replace('/', '_')}_{self.target}.{state}"

    @property
    def is_open(self) -> bool:
        """Whether it has no image yet and nobody works at one."""
        return not self.record.exists() and not any(self.place(state).exists() for state in ("own", "ahead", "done"))

    @contextmanager
    def claimed_by_its_job(self) -> Iterator[None]:
        """Keep other jobs from filling it ahead; afterwards nothing of theirs is left."""
        own = self.place("own")
        own.mkdir(parents=True, exist_ok=True)
        try:
            yield
        finally:
            for state in ("ahead", "done", "own"):
                shutil.rmtree(self.place(state), ignore_errors=True)

    def inputs(self, rows: list[Row], settings: ImputeSettings) -> str:
        """Return a checksum of all that its image depends on.

        Parameters
        ----------
        rows
            The session's rows of the coverage table.
        settings
            Section ``impute`` of the configuration.
        """
        task = task_filling(self.target)
        assert task is not None
        # the record of the session holds the checksums of the preprocessed images
        record = sha256(self.output_dir / paths.session_qc(self.folder))
        parts = (
            __version__,
            settings.to_json(),
            model_checksum(task, settings),
            record,
            [asdict(row) for row in rows],
        )
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def take(gap: Gap, settings: ImputeSettings) -> ImputationRecord | None:
    """Move what another job made ahead to its place, and return its record; None if there is nothing that fits.

    Waits for a job that is about to finish it.
    """
    end = time.monotonic() + PATIENCE_SECONDS
    while gap.place("ahead").is_dir() and time.monotonic() < end:
        time.sleep(0.2)
    done = gap.place("done")
    if not done.is_dir():
        return None
    rows = read_session(gap.output_dir / paths.COVERAGE, gap.folder)
    if (done / "inputs.txt").read_text() != gap.inputs(rows, settings):
        return None
    for name in paths.imputed_files(gap.folder, gap.target):
        (gap.output_dir / name).unlink(missing_ok=True)
        if (done / name).is_file():
            (done / name).replace(gap.output_dir / name)
    # the record, which vouches for the image, comes last
    (done / paths.imputed_qc(gap.folder, gap.target)).replace(gap.record)
    return ImputationRecord.read(gap.record)


def fill_ahead(own: Gap, settings: ImputeSettings, *, most: int) -> Iterator[Gap]:
    """Fill gaps of other sessions that wait, one after the other, and yield each that was filled.

    Parameters
    ----------
    own
        Gap of this job, which is filled already.
    settings
        Section ``impute`` of the configuration.
    most
        Gaps to fill.
    """
    end = time.monotonic() + MOST_SECONDS
    for gap, inputs in islice(_waiting(own, settings), most):
        if time.monotonic() > end:
            return
        if _fill(gap, inputs, settings):
            yield gap


def _waiting(own: Gap, settings: ImputeSettings) -> Iterator[tuple[Gap, str]]:
    """Yield gap and checksum of inputs of what stands after `own` in the coverage table and waits."""
    table = read_coverage(own.output_dir / paths.COVERAGE)
    sessions = [(folder, list(rows)) for folder, rows in groupby(table, key=lambda row: row.folder)]
    first = next(index for index, (folder, _) in enumerate(sessions) if folder == own.folder)
    for folder, rows in (sessions[first:] + sessions[:first])[:LOOK_AT]:
        try:
            record = read_session_record(own.output_dir, folder)
            planned = ReviewedSession.of(rows, record).to_impute if record else []
            gaps = [Gap(own.output_dir, folder, contrast) for contrast in planned]
            found = [(gap, gap.inputs(rows, settings)) for gap in gaps if gap != own and gap.is_open]
        except (GliofillError, OSError):  # its own job reports a damaged or vanished record
            continue
        yield from found


def _fill(gap: Gap, inputs: str, settings: ImputeSettings) -> bool:
    from gliofill.synthesis.gap import fill

    claim = gap.place("ahead")
    try:
        claim.mkdir(parents=True)
    except OSError:  # another job was faster, or the disk is full
        return False
    # a claim that is left by a process that died here keeps others from dying there, too
    try:
        fill(gap.output_dir, gap.folder, gap.target, settings, into=claim)
        write_text(claim / "inputs.txt", inputs)
        if not gap.record.exists():  # its job has not lost patience
            claim.rename(gap.place("done"))
    except Exception as error:  # whatever it is, the gap's own job will meet it and record it
        print(f"{gap.folder} {gap.target}: left to its own job ({error})")
    shutil.rmtree(claim, ignore_errors=True)
    return gap.place("done").is_dir()
