import ants
import numpy as np
import pytest

from gliofill.contrasts import Contrast
from gliofill.preprocess.bias import correct_bias
from gliofill.preprocess.brain import built_in_template


@pytest.mark.slow
def test_bias_field_is_removed_and_the_scale_kept() -> None:
    truth, brain = built_in_template(Contrast.T1W)
    head = ants.get_mask(truth)
    field = np.exp(np.linspace(-0.4, 0.4, truth.shape[0], dtype=np.float32))[:, None, None]
    biased = truth * 1000 * truth.new_image_like(np.broadcast_to(field, truth.shape).copy())
    corrected = correct_bias(biased, head).numpy()
    inside = (brain.numpy() > 0) & (truth.numpy() > 0.3)
    ratio = corrected[inside] / (1000 * truth.numpy()[inside])
    assert ratio.std() / ratio.mean() <= 0.5 * (biased.numpy()[inside] / (1000 * truth.numpy()[inside])).std()
    assert ratio.mean() == pytest.approx(1, abs=0.2)
