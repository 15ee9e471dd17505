"""Start the workflow: the BIDS-App command hands its options to Snakemake."""

import argparse
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from gliofill import __version__
from gliofill.errors import GliofillError
from gliofill.images import write_json, write_text
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


def record_dataset_state(bids_dir: Path, output_dir: Path) -> None:
    """Note the state of the raw dataset in a file that changes only if the dataset does.

    The state is a checksum over name, size and time of every file below the participants' folders and of the JSON files
    above them. The rule ``coverage`` depends on the note, and so runs again when images come, go or change.

    Raises
    ------
    GliofillError
        If the dataset does not exist.
    """
    if not bids_dir.is_dir():
        raise GliofillError(f"bids_dir {bids_dir}: no such folder")
    if not any(bids_dir.glob("sub-*")):
        raise GliofillError(f"bids_dir {bids_dir}: has no sub-* folder; give the folder of a BIDS dataset")
    digest = hashlib.sha256()
    for line in sorted(_file_states(bids_dir)):
        digest.update(line.encode("utf-8", "surrogateescape"))
    note = output_dir / ".gliofill" / "dataset.txt"
    content = json.dumps({"bids_dir": str(bids_dir), "state": digest.hexdigest()}) + "\n"
    if not note.is_file() or note.read_text(encoding="utf-8") != content:
        write_text(note, content)


def _file_states(bids_dir: Path) -> Iterator[str]:
    with os.scandir(bids_dir) as entries:
        tops = list(entries)
    for entry in tops:
        if entry.is_dir() and entry.name.startswith("sub-"):
            for folder, _, names in os.walk(entry.path):
                yield from (
                    _file_state(f"{folder}/{name}") for name in names if "anat" in folder or name.endswith(".json")
                )
        elif entry.name.endswith(".json"):
            yield _file_state(entry.path)


def _file_state(path: str) -> str:
    try:
        stat = Path(path).stat()
    except OSError:
        return f"{path} unreadable"
    return f"{path} {stat.st_size} {stat.st_mtime_ns}\n"
