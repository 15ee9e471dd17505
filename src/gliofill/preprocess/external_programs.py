"""Brain extraction by third-party tools, SynthStrip and HD-BET, each run as a process in a folder of its own."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from gliofill.config.settings import PreprocessSettings
from gliofill.errors import GliofillError
from gliofill.files.nifti import read_image, spacing_mm, write_image

#: by the value of ``preprocess.brain_mask``, the programs that are looked for
NAMES: Mapping[str, tuple[str, ...]] = {
    "synthstrip": ("mri_synthstrip", "nipreps-synthstrip"),
    "hd-bet": ("hd-bet",),
}
#: farther from the surface than this, a distance tells nothing more; that of a network of ours ends there, too
REACH_MM = 8.0

_FOLDERS = ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "TORCH_HOME", "MPLCONFIGDIR", "TMPDIR")
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "PYTHON_CPU_COUNT")
# where nobody answers: what would download fails at once
_PROXIES = dict.fromkeys(
    (name for proxy in ("http_proxy", "https_proxy", "all_proxy") for name in (proxy, proxy.upper())),
    "http://127.0.0.1:9",
)


@dataclass(frozen=True)
class Task:
    """What a program is asked for.

    Attributes
    ----------
    program
        Its path.
    image
        A copy of the image, ``.nii.gz``.
    folder
        Scratch of its own, also its home.
    settings
        Section ``preprocess`` of the configuration.
    threads
        That it may use.
    """

    program: str
    image: Path
    folder: Path
    settings: PreprocessSettings
    threads: int

    @property
    def on_gpu(self) -> bool:
        """Whether it works on a GPU."""
        return self.settings.brain_device == "cuda"


def measure_brain(image: Path, folder: Path, settings: PreprocessSettings, threads: int) -> NDArray[np.float32]:
    """Return how far each voxel is from the brain that a program finds in an image.

    Parameters
    ----------
    image
        NIfTI file.
    folder
        Where the program works; made.
    settings
        Which program, with which weights and border.
    threads
        That it may use.

    Returns
    -------
    ndarray, shape (I, J, K), float32
        In millimetres, on the grid of the image, at most `REACH_MM`; the program's mask is where it is below
        ``settings.brain_border_mm``.

    Raises
    ------
    GliofillError
        If the program or its weights are not there, or it fails, or finds nothing.
    """
    program = find_program(settings)
    data, affine = read_image(image)
    copy = folder / "image.nii.gz"  # HD-BET takes no other
    write_image(copy, data, affine)
    measure = _hd_bet if settings.brain_mask == "hd-bet" else _synthstrip
    distance = measure(Task(program, copy, folder, settings, threads))
    if distance.shape != data.shape:
        raise GliofillError(f"{Path(program).name}: its mask has shape {distance.shape}, the image {data.shape}")
    if not (distance < settings.brain_border_mm).any():
        raise GliofillError(f"{Path(program).name}: found no brain, its mask is empty")
    return np.clip(distance, -REACH_MM, REACH_MM).astype(np.float32)


def find_program(settings: PreprocessSettings) -> str:
    """Return the path of the program that the settings name, or of the first known one that is there.

    Raises
    ------
    GliofillError
        If there is none.
    """
    names = (settings.brain_program,) if settings.brain_program else NAMES[settings.brain_mask]
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        raise GliofillError(
            f"preprocess.brain_mask {settings.brain_mask}: there is no program {' or '.join(names)}; install it, or "
            "give its path in preprocess.brain_program"
        )
    return found


def _synthstrip(task: Task) -> NDArray[np.float32]:
    """Run SynthStrip: that of FreeSurfer, which writes distances too, or that of NiPreps, which writes a mask."""
    border = task.settings.brain_border_mm
    mask, distance = task.folder / "mask.nii.gz", task.folder / "distance.nii.gz"
    command = [task.program, "-i", str(task.image), "-m", str(mask), "--model", str(task.settings.weights)]
    command += ["-g"] if task.on_gpu else []
    if not Path(task.program).name.startswith("nipreps"):
        _run(task, [*command, "-b", f"{border:g}", "-d", str(distance), "-t", str(task.threads)], distance)
        return read_image(distance)[0]
    if border != int(border):
        raise GliofillError(
            f"preprocess.brain_border_mm: {border:g}: nipreps-synthstrip takes whole millimetres; give a whole "
            "number, or use mri_synthstrip"
        )
    _run(task, [*command, "-b", str(int(border)), "-n", str(task.threads)], mask)
    return _distance_from_mask(mask, border)


def _hd_bet(task: Task) -> NDArray[np.float32]:
    """Run HD-BET 2, whose weights are looked for in the home folder, and downloaded if they are not there."""
    home = task.folder / "hd-bet_params"
    home.mkdir()
    (home / "release_2.0.0").symlink_to(task.settings.weights)
    device = ["-device", "cuda"] if task.on_gpu else ["-device", "cpu", "--disable_tta"]
    brain = task.folder / "brain.nii.gz"
    command = [task.program, "-i", str(task.image), "-o", str(brain), "--save_bet_mask", "--no_bet_image", *device]
    mask = task.folder / "brain_bet.nii.gz"
    _run(task, command, mask)
    return _distance_from_mask(mask, task.settings.brain_border_mm)


def _run(task: Task, command: Sequence[str], result: Path) -> None:
    """Run a command in the task's folder.

    Raises
    ------
    GliofillError
        With its last line, if it fails or does not write the result.
    """
    environment = os.environ | dict.fromkeys(_FOLDERS, str(task.folder)) | _PROXIES
    environment |= dict.fromkeys(_THREADS, str(task.threads))
    run = subprocess.run(
        command,
        cwd=task.folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    name = Path(task.program).name
    lines = [line.strip() for line in run.stdout.splitlines() if line.strip()]
    last = lines[-1] if lines else "it printed nothing"
    if run.returncode:
        print(run.stdout, file=sys.stderr)  # for the log of the job
        raise GliofillError(f"{name} failed with exit code {run.returncode}: {last}")
    if not result.is_file():
        raise GliofillError(f"{name} ended without a mask: {last}")


def _distance_from_mask(file: Path, border_mm: float) -> NDArray[np.float32]:
    """Return distances that are below the border exactly inside a mask."""
    data, affine = read_image(file)
    mask = data > 0
    if not mask.any():
        return np.full(mask.shape, np.inf, dtype=np.float32)
    spacing = spacing_mm(affine)
    inside, outside = (ndimage.distance_transform_edt(part, sampling=spacing) for part in (mask, ~mask))
    return np.asarray(outside - inside + border_mm, dtype=np.float32)
