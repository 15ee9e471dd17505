"""Fill one gap of one session: preprocessed files in, a synthetic image out that says so in name, sidecar, header."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from gliofill import __version__
from gliofill.cohort.review import Outcome
from gliofill.cohort.reviewed_session import ReviewedSession, read_reviewed
from gliofill.config.settings import ImputeSettings
from gliofill.contrasts import TASKS, Contrast, task_filling
from gliofill.derivatives import paths
from gliofill.derivatives.acquired import acquired_spacing_mm
from gliofill.derivatives.imputation_record import ImputationRecord
from gliofill.errors import GliofillError
from gliofill.files.atomic import read_json, sha256, write_json
from gliofill.files.nifti import write_image
from gliofill.learning.models.calibration import Calibration
from gliofill.learning.models.chosen import DEMONSTRATION_WARNING, model_folder
from gliofill.learning.models.folder import Model, load_model
from gliofill.synthesis.volume import Source, judge_source, predict_volume, select_device


def fill(
    output_dir: Path,
    folder: str,
    target: Contrast,
    settings: ImputeSettings,
    *,
    if_planned: bool = False,
    into: Path | None = None,
) -> ImputationRecord:
    """Synthesise a contrast of a preprocessed session and write image, sidecar and record.

    If the source contrast failed in preprocessing, or was found unusable there, nothing is synthesised and the record
    says so.

    Parameters
    ----------
    output_dir
        Derivatives with the preprocessed session.
    folder
        ``sub-X[/ses-Y]``.
    target
        The contrast to fill.
    settings
        Section ``impute`` of the configuration.
    if_planned
        Record a gap instead of raising if nobody asks for that contrast: the workflow may start an imputation that an
        earlier review wanted, before the new review is there.
    into
        Folder that takes the place of `output_dir` for all that is written.

    Returns
    -------
    ImputationRecord
        Also written as `paths.imputed_qc`.

    Raises
    ------
    GliofillError
        If no task fills that contrast, the model cannot be used, the coverage table lacks the session, or neither
        coverage nor review plan it.
    """
    task = task_filling(target)
    if task is None:
        raise GliofillError(
            f"{target} cannot be synthesised honestly; only {', '.join(task.target for task in TASKS)} can"
        )
    into = into or output_dir
    session = read_reviewed(output_dir, folder)
    outcome, source = session.outcomes[target], session.outcomes[task.source]
    is_planned = "impute" in (session.rows[target].action, outcome.action)
    if not (is_planned or if_planned):
        raise GliofillError(
            f"{folder} {target}: neither {output_dir / paths.COVERAGE} nor the review plan to synthesise it "
            f"({outcome.status}; {outcome.reason})"
        )
    if outcome.action == "impute":
        model = load_model(model_folder(task, settings), task)
        record = _synthesise(output_dir, session, model, settings, into)
    else:
        _remove_earlier(into, folder, target)
        status, reason = _why_not(source) if is_planned else ("gap", f"not asked for: {outcome.reason}")
        record = ImputationRecord(session=folder, contrast=target, version=__version__, status=status, reason=reason)
    record = replace(record, settings=json.loads(settings.to_json()))
    record.write(into)
    return record


def _why_not(source: Outcome) -> tuple[str, str]:
    """Return status and reason of an imputation that coverage planned and whose source turned out to be of no use."""
    if source.status == "failed":
        return "failed", f"its source {source.contrast} failed in preprocessing: {source.reason}"
    return "gap", f"its source {source.contrast} is {source.status}: {source.reason}"


def _why(outcome: Outcome) -> str:
    """Return why an image is synthetic, for its sidecar."""
    if outcome.status != "unusable":
        return outcome.reason
    return f"the acquired {outcome.contrast} is unusable: {outcome.reason}"


def _synthesise(
    output_dir: Path, session: ReviewedSession, model: Model, settings: ImputeSettings, into: Path
) -> ImputationRecord:
    folder, source, target = session.folder, model.task.source, model.task.target
    why, state = _why(session.outcomes[target]), session.outcomes[source]
    source_name, name = paths.preprocessed(folder, source), paths.imputed(folder, target)
    image = Source.read(output_dir / source_name, output_dir / paths.brain_mask(folder))
    device = select_device(settings.device)
    synthesis = predict_volume(
        model,
        image,
        device=device,
        batch_size=settings.batch_size,
        flip_average=settings.flip_average,
    )
    domain = judge_source(model, image, acquired_spacing_mm(output_dir, source_name))
    _remove_earlier(into, folder, target)
    write_image(into / name, synthesis.image, image.affine, description=f"synthetic {target} from {source} by gliofill")
    write_json(into / paths.sidecar(name), _sidecar(model, source_name, why, state, domain.problems))
    files = [name]
    calibration = model.calibration
    if calibration is not None and synthesis.uncertainty is not None:
        files.append(paths.uncertainty(folder, target))
        write_image(
            into / files[1], synthesis.uncertainty, image.affine, description=f"uncertainty of synthetic {target}"
        )
        write_json(into / paths.sidecar(files[1]), _uncertainty_sidecar(model, calibration, name))
    files += _carry_to_native(output_dir, session, files, target, into)
    return ImputationRecord(
        session=folder,
        contrast=target,
        version=__version__,
        model=model.model_id,
        status="ok",
        reason=why,
        source=source,
        source_state=state.status,
        demonstration=model.is_demonstration,
        attribution=model.attribution,
        domain=domain,
        files={file: sha256(into / file) for file in files},
        sidecars={file: sha256(into / file) for file in map(paths.sidecar, files)},
    )


def _carry_to_native(
    output_dir: Path, session: ReviewedSession, files: Sequence[str], target: Contrast, into: Path
) -> list[str]:
    """Write what was synthesised in the session's own space too, if its preprocessing did; return the names."""
    record = session.record
    if record is None or record.reference is None or paths.NATIVE not in record.spaces:
        return []
    from gliofill.preprocess.native import carry_to_native

    reference = record.reference
    names = [name.replace(f"space-{paths.SPACE}", f"space-{paths.NATIVE}") for name in files]
    for image, name in zip(files, names, strict=True):
        carry_to_native(
            output_dir,
            session.folder,
            into / image,
            into / name,
            reference=reference,
            text=f"synthetic {target} by gliofill, resampled",
        )
        sidecar = read_json(into / paths.sidecar(image))
        sidecar["Description"] += f"; resampled to the grid of the session's {reference}"
        sidecar |= {
            "SpatialReference": record.contrasts[reference].source,
            "Sources": [f"bids::{image}"],
        }
        write_json(into / paths.sidecar(name), sidecar)
    return names


def _sidecar(model: Model, source_name: str, why: str, state: Outcome, outside: Sequence[str]) -> dict[str, object]:
    source, target = model.task.source, model.task.target
    warnings = [DEMONSTRATION_WARNING] if model.is_demonstration else []
    if state.status == "flagged":
        warnings.append(f"The source {source} is {state.status}: {state.reason}")
    warnings += outside
    return {
        "Description": f"Synthetic {target}, predicted from the acquired {source}; not an acquired image",
        "Synthetic": True,
        "SkullStripped": True,
        "SpatialReference": paths.SPATIAL_REFERENCE,
        "Sources": [f"bids::{source_name}"],
        "ImputationReason": why,
        "SynthesisMethod": {
            "Name": "conditional GAN (pix2pix), axial slices",
            "ModelID": model.model_id,
            "WeightsSHA256": model.sha256,
            "Version": __version__,
            "Seed": model.seed,
            "ModelCard": "see MODEL_CARD.md beside the weights",
        },
        **({"Warnings": warnings} if warnings else {}),
    }


def _uncertainty_sidecar(model: Model, calibration: Calibration, image: str) -> dict[str, object]:
    return {
        "Description": f"How far the acquired {model.task.target} may lie from its synthetic image: half-width of an "
        f"interval that held {calibration.coverage:.0%} of the brain voxels of held-out sessions",
        "Synthetic": True,
        "SkullStripped": True,
        "SpatialReference": paths.SPATIAL_REFERENCE,
        "Sources": [f"bids::{image}"],
        "Calibration": asdict(calibration),
        "ModelID": model.model_id,
    }


def _remove_earlier(output_dir: Path, folder: str, target: Contrast) -> None:
    for file in paths.imputed_files(folder, target):
        (output_dir / file).unlink(missing_ok=True)
