"""The slices of chosen sessions that an evaluation leaves for the figure of panels."""

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from gliofill.errors import GliofillError

NEEDED = ("source", "target", "prediction", "brain", "lesion")


@dataclass(frozen=True)
class Slice:
    """One slice of one session, all arrays of shape (H, W): left-right, back-front.

    Attributes
    ----------
    rank
        ``best``, ``median`` or ``worst`` by SSIM.
    name
        Folder of the session, as far as the file tells; empty if the file names the rank alone.
    ssim
        Of the whole brain, not of the slice.
    source, target, prediction
        On the [0, 1] scale, 0 outside the brain.
    half_width
        Of the calibrated interval, on the same scale; None if the model is not calibrated.
    brain, lesion
        Masks.
    """

    rank: str
    name: str
    ssim: float
    source: NDArray[np.float32]
    target: NDArray[np.float32]
    prediction: NDArray[np.float32]
    half_width: NDArray[np.float32] | None
    brain: NDArray[np.bool_]
    lesion: NDArray[np.bool_]

    @property
    def error(self) -> NDArray[np.float32]:
        """Absolute error inside the brain, 0 outside."""
        return np.abs(self.prediction - self.target) * self.brain


@dataclass(frozen=True)
class Slices:
    """The chosen sessions, from best to worst, and the method that predicted them."""

    method: str
    sessions: tuple[Slice, ...]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read ``panels.npz``.

        It holds ``names`` and ``ssim`` (from best to worst, at most three), ``method``, and for each name the arrays
        ``{name}__source``, ``target``, ``prediction``, ``brain``, ``lesion`` and, if the model is calibrated,
        ``half_width``; a ``/`` in a name is a ``_`` there.

        Raises
        ------
        GliofillError
            If the file cannot be read, names nobody, or lacks an array or has one of another shape.
        """
        arrays = _load(path)
        names = [str(name) for name in np.atleast_1d(_take(path, arrays, "names"))]
        scores = [float(score) for score in np.atleast_1d(_take(path, arrays, "ssim"))]
        if not names or len(scores) != len(names):
            raise GliofillError(
                f"{path}: {len(names)} names and {len(scores)} ssim; as many, and at least one, are needed"
            )
        # one session may be the best and the worst
        chosen = dict(zip(names, scores, strict=True))
        ranks = _ranks(list(chosen))
        sessions = tuple(_slice(path, arrays, name, rank=ranks[name], ssim=chosen[name]) for name in chosen)
        return cls(str(_take(path, arrays, "method")), sessions)


def _ranks(names: list[str]) -> dict[str, str]:
    """Return what to call each session; a single one is neither best nor worst."""
    if len(names) == 1:
        return {names[0]: "only session"}
    return dict.fromkeys(names, "median") | {names[0]: "best", names[-1]: "worst"}


def _slice(path: Path, arrays: dict[str, NDArray[Any]], name: str, *, rank: str, ssim: float) -> Slice:
    key = name.replace("/", "_")
    images = {kind: _take(path, arrays, f"{key}__{kind}").astype(np.float32) for kind in NEEDED}
    if f"{key}__half_width" in arrays:
        images["half_width"] = arrays[f"{key}__half_width"].astype(np.float32)
    for kind, image in images.items():
        if image.ndim != 2 or image.shape != images["source"].shape:
            raise GliofillError(f"{path}: {key}__{kind} has shape {image.shape}, {images['source'].shape} is needed")
    return Slice(
        rank,
        "" if name in ("best", "median", "worst") else name,
        ssim,
        source=images["source"],
        target=images["target"],
        prediction=images["prediction"] * (images["brain"] > 0),
        half_width=images["half_width"] * (images["brain"] > 0) if "half_width" in images else None,
        brain=images["brain"] > 0,
        lesion=images["lesion"] > 0,
    )


def _load(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with np.load(path) as file:
            return dict(file)
    except FileNotFoundError as error:
        raise GliofillError(f"{path}: no such file") from error
    except (OSError, ValueError, EOFError, BadZipFile, zlib.error) as error:
        raise GliofillError(f"{path}: cannot be read as arrays ({error})") from error


def _take(path: Path, arrays: dict[str, NDArray[Any]], name: str) -> NDArray[Any]:
    if name not in arrays:
        raise GliofillError(f"{path}: array {name} is missing; evaluate again")
    return arrays[name]
