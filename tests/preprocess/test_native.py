"""Images in a session's own space: each place shows what lies there, on the grid of the reference, and says so."""

from dataclasses import replace
from pathlib import Path

import ants
import nibabel as nib
import numpy as np
import pytest
from nibabel.affines import apply_affine
from tests.support.records import session_record
from tests.support.reviewed import GOOD, cohort, coverage

from gliofill.config.settings import ImputeSettings, PreprocessSettings
from gliofill.contrasts import Contrast
from gliofill.derivatives import paths
from gliofill.derivatives.session_record import PreprocessedContrast
from gliofill.files.atomic import read_json, write_json
from gliofill.files.itk_transform import write_transform
from gliofill.files.nifti import is_same_grid, read_image, write_image
from gliofill.preprocess.native import carry_to_native
from gliofill.preprocess.plan import Companion, SessionPlan
from gliofill.preprocess.steps import resample_to_grid
from gliofill.preprocess.workflow import build
from gliofill.synthesis import gap

#: thick slices, axes to the left and to the front
REFERENCE = np.array([[-1.5, 0, 0, 40], [0, 1.5, 0, -45], [0, 0, 5.0, -30], [0, 0, 0, 1]])
SHAPE = (52, 60, 12)
SLOPE = np.array([2.0, -1.0, 3.0])


def rigid(degrees: float, *shift_mm: float) -> np.ndarray:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    matrix = np.eye(4)
    matrix[:3, :3] = [[c, -s, 0], [s, c, 0], [0, 0, 1]]
    matrix[:3, 3] = shift_mm
    return matrix


def ramp(affine: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return an image whose intensity is 500 plus a slope times the place in RAS millimetres."""
    places = apply_affine(affine, np.moveaxis(np.indices(shape), 0, -1))
    return (500 + places @ SLOPE).astype(np.float32)


def places_of_reference() -> np.ndarray:
    return apply_affine(REFERENCE, np.moveaxis(np.indices(SHAPE), 0, -1))


def test_a_contrast_lies_on_the_grid_of_the_reference_after_one_interpolation(tmp_path: Path) -> None:
    own = np.array([[0, 0, 3.0, -70], [1.2, 0, 0, -70], [0, 1.2, 0, -75], [0, 0, 0, 1]])  # sagittal slices
    shape = (120, 125, 48)
    write_image(tmp_path / "contrast.nii.gz", ramp(own, shape), own)
    write_image(tmp_path / "reference.nii.gz", np.ones(SHAPE), REFERENCE)
    move = rigid(9, 4, -3, 2)
    write_transform(tmp_path / "registered.txt", move)
    out = tmp_path / "out.nii"
    resample_to_grid(
        tmp_path / "contrast.nii.gz",
        [tmp_path / "registered.txt"],
        out,
        interpolation="linear",
        grid=tmp_path / "reference.nii.gz",
    )
    data, affine = read_image(out)
    assert is_same_grid(data.shape, affine, SHAPE, REFERENCE)
    expected = 500 + apply_affine(move, places_of_reference()) @ SLOPE
    np.testing.assert_allclose(data, expected, atol=0.05)  # a ramp survives linear interpolation as it is


def write_session(folder: Path, spaces: list[str]) -> np.ndarray:
    """Write a preprocessed session whose template lies at a known place; return the matrix, template to reference."""
    source = "bids:raw:sub-01/anat/sub-01_ce-gadolinium_T1w.nii.gz"
    entry = PreprocessedContrast(status="ok", reason="", source=source, verdicts=())
    record = replace(session_record(T1post=entry), reference=Contrast.T1POST, spaces=tuple(spaces))
    cohort(folder, coverage({c: GOOD for c in Contrast if c is not Contrast.FLAIR}), record)
    move = rigid(-12, 3, 8, -2)
    write_transform(folder / paths.transform("sub-01", Contrast.T1POST), move)
    write_transform(folder / paths.transform("sub-01", Contrast.T1POST, inverse=True), np.linalg.inv(move))
    brain = np.zeros(SHAPE)
    brain[10:40, 10:50, 2:10] = 1
    write_image(folder / paths.brain_mask("sub-01", space=paths.NATIVE), brain, REFERENCE, dtype="uint8")
    return move


def test_a_synthetic_image_goes_back_to_where_the_reference_was_acquired(tmp_path: Path) -> None:
    move = write_session(tmp_path, [paths.SPACE, paths.NATIVE])
    template = np.diag([2.0, 2, 2, 1])
    template[:3, 3] = -90
    write_image(tmp_path / "image.nii.gz", ramp(template, (90, 90, 90)), template)
    image, out = tmp_path / "image.nii.gz", tmp_path / "out.nii.gz"
    carry_to_native(tmp_path, "sub-01", image, out, reference=Contrast.T1POST, text="x")
    data, affine = read_image(out)
    assert is_same_grid(data.shape, affine, SHAPE, REFERENCE)
    inside = read_image(tmp_path / paths.brain_mask("sub-01", space=paths.NATIVE))[0] > 0
    expected = 500 + apply_affine(np.linalg.inv(move), places_of_reference()) @ SLOPE
    np.testing.assert_allclose(data[inside], expected[inside], atol=0.05)
    assert not data[~inside].any()


@pytest.mark.usefixtures("known_model")
def test_imputation_follows_the_spaces_of_the_preprocessing_and_removes_what_is_outdated(tmp_path: Path) -> None:
    write_session(tmp_path, [paths.SPACE, paths.NATIVE])
    grid = (40, 50, 12)
    brain = np.zeros(grid)
    brain[5:35, 5:45, 2:10] = 1
    source = np.random.default_rng(0).uniform(1000, 2000, size=grid)
    write_image(tmp_path / paths.preprocessed("sub-01", Contrast.T2W), source, np.eye(4))
    write_image(tmp_path / paths.brain_mask("sub-01"), brain, np.eye(4), dtype="uint8")
    record = gap.fill(tmp_path, "sub-01", Contrast.FLAIR, ImputeSettings(device="cpu"))
    name = paths.imputed("sub-01", Contrast.FLAIR, space=paths.NATIVE)
    assert name in record.files and nib.load(tmp_path / name).shape == SHAPE
    sidecar = read_json(tmp_path / paths.sidecar(name))
    assert sidecar["Synthetic"] is True and sidecar["SynthesisMethod"]["ModelID"]
    assert sidecar["SpatialReference"] == "bids:raw:sub-01/anat/sub-01_ce-gadolinium_T1w.nii.gz"
    assert sidecar["Sources"] == [f"bids::{paths.imputed('sub-01', Contrast.FLAIR)}"]
    assert bytes(nib.load(tmp_path / name).header["descrip"].item()).startswith(b"synthetic")
    content = read_json(tmp_path / paths.session_qc("sub-01")) | {"Spaces": [paths.SPACE]}
    write_json(tmp_path / paths.session_qc("sub-01"), content)
    record = gap.fill(tmp_path, "sub-01", Contrast.FLAIR, ImputeSettings(device="cpu"))
    assert name not in record.files and not list(tmp_path.rglob("*space-individual*FLAIR*"))


def test_native_steps_are_planned_only_when_asked_for(tmp_path: Path) -> None:
    for name in ("post", "flair", "lesion"):
        write_image(tmp_path / f"{name}.nii.gz", np.ones((9, 9, 9)), np.eye(4))
    images = {Contrast.T1POST: tmp_path / "post.nii.gz", Contrast.FLAIR: tmp_path / "flair.nii.gz"}
    lesion = Companion(tmp_path / "lesion.nii.gz", Contrast.T1POST)
    plan = SessionPlan("sub-01", images, Contrast.T1POST, lesion=lesion)
    names = {}
    for spaces in (("template",), ("template", "native")):
        workflow = build(plan, PreprocessSettings(output_spaces=spaces), tmp_path)
        names[spaces] = {node for node in workflow.list_node_names() if node.startswith("native_")}
    assert names == {
        ("template",): set(),
        ("template", "native"): {"native_FLAIR", "native_brain_FLAIR", "native_lesion"},
    }


def test_the_orientation_of_the_reference_survives(tmp_path: Path) -> None:
    write_image(tmp_path / "image.nii.gz", ramp(REFERENCE, SHAPE), REFERENCE)
    image = ants.image_read(str(tmp_path / "image.nii.gz"))
    ants.image_write(image, str(tmp_path / "corrected.nii"))
    data, affine = read_image(tmp_path / "corrected.nii")
    assert is_same_grid(data.shape, affine, SHAPE, REFERENCE)
