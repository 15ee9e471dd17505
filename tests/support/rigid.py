"""Known motions."""

import numpy as np


def rigid(degrees: float, shift: tuple[float, float, float]) -> np.ndarray:
    """Return a rotation about the foot-head axis and a shift in millimetres, shape (4, 4)."""
    angle = np.deg2rad(degrees)
    matrix = np.eye(4)
    matrix[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    matrix[:3, 3] = shift
    return matrix
