"""A head template from files does what the built-in one does, and one that does not fit its mask is refused."""

from pathlib import Path

import ants
import numpy as np
import pytest

from gliofill.config.settings import PreprocessSettings
from gliofill.contrasts import Contrast
from gliofill.errors import GliofillError
from gliofill.metrics.overlap import dice
from gliofill.preprocess.brain import built_in_template, read_template
from gliofill.preprocess.steps import strip


@pytest.mark.slow
def test_a_brain_mask_is_carried_over_from_a_head_in_files(tmp_path: Path) -> None:
    head, brain = built_in_template(Contrast.T1W)
    files = tmp_path / "head.nii.gz", tmp_path / "mask.nii.gz"
    ants.image_write(head, str(files[0]))
    ants.image_write(brain, str(files[1]))
    moved = ants.resample_image(head, (2.0, 2.0, 4.0), use_voxels=False, interp_type=0)
    moved.set_origin(tuple(np.add(moved.origin, (12, -9, 15))))
    ants.image_write(moved, str(tmp_path / "image.nii"))
    settings = PreprocessSettings(brain_mask="template", head_template=files[0], head_template_mask=files[1])
    strip(tmp_path / "image.nii", tmp_path / "out.nii", settings=settings, contrast=Contrast.T1W)
    found = ants.image_read(str(tmp_path / "out.nii"))
    true = ants.resample_image(brain, (2.0, 2.0, 4.0), use_voxels=False, interp_type=1)
    assert dice(found.numpy() > 0, true.numpy() > 0.5) > 0.97


@pytest.mark.slow
def test_a_mask_on_another_grid_is_refused(tmp_path: Path) -> None:
    head, brain = built_in_template(Contrast.T1W)
    ants.image_write(head, str(tmp_path / "head.nii.gz"))
    ants.image_write(ants.resample_image(brain, (2.0, 2.0, 2.0), use_voxels=False), str(tmp_path / "mask.nii.gz"))
    with pytest.raises(GliofillError, match="does not share the grid"):
        read_template(tmp_path / "head.nii.gz", tmp_path / "mask.nii.gz")
