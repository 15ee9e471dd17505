"""Options that the subcommands and the BIDS-App command share."""

import argparse
import json
import os
from pathlib import Path
from typing import Any

from gliofill.errors import GliofillError
from gliofill.files.atomic import read_json


def read_filter(text: str) -> dict[str, Any]:
    """Return a BIDS filter given as JSON text, or as the path of a JSON file.

    Raises
    ------
    GliofillError
        If it is neither.
    """
    if not text.lstrip().startswith("{"):
        return read_json(Path(text))
    try:
        content: dict[str, Any] = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise GliofillError(f"--bids-filter: is not JSON ({error})") from error
    return content


def add_selection(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose participants, sessions and images."""
    parser.add_argument("--participant-label", nargs="*", default=[], metavar="LABEL", help="with or without sub-")
    parser.add_argument(
        "--exclude-participant-label", nargs="*", default=[], metavar="LABEL", help="participants to leave out"
    )
    parser.add_argument("--session-label", nargs="*", default=[], metavar="LABEL", help="with or without ses-")
    parser.add_argument(
        "--bids-filter",
        "--bids-filter-file",
        default="{}",
        metavar="JSON",
        help="entities that an image must have, per contrast; text or file",
    )


def named_folder(text: str) -> tuple[str, Path]:
    """Return the two sides of ``NAME=PATH``, for ``argparse``.

    Examples
    --------
    >>> named_folder("hdbet=/data/hdbet")
    ('hdbet', PosixPath('/data/hdbet'))
    """
    name, equals, path = text.partition("=")
    if not (name and equals and path):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=PATH, as in hdbet=/data/derivatives/hdbet")
    return name, Path(path).expanduser().resolve()


def existing_folder(text: str) -> Path:
    """Return the absolute path of a folder that exists, for ``argparse``.

    Raises
    ------
    GliofillError
        If it does not.
    """
    path = Path(text).expanduser()
    if not path.is_dir():
        raise GliofillError(f"{text}: no such folder")
    return path.resolve()


def limit_threads(threads: int) -> None:
    """Hold every numerical library to a number of threads; works only before they are loaded."""
    for name in ("ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(threads)
