"""Synthetic images in the session's own space: from the template's grid back to that of the reference contrast."""

from pathlib import Path

import ants
import numpy as np

from gliofill.contrasts import Contrast
from gliofill.derivatives import paths
from gliofill.files.nifti import read_image, write_image
from gliofill.preprocess.resampling import resample
from gliofill.preprocess.rigid import read_matrix


def carry_to_native(output_dir: Path, folder: str, image: Path, out: Path, *, reference: Contrast, text: str) -> None:
    """Write an image of the template's grid on the grid of the reference, in one linear interpolation.

    Parameters
    ----------
    output_dir
        Derivatives with the session's brain mask in its own space and the transforms of the reference.
    folder
        ``sub-X[/ses-Y]``.
    image, out
        Image on the template's grid, and where the result goes.
    reference
        Contrast that the others were registered to.
    text
        For the header.
    """
    mask, affine = read_image(output_dir / paths.brain_mask(folder, space=paths.NATIVE))
    grid = ants.image_read(str(output_dir / paths.brain_mask(folder, space=paths.NATIVE)))
    # points of the reference to points of the template: the direction in which an image is brought to the reference
    matrix = read_matrix(output_dir / paths.transform(folder, reference, inverse=True))
    carried = resample(ants.image_read(str(image)), grid, matrix).numpy()
    write_image(out, np.where(mask > 0, carried, 0), affine, description=text)
