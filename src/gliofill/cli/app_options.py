"""The options of the BIDS-App command: those that users of fMRIPrep know, by the same names."""

import argparse
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import yaml

from gliofill import __version__
from gliofill.cli.arguments import add_selection, named_folder, read_filter
from gliofill.config.keys import did_you_mean
from gliofill.config.parsing import share_folder
from gliofill.config.reading import as_mapping
from gliofill.derivatives.paths import NATIVE, SPACE
from gliofill.errors import GliofillError

EXIT_CODES = """\
exit codes:
  0  every step went as planned
  1  something failed: failures.tsv in OUTPUT_DIR lists it with its log; the rest is complete, or
     not reached with --stop-on-first-crash
  2  wrong usage, configuration or input; nothing was started
  other than 0 also after Ctrl-C or SIGTERM; the same command continues it

Whatever follows -- goes to Snakemake. The subcommands: gliofill --help
"""

#: output spaces, by the names that BIDS and the configuration have for them
SPACES = {SPACE: "template", "template": "template", "native": "native", NATIVE: "native"}

#: of the amounts of memory, in megabytes
UNITS = {"": 1, "M": 1, "G": 1000, "T": 1_000_000}


class AppParser(argparse.ArgumentParser):
    """A parser that takes ``--work_dir`` for ``--work-dir`` and suggests the option that was meant."""

    def parse_app(self, words: Sequence[str]) -> argparse.Namespace:
        """Return the options.

        Raises
        ------
        GliofillError
            If an option is unknown or its value is wrong.
        """
        options, unknown = self.parse_known_args([_hyphenated(word) for word in words])
        if unknown:
            known = [name for name in self._option_string_actions if name.startswith("--")]
            raise GliofillError(
                f"unknown option {unknown[0]}{did_you_mean(unknown[0].partition('=')[0], known)} "
                "(options of Snakemake go after --)"
            )
        return options

    def error(self, message: str) -> NoReturn:
        """Raise what argparse would print with the whole usage."""
        raise GliofillError(f"{message}; see gliofill BIDS_DIR OUTPUT_DIR participant --help")


def _hyphenated(word: str) -> str:
    if not word.startswith("--"):
        return word
    name, equals, value = word.partition("=")
    return name.replace("_", "-") + equals + value


def read_app_options(words: Sequence[str]) -> argparse.Namespace:
    """Read the words of ``gliofill BIDS_DIR OUTPUT_DIR {participant,group} ...``.

    Raises
    ------
    GliofillError
        If they are wrong.
    """
    return make_parser().parse_app(words)


def make_parser() -> AppParser:
    """Return the parser of the BIDS-App command."""
    parser = AppParser(
        prog="gliofill",
        usage="gliofill BIDS_DIR OUTPUT_DIR {participant,group} [options] [-- options of Snakemake]",
        description="Complete a glioma MRI cohort.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("bids_dir", type=Path, help="raw BIDS dataset; only read")
    parser.add_argument("output_dir", type=Path, help="derivatives")
    parser.add_argument(
        "level",
        choices=["participant", "group"],
        help="participant does everything; group writes the cohort's tables anew from what is already there",
    )
    _add_choice(parser)
    _add_resources(parser)
    parser.add_argument("--version", action="version", version=f"gliofill {__version__}")
    return parser


def _add_choice(parser: AppParser) -> None:
    add_selection(parser)
    group = parser.add_argument_group("what is done")
    group.add_argument("--config", type=Path, metavar="YAML", help="configuration file, like config/config.yaml")
    group.add_argument(
        "-d",
        "--derivatives",
        nargs="+",
        type=named_folder,
        default=[],
        metavar="NAME=PATH",
        help="BIDS derivatives whose brain masks (desc-brain_mask) and lesion masks (label-lesion_mask, _dseg) in "
        "native space are used where they are there",
    )
    group.add_argument(
        "--output-spaces",
        nargs="*",
        default=[],
        metavar="SPACE",
        help=f"{SPACE} is always written; native adds each session's own space, on the grid of its reference contrast",
    )
    group.add_argument(
        "--longitudinal",
        action="store_true",
        help="align the later sessions of a participant to the first one, so that follow-ups can be subtracted",
    )
    group.add_argument(
        "--random-seed",
        type=int,
        metavar="N",
        help="for the sample of the audit and the split of the patients; all else always uses the same seed",
    )
    group.add_argument(
        "--stop-on-first-crash",
        action="store_true",
        help="end the run at the first failing step; without it every other session is finished",
    )
    group.add_argument(
        "--report-only",
        "--reports-only",
        action="store_true",
        help="only write pages and tables of what is already there, and report what is missing",
    )
    group.add_argument("-n", "--dry-run", action="store_true", help="only print what would be done")


def _add_resources(parser: AppParser) -> None:
    group = parser.add_argument_group("how it is run")
    group.add_argument("-w", "--work-dir", type=Path, help="scratch folder")
    cores = "of all jobs together; default: all of this machine"
    group.add_argument("--cores", "--nprocs", "--n-cpus", type=int, metavar="N", help=cores)
    group.add_argument(
        "--mem", "--mem-mb", type=megabytes, metavar="N[G]", help="memory of all jobs together; default: nine tenths"
    )
    group.add_argument(
        "--gpus",
        type=int,
        metavar="N",
        help="jobs at a time that use a GPU; default: 1, on a cluster as many as it has",
    )
    group.add_argument(
        "--profile", type=profile_folder, metavar="NAME", help="Snakemake profile: slurm, or a folder of your own"
    )


def megabytes(text: str) -> int:
    """Return an amount of memory in megabytes.

    Examples
    --------
    >>> megabytes("16G"), megabytes("8000"), megabytes("1.5 GB")
    (16000, 8000, 1500)
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([MGT]?)B?", text.strip().upper())
    if not match:
        raise argparse.ArgumentTypeError(f"{text!r} is not an amount of memory; write megabytes, or 16G")
    return round(float(match[1]) * UNITS[match[2]])


def profile_folder(text: str) -> Path:
    """Return the folder of a profile: one of ours by name, or a path."""
    ours = share_folder() / "workflow" / "profiles"
    folder = ours / text if (ours / text).is_dir() and "/" not in text else Path(text).expanduser().resolve()
    if not folder.is_dir():
        known = ", ".join(sorted(path.name for path in ours.iterdir() if path.is_dir()))
        raise argparse.ArgumentTypeError(f"{text!r} is neither a folder nor one of {known}")
    return folder


def make_config(options: argparse.Namespace) -> dict[str, Any]:
    """Turn options into a configuration, on top of the file that they may name.

    Raises
    ------
    GliofillError
        If that file cannot be read, or an output space is not available.
    """
    for space in options.output_spaces:
        if space.partition(":")[0] not in SPACES:
            raise GliofillError(f"--output-spaces {space}: is not available; choose from {SPACE} and native")
    config = _read_config(options.config) if options.config else {}

    def change(section: str, values: Mapping[str, object]) -> None:
        content = as_mapping(config.get(section, {}), f"configuration {options.config}: {section}")
        config[section] = {**content, **values}

    config |= {"bids_dir": str(options.bids_dir.resolve()), "output_dir": str(options.output_dir.resolve())}
    if options.work_dir:
        config["work_dir"] = str(options.work_dir.resolve())
    labels: Mapping[str, list[str]] = {
        "participants": options.participant_label,
        "exclude_participants": options.exclude_participant_label,
        "sessions": options.session_label,
    }
    config |= {key: values for key, values in labels.items() if values}
    if options.bids_filter != "{}":
        config["bids_filter"] = read_filter(options.bids_filter)
    preprocess: dict[str, Any] = {}
    if spaces := {SPACES[space.partition(":")[0]] for space in options.output_spaces}:
        preprocess["output_spaces"] = sorted(spaces | {"template"}, reverse=True)
    if options.derivatives:
        preprocess["derivatives"] = {name: str(path) for name, path in options.derivatives}
    if options.longitudinal:
        preprocess["align_sessions"] = "first"
    if preprocess:
        change("preprocess", preprocess)
    if options.stop_on_first_crash:
        config["stop_on_first_crash"] = True
    if options.random_seed is not None:
        for section in ("audit", "split"):
            change(section, {"seed": options.random_seed})
    return config


def _read_config(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise GliofillError(f"--config {path}: cannot be read ({' '.join(str(error).split())})") from error
    if not isinstance(content, dict):
        raise GliofillError(f"--config {path}: is not a mapping of keys to values")
    return content
