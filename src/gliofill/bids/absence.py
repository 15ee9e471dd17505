"""Why a session has no image of a contrast: there is none, or there is a file that cannot serve as one."""

from functools import lru_cache
from pathlib import Path

from gliofill.bids.dataset import Dataset, Session, Unrecognised, printable
from gliofill.contrasts import Contrast

_SHOWN = 3


def explain_absence(dataset: Dataset, session: Session, contrast: Contrast) -> str:
    """Return the reason for the coverage table, with the files that look as if they were meant.

    Parameters
    ----------
    dataset
        Its unrecognised files are looked at.
    session
        Has no candidate for `contrast`.
    contrast
        What is missing.
    """
    folder = dataset.root / session.folder
    here = _by_folder(dataset.unrecognised)
    left_out = [item for place in (folder, folder / "anat") for item in here.get(place, ())]
    # a folder that cannot be read may hold any contrast
    left_out = [item for item in left_out if contrast.suffix.lower() in item.path.name.lower()]
    left_out += [
        item for place in (folder, folder / "anat") for item in here.get(place.parent, ()) if item.path == place
    ]
    if not left_out:
        return "no such image in the dataset"
    named = [f"{printable(item.path.name)} ({printable(item.reason)})" for item in left_out[:_SHOWN]]
    more = f" and {len(left_out) - _SHOWN} more" if len(left_out) > _SHOWN else ""
    return f"no such image in the dataset; not used: {', '.join(named)}{more}"


@lru_cache(maxsize=1)
def _by_folder(items: tuple[Unrecognised, ...]) -> dict[Path, list[Unrecognised]]:
    found: dict[Path, list[Unrecognised]] = {}
    for item in items:
        found.setdefault(item.path.parent, []).append(item)
    return found
