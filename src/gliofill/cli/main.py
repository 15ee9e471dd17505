"""The command line: one subcommand per rule, and the BIDS-App form ``gliofill BIDS_DIR OUTPUT_DIR participant``."""

import argparse
import difflib
import logging
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor
from pathlib import Path

from gliofill import __version__
from gliofill.cli import audit, cohort, fetch, learning, verify
from gliofill.errors import GliofillError, MachineError
from gliofill.run.disk import explain_disk
from gliofill.run.processes import KILLED, cleaning_up

Subcommand = Callable[[argparse.Namespace], int]

SUBCOMMANDS: dict[str, Subcommand] = {
    subcommand.__name__.replace("_", "-"): subcommand
    for subcommand in (
        *cohort.SUBCOMMANDS,
        *verify.SUBCOMMANDS,
        *audit.SUBCOMMANDS,
        *learning.SUBCOMMANDS,
        *fetch.SUBCOMMANDS,
    )
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run gliofill and return the exit code: 0 all well, 1 something failed, 2 wrong usage or input."""
    words = list(sys.argv[1:] if argv is None else argv)
    # it reports repairs of headers without naming the file; what matters is in the tables
    logging.getLogger("nibabel.global").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module="nibabel")
    try:
        if words and words[0] not in SUBCOMMANDS and not words[0].startswith("-"):
            from gliofill.cli.app import run_app

            _check_first_word(words)
            return run_app(words)
        arguments = make_subcommand_parser().parse_args(words)
        subcommand: Subcommand = arguments.run
        with cleaning_up():
            return subcommand(arguments)
    except GliofillError as error:
        print(f"gliofill: {error}", file=sys.stderr)
        return 2
    except MachineError as error:
        print(f"gliofill: {error}", file=sys.stderr)
        return 1
    except BrokenExecutor:
        print(f"gliofill: {KILLED}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader of a pipe has gone, as in "gliofill scan … | head"
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        problem = explain_disk(error)
        if problem is None:
            raise
        print(f"gliofill: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("gliofill: stopped", file=sys.stderr)
        return 130


def _check_first_word(words: Sequence[str]) -> None:
    near = difflib.get_close_matches(words[0], SUBCOMMANDS, n=1)
    if near and not Path(words[0]).exists():
        raise GliofillError(f"{words[0]}: is neither a folder nor a subcommand; did you mean {near[0]!r}?")


def make_subcommand_parser() -> argparse.ArgumentParser:
    """Return the parser of the subcommands."""
    parser = argparse.ArgumentParser(
        prog="gliofill",
        description="Completes glioma MRI cohorts. As a BIDS-App: gliofill BIDS_DIR OUTPUT_DIR participant",
    )
    parser.add_argument("--version", action="version", version=f"gliofill {__version__}")
    subcommands = parser.add_subparsers(metavar="SUBCOMMAND", required=True)
    add: dict[str, argparse.ArgumentParser] = {}
    for name, subcommand in SUBCOMMANDS.items():
        add[name] = subcommands.add_parser(name, help=subcommand.__doc__, description=subcommand.__doc__)
        add[name].set_defaults(run=subcommand)
    cohort.add_arguments(add)
    verify.add_arguments(add)
    audit.add_arguments(add)
    learning.add_arguments(add)
    fetch.add_arguments(add)
    return parser


if __name__ == "__main__":
    sys.exit(main())
