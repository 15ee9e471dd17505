"""One slice of the best, the median and the worst test session, kept so that figures need no network."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from gliofill.evaluation.scoring import Predicted
from gliofill.files.atomic import whole_file
from gliofill.learning.volumes.cases import Volume

PANELS = "panels.npz"

ROLES = ("best", "median", "worst")


@dataclass(frozen=True)
class Panel:
    """One axial slice: left-right by back-front, shape (H, W), float16.

    Attributes
    ----------
    ssim
        Of the whole session, inside the brain.
    source, target, prediction
        On the [0, 1] scale; 0 outside the brain.
    half_width
        Of the uncertainty interval, same scale; None without calibration.
    brain, lesion
        0 or 1.
    """

    ssim: float
    source: NDArray[np.float16]
    target: NDArray[np.float16]
    prediction: NDArray[np.float16]
    half_width: NDArray[np.float16] | None
    brain: NDArray[np.float16]
    lesion: NDArray[np.float16]

    @classmethod
    def of(cls, volume: Volume, predicted: Predicted, ssim: float) -> Self:
        """Take the slice with the largest section of the lesion, or of the brain where there is no lesion."""
        section = volume.lesion & volume.brain
        index = int((section if section.any() else volume.brain).sum(axis=(1, 2)).argmax())
        brain = volume.brain[index]

        def inside(image: NDArray[np.floating]) -> NDArray[np.float16]:
            return np.where(brain, image[index], 0).astype(np.float16)

        return cls(
            ssim,
            source=inside(volume.source),
            target=inside(volume.target),
            prediction=inside(predicted.image),
            half_width=None if predicted.half_width is None else inside(predicted.half_width),
            brain=brain.astype(np.float16),
            lesion=section[index].astype(np.float16),
        )


def write_panels(path: Path, panels: Mapping[str, Panel], method: str) -> None:
    """Write the panels of the best, the median and the worst session by SSIM.

    The file is a NumPy archive (``.npz``, no pickles):

    - ``names``: text, shape (N,): the sessions, with ``_`` for ``/``; N is 3, or fewer if there are fewer sessions
    - ``roles``: text, shape (N,): ``best``, ``median`` or ``worst``, in this order
    - ``ssim``: float64, shape (N,): of the whole session, inside the brain
    - ``method``: text: whose prediction is shown
    - for each name ``{name}__source``, ``{name}__target``, ``{name}__prediction``, ``{name}__half_width`` (absent
      without calibration), ``{name}__brain``, ``{name}__lesion``: float16, shape (H, W), as in `Panel`

    Parameters
    ----------
    path
        The file.
    panels
        By folder of the session; at least one.
    method
        Name of the method.
    """
    ranked = sorted(panels, key=lambda session: (-panels[session].ssim, session))
    places = {"best": 0, "median": len(ranked) // 2, "worst": len(ranked) - 1}
    # of two sessions none is the median, a single one is the best
    roles = {1: ("best",), 2: ("best", "worst")}.get(len(ranked), ROLES)
    chosen = {role: ranked[places[role]] for role in roles}
    arrays: dict[str, NDArray[Any]] = {
        "names": np.array([session.replace("/", "_") for session in chosen.values()]),
        "roles": np.array(list(chosen)),
        "ssim": np.array([panels[session].ssim for session in chosen.values()]),
        "method": np.array(method),
    }
    for session in chosen.values():
        panel = panels[session]
        for name in ("source", "target", "prediction", "half_width", "brain", "lesion"):
            image = getattr(panel, name)
            if image is not None:
                arrays[f"{session.replace('/', '_')}__{name}"] = image
    with whole_file(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
