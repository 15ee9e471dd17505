"""Start the workflow: the BIDS-App command hands its options to Snakemake."""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gliofill import __version__
from gliofill.errors import GliofillError
from gliofill.images import write_json
from gliofill.options import add_selection, read_filter
from gliofill.report.summary import summarise
from gliofill.settings import parse_config, share_folder
from gliofill.terminal import print_status


def run_app(words: Sequence[str]) -> int:
    """Run ``gliofill BIDS_DIR OUTPUT_DIR {participant,group}`` and return Snakemake's exit code.

    Raises
    ------
    GliofillError
        If the folder does not exist or an option is wrong.
    """
    own, rest = _split(words)
    options = _parser().parse_args(own)
    if not options.bids_dir.is_dir():
        raise GliofillError(f"{options.bids_dir}: no such folder")
    if options.level == "group":
        return _summarise(options.output_dir.resolve())
    config = _config(options)
    settings = parse_config(config)
    file = settings.output_dir / ".gliofill" / "config.json"
    write_json(file, config)
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(share_folder() / "Snakefile")]
    command += ["--configfile", str(file), "--cores", str(options.cores), "--resources", f"gpu={options.gpus}"]
    command += ["--keep-going", "--rerun-incomplete", *(["--dry-run"] if options.dry_run else []), *rest]
    # verbs are found beside this interpreter, also when its folder is not on the user's PATH
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    environment.setdefault("GLIOFILL_START", str(Path.cwd()))
    # Snakemake keeps its log where it is started, which in a container may be read-only
    folder = Path.cwd() if os.access(Path.cwd(), os.W_OK) else settings.output_dir
    return subprocess.run(command, env=environment, cwd=folder, stdin=subprocess.DEVNULL, check=False).returncode


def _summarise(output_dir: Path) -> int:
    """Write and print the tables over the cohort from what is already there; 1 if anything failed."""
    summary = summarise(output_dir)
    summary.write(output_dir)
    print_status(summary)
    return 1 if summary.failures else 0


def _split(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Split at ``--``: what follows goes to Snakemake."""
    position = list(words).index("--") if "--" in words else len(words)
    return list(words[:position]), list(words[position + 1 :])


def _config(options: argparse.Namespace) -> dict[str, Any]:
    config: dict[str, Any] = {}
    if options.config:
        import yaml

        try:
            config = yaml.safe_load(options.config.read_text(encoding="utf-8")) or {}
        except (OSError, yaml.YAMLError) as error:
            raise GliofillError(
                f"--config {options.config}: cannot be read ({' '.join(str(error).split())})"
            ) from error
    config |= {"bids_dir": str(options.bids_dir.resolve()), "output_dir": str(options.output_dir.resolve())}
    if options.work_dir:
        config["work_dir"] = str(options.work_dir.resolve())
    for key, labels in (("participants", options.participant_label), ("sessions", options.session_label)):
        if labels:
            config[key] = labels
    if options.bids_filter != "{}":
        config["bids_filter"] = read_filter(options.bids_filter)
    return config


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gliofill",
        description="Complete a glioma MRI cohort. What follows -- goes to Snakemake.",
        epilog="Verbs of their own: gliofill --help",
    )
    parser.add_argument("bids_dir", type=Path, help="raw BIDS dataset; only read")
    parser.add_argument("output_dir", type=Path, help="derivatives")
    parser.add_argument(
        "level",
        choices=["participant", "group"],
        help="group repeats the tables over the cohort for what is already there",
    )
    add_selection(parser)
    parser.add_argument("--config", type=Path, metavar="YAML", help="configuration file, as config/config.yaml")
    parser.add_argument("-w", "--work-dir", type=Path, help="scratch folder")
    parser.add_argument("--cores", type=int, default=os.cpu_count() or 1, metavar="N")
    parser.add_argument("--gpus", type=int, default=1, metavar="N", help="imputation jobs at a time")
    parser.add_argument("--dry-run", action="store_true", help="only tell what would be done")
    parser.add_argument("--version", action="version", version=f"gliofill {__version__}")
    return parser
