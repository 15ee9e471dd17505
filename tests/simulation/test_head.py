"""The built-in head: brain, shells and intensities."""

import numpy as np
import pytest
from scipy import ndimage

from gliofill.contrasts import Contrast
from gliofill.simulation.head import INTENSITIES, TISSUES, built_in_head, render

ORDERS = {
    Contrast.T1W: ("scalp", "white_matter", "grey_matter", "csf", "skull"),
    Contrast.T1POST: ("dura", "white_matter", "grey_matter", "csf", "skull"),
    Contrast.T2W: ("csf", "grey_matter", "white_matter", "muscle", "skull"),
    Contrast.FLAIR: ("grey_matter", "white_matter", "csf", "skull"),
}


def test_fractions_fill_a_voxel_at_most():
    head = built_in_head()
    assert tuple(head.fractions) == TISSUES
    total = sum(head.fractions.values())
    assert min(part.min() for part in head.fractions.values()) >= 0
    assert total.max() <= 1 + 1e-5
    # no air within the brain
    assert total[head.brain].min() > 0.99


def test_brain_is_one_piece_without_holes_of_adult_size():
    brain = built_in_head().brain
    assert ndimage.label(brain)[1] == 1
    # the central canal of the brain stem is open at the lowest slice, hence slice by slice
    assert all(np.array_equal(ndimage.binary_fill_holes(brain[..., k]), brain[..., k]) for k in (60, 90, 120))
    assert 1700 < brain.sum() / 1000 < 2000


def test_shells_over_the_vertex_have_adult_thickness():
    # a line upward through the left hemisphere, off the sagittal sinus: CSF, skull and scalp in millimetres
    head = built_in_head()
    i, j = 75, 110
    top = int(np.flatnonzero(head.brain[i, j])[-1])
    skull = (head.fractions["skull"] + head.fractions["marrow"] + head.fractions["dura"])[i, j, top + 1 :].sum()
    scalp = (head.fractions["scalp"] + head.fractions["muscle"])[i, j, top + 1 :].sum()
    csf = head.fractions["csf"][i, j, top + 1 :].sum()
    assert 5 <= skull <= 7
    assert 6.5 <= scalp <= 9
    assert 1 <= csf <= 6


def test_scalp_stays_inside_the_grid_except_at_the_neck():
    total = sum(built_in_head().fractions.values())
    for face in (total[0], total[-1], total[:, 0], total[:, -1], total[..., -1]):
        assert face.max() == 0
    assert total[..., 0].max() > 0.9


@pytest.mark.parametrize("contrast", list(Contrast), ids=str)
def test_tissues_are_ordered_as_in_a_real_image(contrast: Contrast):
    head = built_in_head()
    image = render(head, contrast)
    pure = [float(np.median(image[head.fractions[tissue] > 0.9])) for tissue in ORDERS[contrast]]
    assert pure == sorted(pure, reverse=True)
    assert len(set(pure)) == len(pure)
    assert image.dtype == np.float32
    assert image.min() == 0
    assert image.max() <= max(INTENSITIES[contrast].values()) + 1e-5
