"""The volumes of the interactive viewer: small enough for a page, in a file that a browser loads from a folder.

A browser forbids a page that was opened from a folder to fetch files, but not to load a script. The volumes therefore
are a script that holds NIfTI files as text; the viewer asks for it when a reader starts it.
"""

import base64
import gzip
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import affine_transform, gaussian_filter

from gliofill.files.atomic import whole_file

#: edge of a voxel in the viewer; the whole session stays at 3 to 4 MB
VOXEL_MM = 1.5


@dataclass(frozen=True)
class ViewerVolume:
    """One volume of the viewer.

    Attributes
    ----------
    label
        What the reader sees.
    kind
        ``image``, ``mask`` or ``map``: what it may be laid over, and in which colours.
    limits
        Intensities, of the original image, that became 0 and 255; the viewer translates them back.
    nifti
        Compressed NIfTI file with 8-bit voxels, as base64 text.
    """

    label: str
    kind: str
    limits: tuple[float, float]
    nifti: str


def make_volume(
    data: NDArray[Any],
    affine: NDArray[np.float64],
    *,
    box: tuple[slice, slice, slice],
    label: str,
    kind: str,
    limits: tuple[float, float] = (0.0, 1.0),
) -> ViewerVolume:
    """Cut a volume to the brain, make it coarser and store it with 8 bits.

    Parameters
    ----------
    data, affine
        Volume on the template grid, shape (I, J, K), 1 mm.
    box
        Part of the grid that is kept.
    label, kind, limits
        See `ViewerVolume`. A mask keeps its labels and is taken by nearest neighbour.
    """
    low, high = limits
    cut = data[box]
    shape = tuple(int(n / VOXEL_MM) for n in cut.shape)
    scale = np.eye(3) * VOXEL_MM
    # a coarse voxel covers the fine ones that it replaces, so its centre lies between theirs
    offset = (VOXEL_MM - 1) / 2
    if kind == "mask":
        coarse = affine_transform(cut.astype(np.uint8), scale, offset=offset, output_shape=shape, order=0)
    else:
        shades = np.clip((cut.astype(np.float32) - low) / (high - low), 0, 1) * 255
        smooth = gaussian_filter(shades, VOXEL_MM / 3)
        coarse = np.rint(affine_transform(smooth, scale, offset=offset, output_shape=shape, order=1))
    matrix = affine @ np.diag([VOXEL_MM, VOXEL_MM, VOXEL_MM, 1.0])
    matrix[:3, 3] = (affine @ np.array([*(part.start + offset for part in box), 1.0]))[:3]
    image = nib.Nifti1Image(coarse.astype(np.uint8), matrix)
    image.header.set_xyzt_units("mm")
    packed = gzip.compress(image.to_bytes(), compresslevel=6, mtime=0)
    return ViewerVolume(label, kind, (low, high), base64.b64encode(packed).decode("ascii"))


def write_volumes(path: Path, volumes: Mapping[str, ViewerVolume]) -> None:
    """Write the volumes as a script that hands them to the page."""
    content = {name: asdict(volume) for name, volume in volumes.items()}
    text = json.dumps(content, separators=(",", ":")).replace("<", "\\u003c")
    with whole_file(path) as temporary:
        temporary.write_text(f"window.gliofillVolumes = {text};\n", encoding="ascii")
