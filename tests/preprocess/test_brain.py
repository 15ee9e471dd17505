"""The embedded brain extraction on heads that it was not trained on, as the workflow calls it."""

from pathlib import Path

import ants
import nibabel as nib
import numpy as np
import pytest

from gliofill.config.settings import PreprocessSettings
from gliofill.contrasts import Contrast
from gliofill.errors import GliofillError
from gliofill.extraction.inference import brain_mask
from gliofill.extraction.model import EMBEDDED, load_model
from gliofill.extraction.network import BrainNetwork
from gliofill.files.nifti import read_image, write_image
from gliofill.metrics.overlap import dice
from gliofill.preprocess import steps
from gliofill.preprocess.bias import correct_bias
from gliofill.preprocess.brain import built_in_template, carry_mask
from gliofill.preprocess.registration import register
from gliofill.preprocess.resampling import resample
from gliofill.simulation.head import built_in_head, render

pytestmark = pytest.mark.slow

# a little below what was measured: docs/preprocessing.md; the schematic head's own mask has the CSF over the gyri too
LEAST_SCHEMATIC, LEAST_REAL = 0.92, 0.94
REAL = {
    "ce-gadolinium_T1w": "ce-gadolinium_desc-T1wbrain",
    "T1w": "desc-T1wbrain",
    "T2w": "desc-T2wbrain",
    "FLAIR": "desc-FLAIRbrain",
}


@pytest.fixture(scope="module")
def network() -> BrainNetwork:
    return load_model(EMBEDDED)


@pytest.mark.parametrize("contrast", list(Contrast), ids=str)
def test_the_brain_of_the_schematic_head_is_found(network: BrainNetwork, contrast: Contrast):
    head = built_in_head()
    noise = np.random.default_rng(0).normal(0, 0.03, head.brain.shape)
    image = np.abs(render(head, contrast) + noise).astype(np.float32)
    score = dice(brain_mask(network, 900 * image, head.affine), head.brain)
    assert score >= LEAST_SCHEMATIC


def test_the_step_writes_the_mask_on_the_grid_of_the_image(tmp_path: Path):
    head = built_in_head()
    # slices of 4 mm that grow downward, as ITK and nibabel see them differently
    image = render(head, Contrast.T2W)[::-1, ::-1, ::-4]
    brain = head.brain[::-1, ::-1, ::-4]
    affine = head.affine @ nib.affines.from_matvec(
        np.diag([-1, -1, -4]), [head.brain.shape[0] - 1, head.brain.shape[1] - 1, head.brain.shape[2] - 1]
    )
    write_image(tmp_path / "image.nii.gz", image, affine)
    files = tmp_path / "image.nii.gz", tmp_path / "mask.nii.gz"
    steps.strip(*files, settings=PreprocessSettings(), contrast=Contrast.T2W)
    mask, written = read_image(tmp_path / "mask.nii.gz")
    assert np.allclose(written, affine, atol=1e-4)
    score = dice(mask > 0, brain)
    assert set(np.unique(mask)) == {0, 1} and score >= LEAST_SCHEMATIC
    assert ants.image_read(str(tmp_path / "mask.nii.gz")).shape == image.shape
    with pytest.raises(GliofillError, match="is not a model folder"):
        steps.strip(*files, settings=PreprocessSettings(brain_model=Path("nowhere")), contrast=Contrast.T2W)


def test_the_brain_of_a_real_glioma_with_skull_is_found_in_every_contrast(network: BrainNetwork, real_data: Path):
    scores = {}
    for name, mask in REAL.items():
        image, affine = read_image(real_data / "raw/sub-FG6692/anat" / f"sub-FG6692_{name}.nii.gz")
        masks = real_data / "raw/derivatives/brainmasks/sub-FG6692/anat"
        reference = read_image(masks / f"sub-FG6692_{mask}_mask.nii.gz")[0] > 0
        scores[name] = dice(brain_mask(network, image, affine), reference)
    assert min(scores.values()) >= LEAST_REAL, scores


def test_built_in_head_masks_a_real_glioma_session(real_data: Path) -> None:
    anat, masks = (real_data / "raw" / folder / "sub-FG6692" / "anat" for folder in (".", "derivatives/brainmasks"))
    names = {"T1post": "ce-gadolinium_{}T1w", "T1w": "{}T1w", "T2w": "{}T2w", "FLAIR": "{}FLAIR"}
    images, references = {}, {}
    for contrast, name in names.items():
        raw = ants.image_read(str(anat / f"sub-FG6692_{name.format('')}.nii.gz"))
        images[contrast] = correct_bias(raw, ants.get_mask(raw))
        mask = ants.image_read(str(masks / f"sub-FG6692_{name.format('desc-')}brain_mask.nii.gz"))
        references[contrast] = mask.numpy() > 0
    brain = carry_mask(images["T1post"], built_in_template(Contrast.T1POST))
    scores = {"T1post": dice(brain.numpy() > 0, references["T1post"])}
    for contrast in ("T1w", "T2w", "FLAIR"):
        matrix = register(images["T1post"], brain, images[contrast]).matrix
        carried = resample(brain, images[contrast], np.linalg.inv(matrix)).numpy() > 0.5
        scores[contrast] = dice(carried, references[contrast])
    assert np.mean(list(scores.values())) >= 0.88, scores
