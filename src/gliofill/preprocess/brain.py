"""Brain masks: from distances, carried over from a head template, or the non-zero voxels of a stripped image."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ants
import numpy as np
from numpy.typing import NDArray

from gliofill.contrasts import Contrast
from gliofill.errors import GliofillError
from gliofill.extraction.largest_piece import tidy
from gliofill.files.nifti import write_image
from gliofill.simulation.head import built_in_head, render

#: the registration that carries the mask works on voxels of this size
CARRY_SPACING_MM = 3.0
#: its last stage looks this far around the brain: CSF and skull guide it, face and neck do not
BRAIN_MARGIN_MM = 12.0

# ITK draws its samples at random; a fixed seed makes the same result of the same images
ants.config.set_ants_deterministic(True, seed_value=1)


def template_grid() -> ants.ANTsImage:
    """Return the 1 mm grid of the ICBM 2009a symmetric template that all outputs share."""
    head = built_in_head()
    return as_ants(head.brain.astype(np.float32), head.affine)


def built_in_template(contrast: Contrast) -> tuple[ants.ANTsImage, ants.ANTsImage]:
    """Return the built-in head as a contrast shows it, and its brain mask."""
    head = built_in_head()
    return as_ants(render(head, contrast), head.affine), template_grid()


def read_template(image: Path, mask: Path) -> tuple[ants.ANTsImage, ants.ANTsImage]:
    """Read a head template and its brain mask from files.

    Raises
    ------
    GliofillError
        If a file is missing or the two do not share a grid.
    """
    for path in (image, mask):
        if not path.is_file():
            raise GliofillError(f"preprocess.head_template: {path}: no such file")
    head, brain = ants.image_read(str(image)), ants.image_read(str(mask))
    if not ants.image_physical_space_consistency(head, brain):
        raise GliofillError(f"preprocess.head_template_mask: {mask} does not share the grid of {image}")
    return head, ants.threshold_image(brain, 0.5, np.inf)


def carry_mask(image: ants.ANTsImage, template: tuple[ants.ANTsImage, ants.ANTsImage]) -> ants.ANTsImage:
    """Return the brain mask of an unstripped image, carried over from a head template.

    A similarity of the whole heads comes first: with thick slices, an affine start shears into face and neck.
    The affine that follows looks only at the neighbourhood of the brain.

    Parameters
    ----------
    image
        Bias-corrected image with skull.
    template
        A head and its brain mask.

    Raises
    ------
    GliofillError
        If the mask has not the volume of a brain.
    """
    fixed, head, brain = (_isotropic(each) for each in (image, *template))
    levels: dict[str, Any] = {"aff_shrink_factors": (2, 1), "aff_random_sampling_rate": 0.3}
    with tempfile.TemporaryDirectory(prefix="gliofill-brain-") as scratch:
        start = ants.registration(
            fixed,
            head,
            "Similarity",
            outprefix=f"{scratch}/start-",
            aff_iterations=(200, 100),
            aff_smoothing_sigmas=(2, 0),
            **levels,
        )["fwdtransforms"]
        near = ants.threshold_image(ants.apply_transforms(fixed, brain, start), 0.5, np.inf)
        result = ants.registration(
            fixed,
            head,
            "Affine",
            initial_transform=start,
            mask=grow(near, BRAIN_MARGIN_MM),
            mask_all_stages=True,
            outprefix=f"{scratch}/out-",
            aff_iterations=(100, 50),
            aff_smoothing_sigmas=(1, 0),
            **levels,
        )
        carried = ants.apply_transforms(image, template[1], result["fwdtransforms"])
    return _tidy(image, carried.numpy() > 0.5)


def mask_within(image: ants.ANTsImage, distance: NDArray[np.float32], border_mm: float) -> ants.ANTsImage:
    """Return the mask of the voxels that are near enough to the brain: the largest piece, without holes.

    Parameters
    ----------
    image
        Gives the grid.
    distance
        Same grid: millimetres from the surface of the brain, negative inside.
    border_mm
        How far beyond the surface the mask goes.

    Raises
    ------
    GliofillError
        If it has not the volume of a brain.
    """
    return _tidy(image, distance < border_mm)


def grow(mask: ants.ANTsImage, radius_mm: float) -> ants.ANTsImage:
    """Grow a mask by a distance; morphology in voxels would grow thick slices too far."""
    outside = ants.iMath(ants.threshold_image(mask, 0.5, np.inf), "MaurerDistance")
    return ants.threshold_image(outside, -np.inf, radius_mm)


def nonzero_mask(image: ants.ANTsImage) -> ants.ANTsImage:
    """Return the brain mask of a stripped image: its non-zero voxels without holes.

    Raises
    ------
    GliofillError
        If the mask has not the volume of a brain, for instance because the image still has its skull.
    """
    return _tidy(image, image.numpy() != 0)


def _tidy(image: ants.ANTsImage, mask: NDArray[np.bool_]) -> ants.ANTsImage:
    mask = tidy(mask)
    check_volume(mask, image.spacing, "brain mask")
    return image.new_image_like(mask.astype(np.float32))


def check_volume(mask: NDArray[np.bool_], spacing_mm: Sequence[float], what: str) -> None:
    """Refuse a mask that has not the volume of a brain.

    Raises
    ------
    GliofillError
        Beginning with `what`.
    """
    volume_ml = float(mask.sum() * np.prod(spacing_mm) / 1000)
    if not 400 <= volume_ml <= 2500:
        raise GliofillError(f"{what}: its volume is {volume_ml:.0f} mL, a brain has 400 to 2500 mL")


def _isotropic(image: ants.ANTsImage) -> ants.ANTsImage:
    return ants.resample_image(image, (CARRY_SPACING_MM,) * 3, use_voxels=False, interp_type=0)


def as_ants(data: NDArray[np.float32], affine: NDArray[np.float64]) -> ants.ANTsImage:
    """Return an array and its affine to RAS millimetres as an image of ANTs."""
    with tempfile.TemporaryDirectory(prefix="gliofill-template-") as scratch:
        path = Path(scratch) / "image.nii.gz"
        write_image(path, data, affine)
        return ants.image_read(str(path))
