"""Distances from an image on any grid, in millimetres, with a stand-in that knows what it looks at."""

import nibabel as nib
import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor, nn

from gliofill.errors import GliofillError
from gliofill.extraction.inference import brain_distance, brain_mask, largest_piece
from gliofill.metrics.overlap import dice

CENTRE_MM = np.array([8.0, -12.0, 20.0])
RADIUS_MM = 50.0


class Brightness(nn.Module):
    """Takes what is brighter than half for brain: the distance of an image whose intensity falls outward linearly."""

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(1))
        self.shapes: list[tuple[int, ...]] = []

    def forward(self, image: Tensor) -> Tensor:
        """Return the distance, and remember what was seen."""
        self.shapes.append(tuple(image.shape[2:]))
        return 20 * (0.5 - image)


def ball(affine: np.ndarray, shape: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return the distance of voxels from a ball's surface, and an image that falls from 1 to 0 across the surface."""
    points = nib.affines.apply_affine(affine, np.moveaxis(np.indices(shape), 0, -1))
    distance = np.linalg.norm(points - CENTRE_MM, axis=-1) - RADIUS_MM
    return distance, np.clip(0.5 - distance / 20, 0, 1).astype(np.float32) * 700


def grid(spacing: tuple[float, float, float], degrees: tuple[float, float, float], flips: tuple[int, int, int]):
    shape = tuple(int(190 / step) for step in spacing)
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix() * spacing * np.array(flips)
    affine[:3, 3] = CENTRE_MM + np.array([5, -9, 3]) - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return affine, shape


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spacing", "degrees", "flips"),
    [
        ((2, 2, 2), (0, 0, 0), (1, 1, 1)),
        ((1, 1.2, 5.5), (0, 0, 0), (-1, -1, 1)),
        ((0.9, 0.9, 4), (20, -10, 35), (-1, 1, 1)),
        ((4, 1.2, 1.2), (5, 70, -20), (1, -1, -1)),
    ],
    ids=["2 mm", "thick axial slices, LPS", "oblique", "thick sagittal slices, turned"],
)
def test_distances_are_right_in_millimetres_on_any_grid(spacing, degrees, flips):
    affine, shape = grid(spacing, degrees, flips)
    distance, image = ball(affine, shape)
    found = brain_distance(Brightness(), image, affine)
    assert found.shape == shape
    near = np.abs(distance) < 6
    # interpolation between thick slices rounds the ball's poles off
    assert np.abs(found - distance)[near].mean() < 0.5
    assert dice(brain_mask(Brightness(), image, affine, border_mm=0), distance < 0) > 0.985


def test_the_second_look_has_the_field_of_the_training():
    affine, shape = grid((2, 2, 2), (0, 0, 0), (1, 1, 1))
    network = Brightness()
    brain_distance(network, ball(affine, shape)[1], affine)
    assert network.shapes[1] == (88, 104, 88) and all(n % 2 == 0 for n in network.shapes[0])


def test_an_image_without_a_brain_is_refused():
    affine, shape = grid((4, 4, 4), (0, 0, 0), (1, 1, 1))
    with pytest.raises(GliofillError, match="constant"):
        brain_distance(Brightness(), np.ones(shape, np.float32), affine)
    image = np.zeros(shape, np.float32)
    image[20:24, 20:24, 20:24] = 1
    with pytest.raises(GliofillError, match="mL of the image look like a brain"):
        brain_distance(Brightness(), image, affine)


def test_the_largest_piece_is_kept():
    mask = np.zeros((7, 8, 9), dtype=bool)
    mask[1:3, 1, 1] = mask[4:7, 5:7, 5] = True
    assert largest_piece(mask).sum() == 6
