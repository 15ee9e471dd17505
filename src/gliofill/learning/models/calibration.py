"""How far an acquired image may lie from its prediction: the spread of the networks, scaled on held-out sessions.

Split conformal prediction with normalised residuals (Lei et al., J Am Stat Assoc 2018). Voxels of one brain are not
independent, so each session counts once: its own factor covers the stated share of its voxels, and of the sessions'
factors the one is taken that the next session's stays below with the stated probability, as far as their number tells.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from gliofill.errors import GliofillError

COVERAGE = 0.9


@dataclass(frozen=True)
class Calibration:
    """From the spread of the predictions to an interval around their mean.

    Attributes
    ----------
    coverage
        Share of the brain voxels whose acquired intensity lies inside the interval.
    factor
        Half-width of the interval over (spread + floor).
    floor
        Added to the spread, on the [0, 1] scale: networks that agree are not certain.
    cases
        Held-out sessions on which this was measured.
    """

    coverage: float
    factor: float
    floor: float
    cases: int

    @classmethod
    def fit(
        cls, errors: Iterable[NDArray[np.floating]], spreads: Iterable[NDArray[np.floating]], coverage: float = COVERAGE
    ) -> Self:
        """Fit on the brain voxels of held-out sessions.

        Parameters
        ----------
        errors, spreads
            For each session the absolute errors and the spreads of its voxels, shape (N,), on the [0, 1] scale.
        coverage
            The share wanted, between 0 and 1.

        Raises
        ------
        GliofillError
            If there is no session, or one has no voxels.
        """
        pairs = list(zip(errors, spreads, strict=True))
        if not pairs or any(error.size == 0 for error, _ in pairs):
            raise GliofillError("uncertainty cannot be calibrated without held-out sessions that have brain voxels")
        floor = float(np.mean([np.mean(error) for error, _ in pairs])) / 2
        factors = sorted(float(np.quantile(error / (spread + floor), coverage)) for error, spread in pairs)
        rank = min(math.ceil((len(factors) + 1) * coverage), len(factors))
        return cls(coverage, factors[rank - 1], floor, len(factors))

    def half_width(self, spread: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return the half-width of the interval around the mean, on the [0, 1] scale.

        Examples
        --------
        >>> Calibration(0.9, factor=2.0, floor=0.125, cases=3).half_width(np.array([0.0, 0.25])).tolist()
        [0.25, 0.75]
        """
        return (self.factor * (spread + self.floor)).astype(np.float32)
