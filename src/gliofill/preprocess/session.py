"""Preprocess one session: run its workflow in a scratch folder, then publish what came out as BIDS derivatives."""

import json
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gliofill import __version__
from gliofill.cohort.coverage import Row
from gliofill.config.settings import PreprocessSettings
from gliofill.contrasts import Contrast
from gliofill.derivatives import paths
from gliofill.derivatives.external_masks import source_uri
from gliofill.derivatives.session_record import (
    BrainMask,
    Checksums,
    Lesion,
    PreprocessedContrast,
    Registration,
    SessionRecord,
)
from gliofill.errors import GliofillError, MachineError
from gliofill.files.atomic import sha256, write_json
from gliofill.files.itk_transform import write_transform
from gliofill.files.nifti import read_image, write_image
from gliofill.preprocess.longitudinal import align_to_first, read_first
from gliofill.preprocess.masks import SessionMasks, describe, read_masks
from gliofill.preprocess.plan import SessionPlan, plan_session
from gliofill.preprocess.scratch import LESION, MASK, Scratch
from gliofill.preprocess.spaces import OutputSpace, output_spaces
from gliofill.preprocess.workflow import NodeFailure, build, run
from gliofill.run.disk import disk_problem
from gliofill.run.lock import remove_temporary
from gliofill.run.processes import KILLED


def preprocess_session(
    bids_dir: Path,
    output_dir: Path,
    rows: list[Row],
    *,
    settings: PreprocessSettings,
    work_dir: Path,
    threads: int,
    first: str = "",
) -> SessionRecord:
    """Register, skull-strip and resample the usable contrasts of one session, and write its record.

    A contrast whose steps fail is recorded as failed; the others are published all the same.

    Parameters
    ----------
    bids_dir, output_dir
        Raw dataset and derivatives.
    rows
        The session's rows of the coverage table.
    settings
        Section ``preprocess`` of the configuration.
    work_dir
        Scratch; the session's folder below it is removed at the end, also after a failure.
    threads
        Steps at a time; the result does not depend on it.
    first
        Session that this one is aligned to if it has usable images; empty for the template.

    Returns
    -------
    SessionRecord
        Also written as `paths.session_qc`.

    Raises
    ------
    GliofillError
        If the first session was not preprocessed yet.
    """
    folder = rows[0].folder
    earlier = read_first(output_dir, first) if first else None
    remove_temporary(output_dir / folder / "anat")  # of an attempt that was killed
    with scratch_folder(work_dir / folder.replace("/", "_")) as scratch:
        try:
            plan = plan_session(bids_dir, rows, settings)
            plan = align_to_first(plan, earlier) if earlier else plan
            failures = _run(plan, settings, scratch, threads=threads)
        except GliofillError as error:
            record = _failed_record(rows, str(error))
        else:
            record = _publish(_Publisher(plan, settings, bids_dir, output_dir, scratch, failures), scratch)
    record = replace(record, settings=json.loads(settings.to_json()))
    _remove_stale(output_dir, record)
    record.write(output_dir)
    return record


def _run(plan: SessionPlan, settings: PreprocessSettings, scratch: Path, *, threads: int) -> list[NodeFailure]:
    """Run the steps of a session.

    Raises
    ------
    MachineError
        If the disk failed or a process was killed: the session is not at fault, nothing is recorded, and the next run
        tries again.
    """
    try:
        failures = run(build(plan, settings, scratch, threads=threads), scratch, threads=threads)
    except BrokenExecutor as error:
        raise MachineError(f"{plan.folder}: {KILLED}") from error
    except (RuntimeError, OSError) as error:  # where there is no disk, nipype cannot tell which step failed
        if problem := disk_problem(str(error), scratch):
            raise MachineError(problem) from error
        raise
    for failure in failures:
        if problem := disk_problem(failure.message, scratch):
            raise MachineError(problem)
    return failures


def _publish(publisher: "_Publisher", scratch: Path) -> SessionRecord:
    """Publish the results of the steps.

    Raises
    ------
    MachineError
        If a result is not whole because the disk is full: ITK writes what fits, and calls it success.
    """
    try:
        return publisher.publish()
    except GliofillError as error:
        if problem := disk_problem(str(error), scratch):
            raise MachineError(problem) from error
        raise


@contextmanager
def scratch_folder(path: Path) -> Iterator[Path]:
    """Make an empty folder, and remove it at the end."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _failed_record(rows: list[Row], reason: str) -> SessionRecord:
    failed = PreprocessedContrast(status="failed", reason=reason)
    contrasts = {Contrast(row.contrast): failed for row in rows if row.action == "use"}
    return SessionRecord(session=rows[0].folder, version=__version__, contrasts=contrasts)


def _remove_stale(output_dir: Path, record: SessionRecord) -> None:
    """Remove derivatives of an earlier run that this run did not make again."""
    current = {output_dir / file for part in record.parts for file in part.files}
    for path in (output_dir / record.session / "anat").glob("*"):
        is_ours = any(mark in path.name for mark in ("desc-preproc_", "desc-brain_mask", "seg-lesion_dseg", "_xfm.txt"))
        if is_ours and path not in current and path.with_suffix("").with_suffix(".nii.gz") not in current:
            path.unlink()


class _Publisher:
    """Turns the scratch files of one session into derivatives."""

    def __init__(
        self,
        plan: SessionPlan,
        settings: PreprocessSettings,
        bids_dir: Path,
        output_dir: Path,
        scratch: Path,
        failures: list[NodeFailure],
    ) -> None:
        self.plan, self.settings, self.bids_dir, self.output_dir = plan, settings, bids_dir, output_dir
        self.scratch = Scratch(scratch, plan.reference)
        self.failures = {failure.node: failure.message for failure in failures}
        self.spaces = output_spaces(plan, settings, self.scratch, self._source(plan.images[plan.reference]))

    def publish(self) -> SessionRecord:
        """Write what the workflow made, and return the record."""
        record = SessionRecord(
            session=self.plan.folder,
            version=__version__,
            reference=self.plan.reference,
            bias_correction=self.settings.bias_correction,
            contrasts={contrast: self._failed(contrast) for contrast in self.plan.images},
        )
        if not self.scratch.on_template(MASK).is_file():
            return record
        found = read_masks(self.plan, self.settings, self.scratch, self.spaces)
        masks = found.by_space
        target = self.plan.target.uri if self.plan.target else paths.SPACE
        alignment = Registration.read(self.scratch.alignment_scores)
        record = replace(
            record,
            spaces=tuple(space.label for space in self.spaces),
            brain_mask=self._publish_mask(found),
            template_alignment=replace(alignment, target=target),
            contrasts={contrast: self._publish_contrast(contrast, masks) for contrast in self.plan.images},
            lesion=self._publish_lesion(),
            problems=self.plan.problems,
        )
        return self._judged(record, masks[paths.SPACE])

    def _judged(self, record: SessionRecord, mask: NDArray[np.bool_]) -> SessionRecord:
        from gliofill.preprocess.verdicts import judge_session  # nilearn takes seconds to load

        files = {contrast: self.scratch.on_template(contrast) for contrast in self.plan.images}
        images = {contrast: read_image(file)[0] for contrast, file in files.items() if file.is_file()}
        return judge_session(record, images, mask)

    def _failed(self, contrast: Contrast) -> PreprocessedContrast:
        """Find the failed step that this contrast waited for."""
        steps = self.scratch.steps.needed_for(contrast)
        reason = next((f"{step}: {self.failures[step]}" for step in steps if step in self.failures), "not reached")
        return PreprocessedContrast(status="failed", reason=reason, source=self._source(self.plan.images[contrast]))

    def _publish_mask(self, found: SessionMasks) -> BrainMask:
        provided = self.plan.brain_mask
        looked_at = [self.plan.images[contrast] for contrast in found.voters or (self.plan.reference,)]
        sources = [self._source(path) for path in ([provided.path] if provided else looked_at)]
        made = describe(found, self.plan, self.settings)
        names = []
        for space in self.spaces:
            names.append(paths.brain_mask(self.plan.folder, space=space.label))
            _, affine = read_image(space.find(MASK))
            mask = found.by_space[space.label]
            write_image(self.output_dir / names[-1], mask, affine, dtype="uint8", description="brain mask")
            description = f"Brain mask of the session (method: {made.method})"
            self._write_sidecar(names[-1], space, sources, Description=description, Type="Brain")
        files, sidecars = self._checksums(*names)
        return replace(made, sources=tuple(sources), files=files, sidecars=sidecars)

    def _publish_contrast(self, contrast: Contrast, masks: Mapping[str, NDArray[np.bool_]]) -> PreprocessedContrast:
        if not all(space.find(contrast).is_file() for space in self.spaces):
            return self._failed(contrast)
        source = self._source(self.plan.images[contrast])
        names = []
        for space in self.spaces:
            names.append(paths.preprocessed(self.plan.folder, contrast, space=space.label))
            data, affine = read_image(space.find(contrast))
            inside = np.where(masks[space.label], np.maximum(data, 0), 0)
            write_image(self.output_dir / names[-1], inside, affine, description="acquired, preprocessed")
            description = self._description(contrast, space)
            self._write_sidecar(
                names[-1], space, [source], Description=description, Synthetic=False, SkullStripped=True
            )
        names += self._publish_transforms(contrast, self.scratch.transform(contrast))
        scores = self.scratch.registration_scores(contrast)
        registration = Registration.read(scores) if scores.is_file() else None
        files, sidecars = self._checksums(*names)
        return PreprocessedContrast(
            status="ok", reason="", source=source, registration=registration, files=files, sidecars=sidecars
        )

    def _description(self, contrast: Contrast, space: OutputSpace) -> str:
        steps = ["bias-corrected (N4)"] if self.settings.bias_correction else []
        return f"Acquired {contrast}: {', '.join([*steps, space.description, 'stripped to the brain'])}"

    def _publish_transforms(self, contrast: Contrast, composed: Path) -> tuple[str, str]:
        from gliofill.preprocess.rigid import read_matrix  # loads ITK, which the scheduling of the nodes must not

        matrix = read_matrix(composed)
        names = (
            paths.transform(self.plan.folder, contrast),
            paths.transform(self.plan.folder, contrast, inverse=True),
        )
        write_transform(self.output_dir / names[0], matrix)
        write_transform(self.output_dir / names[1], np.linalg.inv(matrix))
        return names

    def _publish_lesion(self) -> Lesion | None:
        if self.plan.lesion is None:
            return None
        source = self._source(self.plan.lesion.path)
        if not all(space.find(LESION).is_file() for space in self.spaces):
            steps = (self.scratch.steps.to_template(LESION), self.scratch.steps.to_native(LESION))
            reason = next((self.failures[step] for step in steps if step in self.failures), "not reached")
            return Lesion(status="failed", reason=reason, source=source)
        names = []
        for space in self.spaces:
            names.append(paths.lesion(self.plan.folder, space=space.label))
            data, affine = read_image(space.find(LESION))
            write_image(self.output_dir / names[-1], np.rint(data), affine, dtype="uint8", description="lesion labels")
            description = "Lesion labels, carried over by nearest neighbour"
            self._write_sidecar(names[-1], space, [source], Description=description)
        files, sidecars = self._checksums(*names)
        return Lesion(status="ok", source=source, grid=self.plan.lesion.contrast, files=files, sidecars=sidecars)

    def _source(self, path: Path) -> str:
        return source_uri(path, self.bids_dir, self.settings.derivatives)

    def _write_sidecar(self, image: str, space: OutputSpace, sources: list[str], **fields: object) -> None:
        content = {"SpatialReference": space.reference, **fields, "Sources": [*sources, *space.sources]}
        write_json(self.output_dir / paths.sidecar(image), content)

    def _checksums(self, *names: str) -> tuple[Checksums, Checksums]:
        """Return the checksums of images and transforms, and those of the images' sidecars."""
        sidecars = [paths.sidecar(name) for name in names if name.endswith(".nii.gz")]
        files, others = ({name: sha256(self.output_dir / name) for name in each} for each in (names, sidecars))
        return files, others
