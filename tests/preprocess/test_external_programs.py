"""SynthStrip and HD-BET as processes: how they are called, where they work, and how each failure reads.

Their weights cannot be downloaded here, so that a script takes their place (`tests/support/brain_program.py`);
docs/preprocessing.md tells what was tried with the programs themselves.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from gliofill.cohort.coverage import Row
from gliofill.config.parsing import parse_config
from gliofill.config.settings import PreprocessSettings
from gliofill.contrasts import Contrast
from gliofill.derivatives import paths
from gliofill.errors import GliofillError
from gliofill.files.atomic import read_json, sha256
from gliofill.files.nifti import read_image, write_image
from gliofill.metrics.overlap import dice
from gliofill.preprocess import steps
from gliofill.preprocess.session import preprocess_session
from gliofill.simulation.head import built_in_head, render

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).parents[1] / "support" / "brain_program.py"
PROGRAMS = {"mri_synthstrip": "synthstrip", "nipreps-synthstrip": "synthstrip", "hd-bet": "hd-bet"}


@pytest.fixture
def head(tmp_path: Path) -> tuple[Path, np.ndarray]:
    """Return a head with slices of 4 mm, and its brain."""
    built_in = built_in_head()
    affine = built_in.affine @ np.diag([1, 1, 4, 1])
    write_image(tmp_path / "image.nii.gz", 900 * render(built_in, Contrast.T2W)[..., ::4], affine)
    return tmp_path / "image.nii.gz", built_in.brain[..., ::4]


def set_up(folder: Path, program: str, **more: object) -> PreprocessSettings:
    """Install a program and its weights, and return settings for it."""
    path = folder / "bin" / program
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!{sys.executable}\n{SCRIPT.read_text()}")
    path.chmod(0o755)
    weights = folder / "weights"
    for name in ("fold_all/checkpoint_final.pth", "dataset.json", "plans.json", "synthstrip.1.pt"):
        (weights / name).parent.mkdir(parents=True, exist_ok=True)
        (weights / name).write_text("weights")
    model = weights if program == "hd-bet" else weights / "synthstrip.1.pt"
    given = {"brain_mask": PROGRAMS[program], "brain_model": model, "brain_program": str(path)}
    return PreprocessSettings(**(given | more))


def strip(image: Path, folder: Path, settings: PreprocessSettings, threads: int = 3) -> np.ndarray:
    (folder / "strip").mkdir(exist_ok=True)
    out = folder / "strip" / "mask.nii"
    steps.strip(image, out, settings=settings, contrast=Contrast.T2W, threads=threads)
    return read_image(out)[0] > 0


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_finds_the_brain_in_a_folder_of_its_own(
    tmp_path: Path, head: tuple[Path, np.ndarray], program: str
) -> None:
    image, brain = head
    mask = strip(image, tmp_path, set_up(tmp_path, program))
    assert dice(mask, brain) > 0.94
    distance, _ = read_image(tmp_path / "strip" / "distance.nii")
    assert np.abs(distance).max() <= 8 and dice(mask, distance < 1) > 0.99
    seen = json.loads((tmp_path / "strip" / "program" / "seen.json").read_text())
    own = str(tmp_path / "strip" / "program")
    assert [seen[key] for key in ("folder", "HOME", "XDG_CACHE_HOME")] == [own] * 3
    assert seen["OMP_NUM_THREADS"] == "3" and seen["https_proxy"] == "http://127.0.0.1:9"
    expected = {"mri_synthstrip": "-b 1 -d", "nipreps-synthstrip": "-b 1 -n 3", "hd-bet": "-device cpu --disable_tta"}
    assert expected[program] in " ".join(seen["words"])


@pytest.mark.parametrize("program", ["nipreps-synthstrip", "hd-bet"])
def test_the_mask_of_a_program_is_taken_as_it_is(tmp_path: Path, head: tuple[Path, np.ndarray], program: str) -> None:
    settings = set_up(tmp_path, program, brain_border_mm=2)
    mask = strip(head[0], tmp_path, settings)
    name = "brain_bet.nii.gz" if program == "hd-bet" else "mask.nii.gz"
    own = read_image(tmp_path / "strip" / "program" / name)[0] > 0
    distance, _ = read_image(tmp_path / "strip" / "distance.nii")
    assert np.array_equal(distance < 2, own) and dice(mask, own) > 0.99


def test_on_a_gpu_the_program_is_told_so(
    tmp_path: Path, head: tuple[Path, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRAIN_PROGRAM_MODE", "empty")
    for program, words in (("mri_synthstrip", "-g"), ("hd-bet", "-device cuda")):
        with pytest.raises(GliofillError):
            strip(head[0], tmp_path, set_up(tmp_path, program, brain_device="cuda"))
        seen = json.loads((tmp_path / "strip" / "program" / "seen.json").read_text())
        assert words in " ".join(seen["words"]) and "--disable_tta" not in seen["words"]


@pytest.mark.parametrize(
    ("mode", "message"),
    [
        ("fail", "hd-bet failed with exit code 1: RuntimeError: not enough memory"),
        ("silent", "hd-bet ended without a mask: it printed nothing"),
        ("empty", "hd-bet: found no brain, its mask is empty"),
        ("crop", r"hd-bet: its mask has shape \(196, 233, 48\), the image \(197, 233, 48\)"),
    ],
)
def test_what_goes_wrong_in_a_program_is_one_line(
    tmp_path: Path, head: tuple[Path, np.ndarray], monkeypatch: pytest.MonkeyPatch, mode: str, message: str
) -> None:
    monkeypatch.setenv("BRAIN_PROGRAM_MODE", mode)
    with pytest.raises(GliofillError, match=message):
        strip(head[0], tmp_path, set_up(tmp_path, "hd-bet"))


@pytest.mark.parametrize(
    ("program", "more", "message"),
    [
        ("hd-bet", {"brain_program": "no-such-bet"}, "there is no program no-such-bet; install it"),
        (
            "hd-bet",
            {"brain_model": Path("/nowhere")},
            "/nowhere/fold_all/checkpoint_final.pth: no such file; give",
        ),
        ("mri_synthstrip", {"brain_model": None}, "brain_model is empty; give the file of SynthStrip's weights"),
        ("nipreps-synthstrip", {"brain_border_mm": 0.5}, "0.5: nipreps-synthstrip takes whole millimetres"),
    ],
)
def test_what_is_missing_is_told_before_the_program_starts(
    tmp_path: Path, head: tuple[Path, np.ndarray], program: str, more: dict[str, object], message: str
) -> None:
    with pytest.raises(GliofillError, match=message):
        strip(head[0], tmp_path, set_up(tmp_path, program, **more))
    assert not (tmp_path / "strip" / "program" / "seen.json").exists()


def test_the_programs_are_looked_for_on_the_path(
    tmp_path: Path, head: tuple[Path, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = set_up(tmp_path, "nipreps-synthstrip", brain_program="")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert strip(head[0], tmp_path, settings).any()


@pytest.mark.parametrize(
    ("preprocess", "message"),
    [
        ({"brain_mask": "synthstrip"}, "preprocess.brain_model is empty; give the file of SynthStrip's weights"),
        ({"brain_mask": "hd-bet", "brain_model": "gone"}, "gone/fold_all/checkpoint_final.pth: no such file"),
        ({"brain_program": "hd-bet"}, "brain_program is used only by brain_mask: synthstrip and hd-bet"),
    ],
)
def test_a_configuration_without_weights_is_refused(
    tmp_path: Path, preprocess: dict[str, object], message: str
) -> None:
    with pytest.raises(GliofillError, match=message):
        parse_config({"bids_dir": "in", "output_dir": "out", "preprocess": preprocess}, tmp_path)


def test_contrasts_vote_on_what_a_program_measured(tmp_path: Path) -> None:
    rows = []
    for contrast in (Contrast.T1POST, Contrast.T2W):
        name = "_".join(filter(None, ("sub-01", contrast.ce_entity, contrast.suffix)))
        noise = np.random.default_rng(len(rows)).normal(0, 20, built_in_head().brain.shape)
        image = np.abs(900 * render(built_in_head(), contrast) + noise)[::2, ::2, ::2]
        affine = built_in_head().affine @ np.diag([2, 2, 2, 1])
        write_image(tmp_path / "bids" / f"sub-01/anat/{name}.nii.gz", image, affine)
        rows.append(Row("sub-01", "n/a", contrast, "ok", action="use", file=f"sub-01/anat/{name}.nii.gz"))
    settings = set_up(tmp_path, "mri_synthstrip", lesion_pattern="", bias_correction=False)
    output = tmp_path / "out"
    preprocess_session(tmp_path / "bids", output, rows, settings=settings, work_dir=tmp_path / "work", threads=2)
    mask = read_json(output / paths.session_qc("sub-01"))["BrainMask"]
    assert mask["method"] == "synthstrip" and mask["program"] == "mri_synthstrip" and mask["border_mm"] == 1
    assert mask["weights"] == "synthstrip.1.pt" and mask["weights_sha256"] == sha256(settings.weights)
    assert mask["voters"] == ["T1post", "T2w"] and min(mask["agreement"].values()) > 0.9
    assert dice(read_image(output / paths.brain_mask("sub-01"))[0] > 0, built_in_head().brain) > 0.9
    assert not list((tmp_path / "work").glob("*"))
