"""A cohort whose steps are done by stand-ins, so that a run takes seconds."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from tests.conftest import ROOT

from gliofill.files.atomic import write_json
from gliofill.files.nifti import write_image

SESSIONS = ("sub-01", "sub-02", "sub-03")


def prepare_stand_ins(folder: Path, sessions: Sequence[str] = SESSIONS) -> None:
    """Write a dataset of T2w, and a program that stands in for gliofill."""
    ball = np.linalg.norm(np.indices((30, 30, 30)) - 14.5, axis=0) < 12
    for session in sessions:
        write_image(folder / "raw" / session / "anat" / f"{session}_T2w.nii.gz", 1000 * ball, np.diag([5.0, 5, 5, 1]))
    (folder / "bin").mkdir()
    program = folder / "bin" / "gliofill"
    program.write_text(f"#!{sys.executable}\n{(ROOT / 'tests' / 'support' / 'stand_in.py').read_text()}")
    program.chmod(0o755)


def configure(folder: Path, name: str) -> Path:
    config = {"bids_dir": str(folder / "raw"), "output_dir": str(folder / name), "audit": {"sessions": 0}}
    write_json(folder / f"{name}.json", config | {"usability": {"max_pixel_mm": 5, "max_saturation": 1}})
    return folder / f"{name}.json"


def stand_ins(folder: Path, seconds: float = 0) -> Mapping[str, str]:
    return {"PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}", "STAND_IN_SECONDS": str(seconds)}
