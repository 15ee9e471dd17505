"""What preprocessing will do with one session, decided before anything runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np

from gliofill.cohort.coverage import Row
from gliofill.config.settings import PreprocessSettings
from gliofill.contrasts import Contrast
from gliofill.derivatives.external_masks import ExternalMask, find_external_masks
from gliofill.errors import GliofillError
from gliofill.files.nifti import canonical_grid, is_same_grid, spacing_mm

#: order of preference among images of equal resolution
PREFERENCE = (Contrast.T1POST, Contrast.T1W, Contrast.T2W, Contrast.FLAIR)


@dataclass(frozen=True)
class Companion:
    """A mask or label image and the contrast whose grid it is drawn on."""

    path: Path
    contrast: Contrast


@dataclass(frozen=True)
class Target:
    """What a session is aligned to, where that is not the template: an image of another session on its grid.

    Attributes
    ----------
    image, mask
        The stripped image and its brain mask.
    uri
        BIDS URI of the image.
    folder
        ``sub-X/ses-Y`` of the other session.
    """

    image: Path
    mask: Path
    uri: str
    folder: str


@dataclass(frozen=True)
class SessionPlan:
    """Inputs of one session.

    Attributes
    ----------
    folder
        ``sub-X[/ses-Y]``.
    images
        The acquired image of each usable contrast.
    reference
        The contrast that the others are registered to.
    brain_mask
        A mask made elsewhere, whose voxels lie where those of the reference do; None if it is to be made.
    lesion
        Lesion labels; None if there are none.
    problems
        What was asked for and cannot be done, for instance lesion labels on an unknown grid.
    target
        What the reference is aligned to; None for the template.
    """

    folder: str
    images: Mapping[Contrast, Path]
    reference: Contrast
    brain_mask: Companion | None = None
    lesion: Companion | None = None
    problems: tuple[str, ...] = ()
    target: Target | None = None


def plan_session(bids_dir: Path, rows: list[Row], settings: PreprocessSettings) -> SessionPlan:
    """Plan one session from its rows of the coverage table.

    Raises
    ------
    GliofillError
        If no contrast is usable, or a mask cannot be read.
    """
    images = {Contrast(row.contrast): bids_dir / row.file for row in rows if row.action == "use"}
    if not images:
        raise GliofillError(f"{rows[0].folder}: no usable contrast, nothing to preprocess")
    folder = rows[0].folder
    reference = choose_reference(
        {contrast: spacing_mm(nib.Nifti1Image.from_filename(path).affine) for contrast, path in images.items()}
    )
    ranked = [reference, *(contrast for contrast in PREFERENCE if contrast in images and contrast is not reference)]
    preferred = {contrast: images[contrast] for contrast in ranked}
    mask, problem = match_external_mask(find_external_masks(settings.derivatives, folder, "brain"), preferred)
    problems = [problem] if problem else []
    if mask is not None:
        reference = mask.contrast
    lesion, problem = match_external_mask(find_external_masks(settings.derivatives, folder, "lesion"), images)
    if lesion is None:
        found, other = find_companion(bids_dir, folder, settings.lesion_pattern, images)
        lesion, problem = found, other or problem
    problems += [problem] if problem else []
    return SessionPlan(folder, images, reference, mask, lesion, tuple(problems))


def match_external_mask(masks: Sequence[ExternalMask], images: Mapping[Contrast, Path]) -> tuple[Companion | None, str]:
    """Find the first contrast that one of the masks belongs to, by its name and by its grid.

    Parameters
    ----------
    masks
        Of one session.
    images
        Usable contrasts, the preferred first.

    Returns
    -------
    companion
        None if none belongs to any.
    problem
        Why masks that are there cannot be used.

    Raises
    ------
    GliofillError
        If one of them cannot be read.
    """
    for contrast, image in images.items():
        for mask in masks:
            if mask.may_be_of(contrast, image) and _lies_alike(mask.path, image):
                return Companion(mask.path, contrast), ""
    if not masks:
        return None, ""
    return None, f"{', '.join(str(mask.path) for mask in masks)}: on the grid of no usable contrast, not used"


def _lies_alike(path: Path, other: Path) -> bool:
    """Tell whether the voxels of two images lie in the same places, in whatever order the files have them."""
    grids = [canonical_grid(image.shape[:3], image.affine) for image in map(_header, (path, other))]
    return is_same_grid(*grids[0], *grids[1])


def _header(path: Path) -> nib.Nifti1Image:
    try:
        return nib.Nifti1Image.from_filename(path)
    except Exception as error:  # nibabel raises a dozen types on damaged files
        raise GliofillError(f"{path}: cannot be read as NIfTI ({error})") from error


def choose_reference(spacings: Mapping[Contrast, np.ndarray]) -> Contrast:
    """Return the contrast with the finest slices; among those alike within 0.5 mm, the first of `PREFERENCE`.

    Examples
    --------
    >>> choose_reference({Contrast.T1POST: np.array([1, 1, 5]), Contrast.T2W: np.array([0.5, 0.5, 3])})
    <Contrast.T2W: 'T2w'>
    """
    finest = min(float(max(spacing)) for spacing in spacings.values())
    return next(contrast for contrast in PREFERENCE if contrast in spacings and max(spacings[contrast]) <= finest + 0.5)


def find_companion(
    bids_dir: Path, folder: str, pattern: str, images: Mapping[Contrast, Path]
) -> tuple[Companion | None, str]:
    """Find a mask that belongs to a session, and the contrast on whose grid it lies.

    Parameters
    ----------
    bids_dir
        The raw dataset.
    folder
        ``sub-X[/ses-Y]``.
    pattern
        Path below `bids_dir` with ``{folder}``, ``{prefix}``, ``{suffix}``, ``{ce}``; empty finds nothing.
    images
        Usable contrasts, the preferred first.

    Returns
    -------
    companion
        None if no file matches, or none lies on the grid of a contrast.
    problem
        Why a file that exists cannot be used.
    """
    if not pattern:
        return None, ""
    problem = ""
    for contrast, image in images.items():
        try:
            name = pattern.format(
                folder=folder,
                prefix=folder.replace("/", "_"),
                suffix=contrast.suffix,
                ce=contrast.ce_entity and f"{contrast.ce_entity}_",
            )
        except (KeyError, IndexError, ValueError) as error:
            raise GliofillError(
                f"pattern {pattern!r}: unknown placeholder {error}; known are folder, prefix, suffix, ce"
            ) from error
        path = bids_dir / name
        if not path.is_file():
            continue
        mask, target = nib.Nifti1Image.from_filename(path), nib.Nifti1Image.from_filename(image)
        if is_same_grid(mask.shape, mask.affine, target.shape, target.affine):
            return Companion(path, contrast), ""
        problem = f"{name} does not lie on the grid of any usable contrast"
    return None, problem
