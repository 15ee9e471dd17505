"""The sessions that a model is trained on, and those that are held out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gliofill.contrasts import Task
from gliofill.learning.volumes.cache import load_cached
from gliofill.learning.volumes.cases import Case, Volume, common_crop


@dataclass(frozen=True)
class Sessions:
    """Complete sessions of one task.

    Attributes
    ----------
    task
        What the cases are of.
    training
        Sessions to train on.
    held_out
        Sessions of other participants, to score on.
    """

    task: Task
    training: Sequence[Case]
    held_out: Sequence[Case] = ()

    def load(self, cache: Path | None) -> tuple[list[Volume], list[Volume]]:
        """Return both groups, scaled and cropped alike; the training sessions decide how large the crop is.

        Raises
        ------
        GliofillError
            As `gliofill.learning.volumes.cache.load_cached`.
        """
        crop = common_crop(self.training)
        training, held_out = (
            [load_cached(case, crop_minimum=crop, cache=cache) for case in cases]
            for cases in (self.training, self.held_out)
        )
        return training, held_out
