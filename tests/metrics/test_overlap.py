import numpy as np
import pytest

from gliofill.metrics.overlap import dice, mutual_information


def test_mutual_information_of_an_image_with_itself_is_its_entropy() -> None:
    image = np.repeat(np.arange(4.0), 16).reshape(4, 4, 4)
    assert mutual_information(image, image, np.ones((4, 4, 4), dtype=bool)) == pytest.approx(np.log(4))


def test_images_that_have_nothing_in_common_share_no_information() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.random((2, 40, 40, 40))
    assert mutual_information(first, second, np.ones((40, 40, 40), dtype=bool)) < 0.02


def test_dice_is_twice_the_overlap_over_both_sizes() -> None:
    first, second = np.zeros((2, 4, 4, 4), dtype=bool)
    first[:2], second[1:3] = True, True
    assert dice(first, second) == 0.5
    assert dice(first, first) == 1
