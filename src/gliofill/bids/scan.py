"""The scan of a BIDS folder: our own walk over names and sidecars, in seconds for thousands of sessions.

Entered are ``sub-*``, ``ses-*`` and ``anat`` and nothing else, never deeper: links that lead in circles do no harm, and
``derivatives``, ``sourcedata``, ``code`` and hidden folders are left alone. No image is opened.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gliofill.bids.dataset import Dataset, Scan, Session, Unrecognised
from gliofill.bids.filters import ContrastFilter, read_filters
from gliofill.bids.listing import FolderListing, list_folder
from gliofill.bids.names import natural
from gliofill.bids.ranking import explain_choice, rank
from gliofill.bids.recognition import AnatFolder, recognise
from gliofill.bids.sidecars import SidecarFolder
from gliofill.contrasts import Contrast
from gliofill.errors import GliofillError

__all__ = ["explain_choice", "scan_dataset"]

_SHOWN_LABELS = 5


def scan_dataset(
    root: Path,
    *,
    participants: Sequence[str] = (),
    excluded: Sequence[str] = (),
    sessions: Sequence[str] = (),
    bids_filter: Mapping[str, Mapping[str, Any]] | None = None,
) -> Dataset:
    """Find the candidates for the four contrasts in every session of a BIDS dataset.

    Parameters
    ----------
    root
        Folder that holds the ``sub-*`` folders.
    participants, sessions
        Labels to keep, with or without ``sub-`` and ``ses-``; all if empty.
    excluded
        Labels of participants to leave out of these.
    bids_filter
        Which files may serve as which contrast, see `gliofill.bids.filters.read_filters`.

    Returns
    -------
    Dataset
        Sessions in natural order (2 before 10), the candidates in each best first (see `gliofill.bids.ranking`). What
        looks like an anatomical image but cannot serve is listed with the reason, as is a folder that cannot be read.

    Raises
    ------
    GliofillError
        If `root` is no folder with ``sub-*`` folders, a requested label does not exist, or the filter is wrong.
    """
    filters = read_filters(bids_filter)
    top = _list_root(Path(os.path.abspath(root)))  # noqa: PTH100 - Path.absolute keeps "..", which reads badly in tables
    chosen = _choose("participant", participants, prefix="sub-", existing=top.labels("sub-"))
    if excluded:
        left_out = set(_choose("participant", excluded, prefix="sub-", existing=top.labels("sub-")))
        chosen = [label for label in chosen if label not in left_out]
    wanted = [label.removeprefix("ses-") for label in sessions]
    walk = _Walk(SidecarFolder(top.path, top.json), filters, wanted)
    walk.note_strays(top, "sub-")
    found = [session for label in chosen for session in walk.enter_participant(f"{top.path}/sub-{label}", label)]
    _choose("session", sessions, prefix="ses-", existing=sorted(walk.seen_sessions, key=natural))
    return Dataset(Path(top.path), tuple(found), tuple(walk.unrecognised))


def _choose(kind: str, asked: Sequence[str], *, prefix: str, existing: Sequence[str]) -> list[str]:
    """Return the labels asked for, all if none, in the order of the existing ones."""
    wanted = {label.removeprefix(prefix) for label in asked}
    unknown = sorted(wanted - set(existing), key=natural)
    if unknown:
        shown = ", ".join(prefix + label for label in existing[:_SHOWN_LABELS] if label)
        more = f" and {len(existing) - _SHOWN_LABELS} more" if len(existing) > _SHOWN_LABELS else ""
        there = f"there are {shown}{more}" if shown else f"there are no {prefix}* folders"
        raise GliofillError(f"{kind} {prefix}{unknown[0]}: not in the dataset; {there}")
    return [label for label in existing if not wanted or label in wanted]


def _list_root(root: Path) -> FolderListing:
    try:
        listing = list_folder(str(root))
    except FileNotFoundError:
        raise GliofillError(f"{root}: no such folder; give the folder of a BIDS dataset") from None
    except NotADirectoryError:
        raise GliofillError(f"{root}: not a folder; give the folder of a BIDS dataset") from None
    except OSError as error:
        raise GliofillError(f"{root}: cannot be read ({error.strerror}); check its permissions") from None
    if not listing.labels("sub-"):
        raise GliofillError(f"{root}: no sub-* folder in it; give the folder of a BIDS dataset")
    return listing


@dataclass
class _Walk:
    """What the walk through the participants carries along and collects."""

    root_sidecars: SidecarFolder
    filters: Mapping[Contrast, ContrastFilter]
    wanted_sessions: Sequence[str]
    unrecognised: list[Unrecognised] = field(default_factory=list)
    seen_sessions: set[str] = field(default_factory=set)

    def enter_participant(self, path: str, label: str) -> Iterator[Session]:
        """Yield the sessions of a participant; images outside ``ses-*`` form one of their own, with an empty label."""
        listing = self._list(path)
        if listing is None:
            return
        self.note_strays(listing, "ses-", "anat")
        sidecars = [self.root_sidecars, SidecarFolder(path, listing.json)]
        labels = listing.labels("ses-")
        if "anat" in listing.folders or not labels:
            labels = ["", *labels]
        self.seen_sessions.update(labels)
        for session in labels:
            if self.wanted_sessions and session not in self.wanted_sessions:
                continue
            if session:
                yield self._enter_session(f"{path}/ses-{session}", label, session, sidecars)
            else:
                scans = self._scans(f"{path}/anat", {"sub": label}, sidecars) if "anat" in listing.folders else ()
                yield Session(label, "", scans)

    def _enter_session(self, path: str, label: str, session: str, above: list[SidecarFolder]) -> Session:
        listing = self._list(path)
        if listing is None:
            return Session(label, session)
        self.note_strays(listing, "anat")
        if "anat" not in listing.folders:
            return Session(label, session)
        sidecars = [*above, SidecarFolder(path, listing.json)]
        return Session(label, session, self._scans(f"{path}/anat", {"sub": label, "ses": session}, sidecars))

    def _scans(self, path: str, place: Mapping[str, str], above: list[SidecarFolder]) -> tuple[Scan, ...]:
        """Return the candidates in an ``anat`` folder, by contrast and best first."""
        listing = self._list(path)
        if listing is None:
            return ()
        self.unrecognised += listing.unrecognised
        for name in listing.folders:
            self.unrecognised.append(Unrecognised(Path(f"{path}/{name}"), "not entered: a folder inside anat"))
        folder = AnatFolder(path, place, [*above, SidecarFolder(path, listing.json)], self.filters)
        scans: dict[Contrast, list[Scan]] = {contrast: [] for contrast in Contrast}
        for filename in listing.images:
            item = recognise(folder, filename)
            if isinstance(item, Scan):
                scans[item.contrast].append(item)
            else:
                self.unrecognised.append(item)
        return tuple(scan for candidates in scans.values() for scan in rank(candidates))

    def _list(self, path: str) -> FolderListing | None:
        try:
            return list_folder(path)
        except OSError as error:
            reason = f"cannot be read ({error.strerror}); check its permissions"
            self.unrecognised.append(Unrecognised(Path(path), reason))
            return None

    def note_strays(self, listing: FolderListing, *prefixes: str) -> None:
        """Record images that lie beside the ``anat`` folder instead of in it, and misnamed folders."""
        self.unrecognised += listing.unrecognised
        self.unrecognised += listing.misnamed(*prefixes)
        for name in listing.images:
            self.unrecognised.append(Unrecognised(Path(f"{listing.path}/{name}"), "not in an anat folder"))
