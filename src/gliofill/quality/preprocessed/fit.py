"""Does an image fit where it lies? Its information about another one, there and in the places around."""

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, optimize
from scipy.spatial.transform import Rotation

from gliofill.metrics.overlap import mutual_information

Matrix = NDArray[np.float64]

#: an image whose information is less times that of the places around, or of its mirror image, may lie anywhere
LEAST_PEAK, LEAST_MIRRORED = 1.1, 0.92
#: tilts and turns, in degrees, and shifts, in millimetres, of the plane in which an image is mirrored
PLANES = ((-15.0, 0.0, 15.0), (-15.0, 0.0, 15.0), (-8.0, 0.0, 8.0))
#: fewer points than this inside the brain are too few for a joint histogram
_LEAST_POINTS = 1000


@dataclass(frozen=True)
class Volume:
    """An image.

    Attributes
    ----------
    data
        Shape (I, J, K).
    affine
        Shape (4, 4), voxel indices to RAS millimetres.
    """

    data: NDArray[np.floating]
    affine: Matrix

    @property
    def spacing(self) -> NDArray[np.float64]:
        """Edges of a voxel in millimetres."""
        return np.asarray(np.linalg.norm(self.affine[:3, :3], axis=0))


@dataclass(frozen=True)
class Scale:
    """What a place is compared with.

    Attributes
    ----------
    move
        Millimetres and degrees to the twelve places around it.
    depth_mm
        How deep inside the brain: what enters from outside when the images are moved tells of edges only.
    spacing_mm
        Of the voxels that are compared, where the image has finer ones.
    """

    move: float
    depth_mm: float
    spacing_mm: float


#: sulci and ventricles of one person fit in one place only; those of two, or of a mirrored one, equally badly in many
FOLDS = Scale(move=5.0, depth_mm=8.0, spacing_mm=2.0)
#: the template is nobody, its folds are blurred: only the whole brain has a place
SHAPE = Scale(move=10.0, depth_mm=0.0, spacing_mm=3.0)


class Fit:
    """Points inside the brain of a fixed image, to be looked up in a moving one.

    Parameters
    ----------
    fixed, brain
        Image and mask on one grid.
    moving
        Image on any grid.
    scale
        Which points.
    """

    def __init__(self, fixed: Volume, brain: NDArray[np.bool_], moving: Volume, scale: Scale = FOLDS) -> None:
        steps = _steps(fixed, scale)
        thin = tuple(slice(step // 2, None, step) for step in steps)
        mask = brain[thin]
        deep = ndimage.distance_transform_edt(mask, sampling=fixed.spacing * steps) > scale.depth_mm
        mask = deep if deep.sum() > _LEAST_POINTS else mask
        self.values = ndimage.uniform_filter(fixed.data, steps)[thin][mask]
        voxels = np.argwhere(mask) * steps + [step // 2 for step in steps]
        self.points = fixed.affine @ np.vstack([voxels.T, np.ones(len(voxels))])
        self.centre = self.points[:3].mean(axis=1)
        self.moving = ndimage.uniform_filter(moving.data, _steps(moving, scale))
        self.to_voxels = np.linalg.inv(moving.affine)
        self.move = scale.move

    def information(self, matrix: Matrix, where: NDArray[np.bool_] | None = None) -> float:
        """Return the mutual information at the points, or at some of them."""
        moved = self._voxels(matrix)
        found = ndimage.map_coordinates(self.moving, moved, order=1)
        everywhere = np.ones(len(found), dtype=bool)
        return mutual_information(self.values, found, everywhere if where is None else where)

    def in_field(self, matrix: Matrix) -> NDArray[np.bool_]:
        """Return which points the moving image shows."""
        limits = np.array(self.moving.shape)[:, None] - 1
        moved = self._voxels(matrix)
        return np.asarray(((moved >= 0) & (moved <= limits)).all(axis=0))

    def peak(self, matrix: Matrix) -> float:
        """Return the information at a place over the most at the twelve places around it; right places have more."""
        where = self.in_field(matrix)
        if not where.any():
            return 0.0
        around = []
        for direction in (*np.eye(3), *-np.eye(3)):
            around.append(turn(self.centre, Rotation.from_rotvec(np.deg2rad(self.move) * direction)))
            around.append(shift(self.move * direction))
        most = max(self.information(matrix @ move, where) for move in around)
        return self.information(matrix, where) / max(most, 1e-6)

    def _voxels(self, matrix: Matrix) -> NDArray[np.float64]:
        return np.asarray((self.to_voxels @ matrix @ self.points)[:3])

    def mirrored(self, matrix: Matrix) -> float:
        """Return how well the image fits, over how well it fits when right and left are exchanged; below 1 they are.

        The plane in which it is mirrored is looked for near the middle of the brain, then all six parameters are
        improved.
        """
        planes = [matrix @ mirror(self.centre, *plane) for plane in product(*PLANES)]
        start = max(planes, key=self.information)

        def loss(move: NDArray[np.float64]) -> float:
            # about as far by a unit of angle as by a millimetre
            rotation = Rotation.from_rotvec(move[:3] / 50)
            return -self.information(start @ shift(move[3:]) @ turn(self.centre, rotation))

        best = optimize.minimize(loss, np.zeros(6), method="Powell", options={"maxfev": 250, "xtol": 0.2, "ftol": 1e-3})
        return self.information(matrix) / max(-float(best.fun), 1e-6)


def fits_there(fit: Fit) -> bool:
    """Whether two images of one space lie on each other: neither a place around nor a mirrored one fits as well."""
    place = np.eye(4)
    return fit.peak(place) >= LEAST_PEAK and fit.mirrored(place) >= LEAST_MIRRORED


def _steps(volume: Volume, scale: Scale) -> list[int]:
    """Return how many voxels of an image make one of the scale, along each axis."""
    return [max(1, round(scale.spacing_mm / edge)) for edge in volume.spacing]


def turn(centre: NDArray[np.float64], rotation: Rotation) -> Matrix:
    """Return the matrix that turns points about a centre."""
    matrix = np.eye(4)
    matrix[:3, :3] = rotation.as_matrix()
    matrix[:3, 3] = centre - matrix[:3, :3] @ centre
    return matrix


def shift(vector: NDArray[np.float64]) -> Matrix:
    """Return the matrix that shifts points."""
    matrix = np.eye(4)
    matrix[:3, 3] = vector
    return matrix


def mirror(centre: NDArray[np.float64], yaw: float, roll: float, shift_mm: float) -> Matrix:
    """Return the matrix that mirrors points in the sagittal plane, turned by degrees and shifted to the right."""
    normal = Rotation.from_euler("zy", [yaw, roll], degrees=True).apply([1.0, 0.0, 0.0])
    matrix = np.eye(4)
    matrix[:3, :3] -= 2 * np.outer(normal, normal)
    matrix[:3, 3] = 2 * normal * (normal @ centre + shift_mm)
    return matrix
