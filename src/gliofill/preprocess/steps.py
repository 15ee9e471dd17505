"""The steps of a session, file in and file out, as nipype runs them."""

import json
from pathlib import Path

import ants
import numpy as np

from gliofill.config.settings import PreprocessSettings
from gliofill.contrasts import Contrast
from gliofill.errors import GliofillError
from gliofill.extraction.inference import brain_distance
from gliofill.extraction.model import EMBEDDED, load_model
from gliofill.files.itk_transform import write_transform
from gliofill.files.nifti import read_image
from gliofill.preprocess import brain
from gliofill.preprocess.bias import correct_bias
from gliofill.preprocess.consensus import OUTSIDE_MM
from gliofill.preprocess.external_programs import measure_brain
from gliofill.preprocess.registration import TEMPLATE_LIMITS, Registration, register
from gliofill.preprocess.resampling import resample
from gliofill.preprocess.rigid import read_matrix
from gliofill.preprocess.scratch import DISTANCE_FILE


def correct(image: Path, out: Path, *, bias_correction: bool, stripped: bool) -> None:
    """Write the bias-corrected image, same grid, non-negative float."""
    native = ants.image_read(str(image))
    if native.dimension != 3:
        raise GliofillError(f"{image}: is {native.dimension}-D, a 3-D image is needed")
    if bias_correction:
        native = correct_bias(native, brain.nonzero_mask(native) if stripped else None)
    ants.image_write(native, str(out))


def strip(
    image: Path,
    out: Path,
    *,
    settings: PreprocessSettings,
    contrast: Contrast,
    raw: Path | None = None,
    threads: int = 1,
) -> None:
    """Write the brain mask of an image.

    Parameters
    ----------
    image
        Bias-corrected.
    out
        Mask, same grid; if distances were measured, they go beside it as ``distance.nii``.
    settings
        Says how; see ``preprocess.brain_mask``.
    contrast
        Of the image.
    raw
        The acquired image, for ``none``.
    threads
        For a program of others.
    """
    native = ants.image_read(str(image))
    if settings.measures_brain:
        if settings.runs_program:
            distance = measure_brain(image, out.with_name("program"), settings, threads)
        else:
            model = load_model(settings.brain_model or EMBEDDED)
            distance = brain_distance(model, *read_image(image))
        ants.image_write(native.new_image_like(distance), str(out.with_name(DISTANCE_FILE)))
        mask = brain.mask_within(native, distance, settings.brain_border_mm)
    elif settings.brain_mask == "none":
        mask = brain.nonzero_mask(ants.image_read(str(raw)))
    else:
        own, own_mask = settings.head_template, settings.head_template_mask
        head = brain.read_template(own, own_mask) if own and own_mask else brain.built_in_template(contrast)
        mask = brain.carry_mask(native, head)
    ants.image_write(mask, str(out))


def take_mask(mask: Path, reference: Path, out: Path) -> None:
    """Write a brain mask that was made elsewhere on the grid of the reference, whose voxels it shares.

    Raises
    ------
    GliofillError
        If it has not the volume of a brain.
    """
    grid = ants.image_read(str(reference))
    given = ants.threshold_image(ants.image_read(str(mask)), 0.5, np.inf)
    # the order of the axes may differ; the places of the voxels do not
    taken = ants.resample_image_to_target(given, grid, interp_type="nearestNeighbor")
    brain.check_volume(taken.numpy() > 0, taken.spacing, str(mask))
    ants.image_write(taken, str(out))


def register_to_reference(reference: Path, mask: Path, moving: Path, out: Path) -> None:
    """Write the rigid transform from a contrast to the reference, and its scores beside it as JSON."""
    images = [ants.image_read(str(path)) for path in (reference, mask, moving)]
    _write_registration(register(*images), out)


def align(
    reference: Path, mask: Path, out: Path, *, contrast: Contrast, target: tuple[Path, Path] | None = None
) -> None:
    """Write the rigid transform from the reference to the template's grid, and its scores beside it as JSON.

    Parameters
    ----------
    reference, mask
        Image and its brain mask.
    out
        The transform.
    contrast
        Of the reference.
    target
        A stripped image of the same patient on the template's grid, which is aligned to instead of the template, and
        its brain mask: with what is measured within one person, folds inside the brain tell right from wrong.
    """
    stripped = ants.image_read(str(reference)) * ants.image_read(str(mask))
    if target is not None:
        fixed, fixed_brain = (ants.image_read(str(path)) for path in target)
        result = register(fixed, fixed_brain, stripped)
    else:
        template, template_brain = brain.built_in_template(contrast)
        result = register(template * template_brain, template_brain, stripped, fine=False, limits=TEMPLATE_LIMITS)
    _write_registration(result, out)


def _write_registration(result: Registration, out: Path) -> None:
    write_transform(out, result.matrix)
    out.with_suffix(".json").write_text(json.dumps(result.record.to_json()))


def resample_to_grid(
    image: Path, transforms: list[Path], out: Path, *, interpolation: str, grid: Path | None = None
) -> None:
    """Write an image on another grid, in one interpolation through the composed transform.

    Parameters
    ----------
    image
        Native image, mask or labels.
    transforms
        From the grid towards the image: template to reference, then reference to contrast.
    out
        Resampled image; the composed transform goes beside it as ``.txt``.
    interpolation
        ``linear``, ``sinc``, ``nearest``, ``mask`` (linear, then half), or ``distance`` (linear, and `OUTSIDE_MM`
        where the image ends).
    grid
        Image whose grid the result has; None takes that of the template.
    """
    matrix = np.eye(4)
    for path in transforms:
        matrix = read_matrix(path) @ matrix
    target = brain.template_grid() if grid is None else ants.image_read(str(grid))
    native = ants.image_read(str(image))
    if interpolation == "distance":
        result = resample(native, target, matrix, outside=OUTSIDE_MM)
    else:
        linear = interpolation == "mask"
        result = resample(native, target, matrix, interpolation="linear" if linear else interpolation)
    if interpolation == "mask":
        result = ants.threshold_image(result, 0.5, np.inf)
    ants.image_write(result, str(out))
    write_transform(out.with_suffix(".txt"), matrix)
