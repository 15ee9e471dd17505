"""From a preprocessed image back to the acquired one, as far as the files tell and the raw dataset is still there."""

from pathlib import Path
from urllib.parse import unquote, urlparse

import nibabel as nib
import numpy as np

from gliofill.derivatives import paths
from gliofill.errors import GliofillError
from gliofill.files.atomic import read_json
from gliofill.files.nifti import spacing_mm

_RAW = "bids:raw:"


def acquired_file(root: Path, image: str) -> Path | None:
    """Return the acquired image that a preprocessed one was made from.

    Parameters
    ----------
    root
        Output folder of the preprocessing; its ``dataset_description.json`` tells where the raw dataset is.
    image
        Preprocessed image, relative to `root`; its sidecar names its source.

    Returns
    -------
    Path or None
        None if a file does not tell, or the acquired image is no longer there.
    """
    try:
        sources = read_json(root / paths.sidecar(image)).get("Sources") or [""]
        link = (read_json(root / "dataset_description.json").get("DatasetLinks") or {}).get("raw", "")
    except GliofillError:
        return None
    if not str(sources[0]).startswith(_RAW) or not str(link).startswith("file:"):
        return None
    path = Path(unquote(urlparse(link).path)) / str(sources[0]).removeprefix(_RAW)
    return path if path.is_file() else None


def acquired_spacing_mm(root: Path, image: str) -> float | None:
    """Return the longest voxel edge of the acquired image in millimetres; None if it cannot be known."""
    path = acquired_file(root, image)
    if path is None:
        return None
    try:
        longest = float(spacing_mm(nib.Nifti1Image.from_filename(path).affine).max())
    except Exception:  # nibabel, zlib and numpy raise a dozen types on damaged files
        return None
    return longest if np.isfinite(longest) and longest > 0 else None
