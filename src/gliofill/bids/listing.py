"""What one folder of a BIDS dataset holds, without opening a file."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from gliofill.bids.dataset import Unrecognised
from gliofill.bids.names import is_label, natural
from gliofill.bids.recognition import looks_like_image


@dataclass
class FolderListing:
    """The visible contents of one folder, by kind and sorted.

    Attributes
    ----------
    path
        Absolute path of the folder.
    folders, json, images
        Names. Links count as what they lead to; JSON files are not looked at further.
    unrecognised
        Image names without an image behind them.
    """

    path: str
    folders: list[str] = field(default_factory=list)
    json: list[str] = field(default_factory=list)
    images: list[str] = field(default_factory=list)
    unrecognised: list[Unrecognised] = field(default_factory=list)

    def labels(self, prefix: str) -> list[str]:
        """Return the labels of the folders that begin with `prefix`, in natural order."""
        labels = (name.removeprefix(prefix) for name in self.folders if name.startswith(prefix))
        return sorted((label for label in labels if is_label(label)), key=natural)

    def misnamed(self, *prefixes: str) -> Iterator[Unrecognised]:
        """Yield the folders that mean to be ``sub-*``, ``ses-*`` or ``anat`` but are not named as BIDS asks."""
        for name in self.folders:
            for prefix in prefixes:
                is_right = name == prefix or (name.startswith(prefix) and is_label(name.removeprefix(prefix)))
                means_it = name.lower() == prefix if prefix == "anat" else name.lower().startswith(prefix)
                if means_it and not is_right:
                    asked = "anat" if prefix == "anat" else f"{prefix}<letters and digits>"
                    yield Unrecognised(Path(f"{self.path}/{name}"), f"not entered: BIDS names such a folder {asked}")


def list_folder(path: str) -> FolderListing:
    """List a folder; images whose content is not there are distinguished from those that are.

    Raises
    ------
    OSError
        If the folder cannot be read.
    """
    listing = FolderListing(path)
    with os.scandir(path) as entries:
        for entry in entries:
            name = entry.name
            if name.startswith("."):
                continue
            if name.endswith(".json"):
                listing.json.append(name)
            elif looks_like_image(name) and _is(entry, os.DirEntry.is_file):
                listing.images.append(name)
            elif _is(entry, os.DirEntry.is_dir):
                listing.folders.append(name)
            elif looks_like_image(name):
                listing.unrecognised.append(Unrecognised(Path(entry.path), _absence(entry)))
    for names in (listing.folders, listing.json, listing.images):
        names.sort()
    return listing


def _is(entry: os.DirEntry[str], kind: Callable[[os.DirEntry[str]], bool]) -> bool:
    try:
        return bool(kind(entry))
    except OSError:  # a link that leads to itself, or into a folder that must not be read
        return False


def _absence(entry: os.DirEntry[str]) -> str:
    if not entry.is_symlink():
        return "neither a file nor a folder"
    try:
        os.stat(entry.path)  # noqa: PTH116 - only the error is of interest
    except FileNotFoundError:
        target = os.readlink(entry.path)  # noqa: PTH115 - as above
        if "annex/objects" in target:
            return f"content not present (run: datalad get {entry.path})"
        return f"content not present: the link leads to {target}, which does not exist"
    except OSError as error:
        return f"content not present: the link cannot be followed ({error.strerror})"
    return "a link to something that is not a file"
