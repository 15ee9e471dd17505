"""Options that the verbs and the BIDS-App command share."""

import argparse
import json
from pathlib import Path
from typing import Any

from gliofill.errors import GliofillError
from gliofill.images import read_json


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
    except ValueError as error:
        raise GliofillError(f"--bids-filter: is not JSON ({error})") from error
    return content


def add_selection(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose participants, sessions and images."""
    parser.add_argument("--participant-label", nargs="*", default=[], metavar="LABEL", help="with or without sub-")
    parser.add_argument("--session-label", nargs="*", default=[], metavar="LABEL", help="with or without ses-")
    parser.add_argument(
        "--bids-filter",
        default="{}",
        metavar="JSON",
        help="entities that an image must have, per contrast; text or file",
    )
