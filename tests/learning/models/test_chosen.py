"""The embedded models on real patients whom they have never seen, beside the baselines that they have to beat."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from gliofill.config.settings import ImputeSettings
from gliofill.contrasts import TASKS, Contrast, Task
from gliofill.derivatives import paths
from gliofill.files.nifti import write_image
from gliofill.learning.models.chosen import model_folder
from gliofill.learning.models.folder import load_model
from gliofill.learning.networks.inference import predict_slices, select_device
from gliofill.learning.training.validation import evaluate_volumes, mean_scores
from gliofill.learning.volumes.cases import find_cases, load_case
from gliofill.metrics.fidelity import LEAST_ENHANCEMENT, enhancement_left

HELD_OUT = ("DU7294", "HG0015", "MS19")


@pytest.fixture(scope="module")
def held_out(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the patients as preprocessed sessions: they are 1 mm, stripped and registered, and only need their axes."""
    output = tmp_path_factory.mktemp("held-out")
    for label in HELD_OUT:
        anat, folder = real_data / "cohort" / f"sub-{label}" / "anat", f"sub-{label}"
        names = {
            contrast: f"{contrast.ce_entity and contrast.ce_entity + '_'}{contrast.suffix}" for contrast in Contrast
        }
        images = {
            contrast: nib.as_closest_canonical(nib.load(anat / f"sub-{label}_{name}.nii.gz"))
            for contrast, name in names.items()
        }
        brain = np.all([image.get_fdata() > 0 for image in images.values()], axis=0)
        affine = images[Contrast.T1POST].affine
        write_image(output / paths.brain_mask(folder), brain, affine, dtype="uint8")
        for contrast, image in images.items():
            write_image(output / paths.preprocessed(folder, contrast), image.get_fdata(), affine)
    return output


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_embedded_models_beat_copy_and_linear_mapping_on_held_out_patients(held_out: Path, task: Task) -> None:
    model = load_model(model_folder(task, ImputeSettings()), task)
    assert not set(model.training.participants) & set(HELD_OUT)
    volumes = [load_case(case, crop_minimum=model.training.crop_minimum) for case in find_cases(held_out, task)]
    assert len(volumes) == len(HELD_OUT)
    scores, _ = evaluate_volumes(model, volumes, device=select_device("cpu"), flip_average=False)
    means = mean_scores(scores)
    for baseline in ("copy of the input", "linear mapping", "all zeros"):
        assert means["model"]["ssim"] > means[baseline]["ssim"], means
        assert means["model"]["mae"] < means[baseline]["mae"], means


def test_synthetic_t1w_of_a_held_out_glioma_has_lost_most_of_the_enhancement(held_out: Path) -> None:
    task = Task(Contrast.T1POST, Contrast.T1W)
    model = load_model(model_folder(task, ImputeSettings()), task)
    (case,) = find_cases(held_out, task, participants=["HG0015"])
    volume = load_case(case, crop_minimum=model.training.crop_minimum)
    source, target = volume.source.astype(np.float32), volume.target.astype(np.float32)
    enhancing = volume.brain & (source - target > LEAST_ENHANCEMENT)
    chosen = np.sort(np.argsort(enhancing.sum(axis=(1, 2)))[-12:])
    predicted = predict_slices(model.networks, volume.source[chosen], device=select_device("cpu")).mean
    # a model that copies its input keeps all of it, and means over the brain do not show that
    assert enhancing[chosen].sum() > 1000
    assert enhancement_left(predicted, source[chosen], target[chosen], volume.brain[chosen]) < 0.25
