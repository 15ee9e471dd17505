"""A folder that keeps scaled and cropped volumes, so that the next run need not make them again."""

import hashlib
from pathlib import Path

import numpy as np

from gliofill.files.atomic import whole_file
from gliofill.learning.volumes.cases import Case, Volume, load_case
from gliofill.learning.volumes.framing import PERCENTILES, Crop, Scale

#: of the format of the files
STORE_VERSION = 2


def load_cached(case: Case, *, crop_minimum: tuple[int, int], cache: Path | None) -> Volume:
    """Return one session, scaled and cropped: from the cache if it is there, else from its images.

    Parameters
    ----------
    case
        Its files.
    crop_minimum
        Smallest in-plane crop, (i, j) voxels.
    cache
        The folder; nothing is kept if None.

    Raises
    ------
    GliofillError
        As `gliofill.learning.volumes.cases.load_case`.
    """
    if cache is None:
        return load_case(case, crop_minimum=crop_minimum)
    path = cache / f"{_state(case, crop_minimum)}.npz"
    if not (path.is_file() and path.with_suffix(".npy").is_file()):
        _keep(load_case(case, crop_minimum=crop_minimum), path)
    return _kept(case, path)


def _state(case: Case, crop_minimum: tuple[int, int]) -> str:
    """Return a checksum over names, sizes and times of a session's files, and what is made of them."""
    digest = hashlib.sha256(f"{STORE_VERSION} {crop_minimum} {PERCENTILES}".encode())
    for path in (case.source, case.target, case.brain, case.lesion):
        if path is not None:
            stat = path.stat()
            digest.update(f"\n{path} {stat.st_size} {stat.st_mtime_ns}".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:32]


def _keep(volume: Volume, path: Path) -> None:
    # the intensities apart and not compressed, to be mapped into memory; masks as bits. The small file comes last:
    # where it is, the other one is whole
    with whole_file(path.with_suffix(".npy")) as temporary, temporary.open("wb") as file:
        np.save(file, np.stack([volume.source, volume.target]))
    with whole_file(path) as temporary, temporary.open("wb") as file:
        np.savez(
            file,
            brain=np.packbits(volume.brain),
            lesion=np.packbits(volume.lesion),
            scales=[
                volume.source_scale.low,
                volume.source_scale.high,
                volume.target_scale.low,
                volume.target_scale.high,
            ],
            crop=[volume.crop.start, volume.crop.shape, volume.crop.grid],
        )


def _kept(case: Case, path: Path) -> Volume:
    # only the slices that are drawn are read, and the system may drop them again: cohorts larger than memory can be
    # trained on. Copy on write, for torch warns of arrays that cannot be written
    source, target = np.load(path.with_suffix(".npy"), mmap_mode="c", allow_pickle=False)
    with np.load(path, allow_pickle=False) as arrays:
        brain, lesion = (
            np.unpackbits(arrays[name], count=source.size).view(bool).reshape(source.shape)
            for name in ("brain", "lesion")
        )
        low, high, target_low, target_high = arrays["scales"].tolist()
        crop = Crop(*(tuple(row) for row in arrays["crop"].tolist()))
    return Volume(case, source, target, brain, lesion, Scale(low, high), Scale(target_low, target_high), crop)
