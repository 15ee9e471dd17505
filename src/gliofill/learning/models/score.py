"""How near a model, or a baseline, came to the acquired target of one held-out session."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Score:
    """How near one method comes to the acquired target of one session.

    Attributes
    ----------
    session
        Folder of the session.
    method
        ``model``, ``copy of the input``, ``linear mapping`` (fitted on the training volumes) or ``all zeros``.
    ssim, lesion_ssim
        Mean of the SSIM map inside the brain and inside the lesion; higher is better.
    mae, lesion_mae
        Mean absolute error there, on the [0, 1] scale; lower is better. None where there is no lesion.
    """

    session: str
    method: str
    ssim: float
    mae: float
    lesion_ssim: float | None
    lesion_mae: float | None
