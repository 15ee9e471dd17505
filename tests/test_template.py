import numpy as np
import pytest

from gliofill.template import grey_matter_map, template_affine, template_brain, template_t1w, white_matter_map

SHAPE = (197, 233, 189)


def test_all_maps_lie_on_one_grid_of_1_mm() -> None:
    for voxels in (template_t1w(), white_matter_map(), grey_matter_map(), template_brain()):
        assert voxels.shape == SHAPE
    assert np.array_equal(template_affine()[:3, :3], np.eye(3))
    # the anterior commissure, the origin of MNI space, lies in the brain and beside the midline's white matter
    i, j, k = np.rint(np.linalg.inv(template_affine())[:3, 3]).astype(int)
    assert template_brain()[i, j, k]


def test_tissues_have_the_volumes_of_an_adult_and_stay_inside_the_brain() -> None:
    assert 1500 < template_brain().sum() / 1000 < 2100
    for tissue, low, high in ((white_matter_map(), 450, 800), (grey_matter_map(), 700, 1200)):
        assert tissue.min() >= 0 and tissue.max() <= 1
        assert low < tissue[template_brain()].sum() / 1000 < high
    assert np.median(template_t1w()[white_matter_map() > 0.9]) > np.median(template_t1w()[grey_matter_map() > 0.9])


def test_maps_are_shared_and_cannot_be_changed() -> None:
    assert template_t1w() is template_t1w()
    with pytest.raises(ValueError, match="read-only"):
        white_matter_map()[0, 0, 0] = 1
