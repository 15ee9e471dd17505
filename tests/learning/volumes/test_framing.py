import numpy as np
import pytest

from gliofill.errors import GliofillError
from gliofill.learning.volumes.framing import Crop, Scale


def box_brain(grid: tuple[int, int, int], *extents: tuple[int, int]) -> np.ndarray:
    brain = np.zeros(grid, dtype=bool)
    brain[tuple(slice(first, stop) for first, stop in extents)] = True
    return brain


def test_scale_takes_percentiles_inside_the_brain_alone() -> None:
    data = np.arange(1001, dtype=np.float32)
    brain = data <= 1000
    outside = np.append(data, [-1e6, np.nan]).astype(np.float32)
    assert Scale.of(outside, np.append(brain, [False, False])) == Scale(5.0, 995.0)


def test_scale_clips_to_the_unit_interval() -> None:
    assert Scale(10.0, 20.0).to_unit(np.array([0.0, 10.0, 15.0, 20.0, 99.0])).tolist() == [0, 0, 0.5, 1, 1]


def test_inverse_scale_restores_intensities() -> None:
    generator = np.random.default_rng(0)
    data = generator.uniform(120, 480, size=(7, 8, 9)).astype(np.float32)
    scale = Scale(100.0, 500.0)
    np.testing.assert_allclose(scale.from_unit(scale.to_unit(data)), data, rtol=1e-6)


@pytest.mark.parametrize(
    ("data", "brain", "message"),
    [
        ([1.0, 1.0, 1.0], [True, True, True], "constant"),
        ([1.0, np.nan, 2.0], [True, True, True], "NaN or infinite"),
        ([1.0, np.inf, 2.0], [True, True, True], "NaN or infinite"),
        ([1.0, 2.0, 3.0], [False, False, False], "brain mask is empty"),
    ],
    ids=["constant", "nan", "infinite", "no brain"],
)
def test_degenerate_intensities_are_refused(data: list[float], brain: list[bool], message: str) -> None:
    with pytest.raises(GliofillError, match=message):
        Scale.of(np.array(data), np.array(brain))


@pytest.mark.parametrize(
    ("grid", "extents", "start", "shape"),
    [
        ((197, 233, 189), ((20, 180), (20, 210), (9, 160)), (20, 19, 9), (160, 192, 151)),
        ((197, 233, 189), ((0, 100), (133, 233), (0, 189)), (0, 41, 0), (160, 192, 189)),
        ((197, 233, 189), ((10, 171), (10, 203), (5, 6)), (2, 2, 5), (176, 208, 1)),
        ((40, 50, 12), ((5, 35), (5, 45), (1, 11)), (-60, -71, 1), (160, 192, 10)),
    ],
    ids=["template", "at the corner", "larger than the minimum", "grid smaller than the minimum"],
)
def test_crop_holds_the_brain_and_inverts(
    grid: tuple[int, int, int], extents: tuple[tuple[int, int], ...], start: tuple[int, ...], shape: tuple[int, ...]
) -> None:
    brain = box_brain(grid, *extents)
    data = np.random.default_rng(0).random(grid, dtype=np.float32) * brain
    crop = Crop.around(brain)
    assert (crop.start, crop.shape) == (start, shape)
    slices = crop.cut(data)
    assert slices.shape == (shape[2], shape[0], shape[1])
    np.testing.assert_array_equal(crop.place(slices), data)


def test_slices_are_axial_and_keep_their_order() -> None:
    grid = (40, 50, 12)
    brain = np.ones(grid, dtype=bool)
    data = np.indices(grid)[2].astype(np.float32)
    crop = Crop.around(brain, (40, 50))
    assert crop.shape == (48, 64, 12)  # grown to steps of 16
    assert [float(s.max()) for s in crop.cut(data)] == list(range(12))


def test_crop_of_an_empty_mask_is_refused() -> None:
    with pytest.raises(GliofillError, match="brain mask is empty"):
        Crop.around(np.zeros((7, 8, 9), dtype=bool))
