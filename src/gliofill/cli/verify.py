"""The subcommand that looks whether an output folder is still what was written."""

import argparse
import json
import os
import sys
from pathlib import Path

EPILOG = """\
exit codes:
  0  every file is as it was written, complete and marked
  1  something was found, each in one line: file, what is wrong, what to do; with --repair, too
  2  wrong usage, or the folder is not an output folder of gliofill
"""


def verify(arguments: argparse.Namespace) -> int:
    """Compare every file of an output folder with the checksum from when it was written; needs no dataset."""
    from gliofill.run.lock import check_free, read_lock_holder
    from gliofill.verification.check import verify_output
    from gliofill.verification.repair import mark_for_rebuild

    holder = read_lock_holder(arguments.output_dir)
    if holder is not None and not holder.is_gone:
        if arguments.repair:
            check_free(arguments.output_dir)
        print(f"gliofill: {holder} is at work here: what it has not finished is reported missing", file=sys.stderr)
    result = verify_output(arguments.output_dir, threads=arguments.threads)
    removed = mark_for_rebuild(arguments.output_dir, result.findings) if arguments.repair else []
    if arguments.json:
        content = {
            "files": result.files,
            "bytes": result.size,
            "findings": [finding.as_mapping() for finding in result.findings],
            "foreign": result.foreign,
            "removed": removed,
        }
        print(json.dumps(content, indent=2))
        return 1 if result.findings else 0
    for finding in result.findings:
        print(finding.line)
    for file in result.foreign:
        print(f"note: {file!r} was not made by gliofill; it is left alone")
    print(f"{result.files} files, {result.size / 1e6:.0f} MB: {_count(len(result.findings), 'problem')}")
    if removed:
        print(
            f"{_count(len(removed), 'file')} removed; run the same command again: it makes these again, and no others"
        )
    return 1 if result.findings else 0


def _count(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"


SUBCOMMANDS = (verify,)


def add_arguments(add: dict[str, argparse.ArgumentParser]) -> None:
    """Give the subcommand its arguments; `add` has a parser for every name."""
    parser = add["verify"]
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("output_dir", type=lambda text: Path(text).resolve(), help="derivatives")
    parser.add_argument(
        "--repair", action="store_true", help="remove what is damaged, so that the next run makes it again"
    )
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    parser.add_argument(
        "--threads", type=int, default=min(8, os.cpu_count() or 1), metavar="N", help="files read at a time"
    )
