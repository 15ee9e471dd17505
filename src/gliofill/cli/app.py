"""Start the workflow: the BIDS-App command hands its options to Snakemake."""

import argparse
import difflib
import getpass
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from gliofill import __version__
from gliofill.cli.app_options import make_config, read_app_options
from gliofill.cli.report_only import report_cohort, report_only
from gliofill.config.parsing import parse_config, share_folder
from gliofill.config.settings import Settings
from gliofill.derivatives.description import check_output
from gliofill.derivatives.external_masks import check_datasets
from gliofill.errors import GliofillError
from gliofill.files.atomic import read_json, write_json
from gliofill.run.lock import check_free, take_lock


def run_app(words: Sequence[str]) -> int:
    """Run ``gliofill BIDS_DIR OUTPUT_DIR {participant,group}`` and return Snakemake's exit code.

    Raises
    ------
    GliofillError
        If the folder does not exist or an option is wrong.
    """
    own, rest = _split(words)
    options = read_app_options(own)
    if not options.bids_dir.is_dir():
        raise GliofillError(f"{options.bids_dir}: no such folder")
    if options.level == "group":
        check_free(options.output_dir.resolve())
        return report_cohort(options.output_dir.resolve())
    config = make_config(options)
    settings = parse_config(config, file=options.config)
    check_output(settings.bids_dir, settings.output_dir)
    _check_participants(settings)
    check_datasets(settings.preprocess.derivatives)
    if options.report_only:
        check_free(settings.output_dir)
        return report_only(settings, workers=options.cores or os.cpu_count() or 1, dry_run=options.dry_run)
    _tell_of_other_version(settings.output_dir)
    file = _hold(settings, config, is_looking="--unlock" in rest or options.dry_run, is_local=not options.profile)
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(share_folder() / "Snakefile")]
    command += ["--configfile", str(file), *_limits(options)]
    command += [] if settings.stop_on_first_crash else ["--keep-going"]
    command += ["--rerun-incomplete", *(["--dry-run"] if options.dry_run else []), *rest]
    # subcommands are found beside this interpreter, also when its folder is not on the user's PATH
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    environment.setdefault("GLIOFILL_START", str(Path.cwd()))
    if not _has_name():
        environment["USER"] = f"uid-{os.getuid()}"
    # Snakemake keeps its log where it is started, which in a container may be read-only
    folder = Path.cwd() if os.access(Path.cwd(), os.W_OK) else settings.output_dir
    return _become(command, environment, folder)


def _hold(settings: Settings, config: Mapping[str, Any], *, is_looking: bool, is_local: bool) -> Path:
    """Hold the output folder for a run, which a dry run does not, and write the configuration there.

    Raises
    ------
    GliofillError
        If another run holds it.
    """
    name = "config.json"
    if is_looking:
        name = "config-dry-run.json"  # a run may be at work with its own
    elif found := take_lock(settings.output_dir, is_local=is_local, work_dir=settings.scratch):
        print(f"gliofill: {found}", file=sys.stderr)
    file = settings.output_dir / ".gliofill" / name
    write_json(file, config)
    return file


def _become(command: list[str], environment: Mapping[str, str], folder: Path) -> NoReturn:
    """Go on as another program, so that it gets the signals that are meant for this one."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.chdir(folder)
    os.dup2(os.open(os.devnull, os.O_RDONLY), sys.stdin.fileno() if sys.stdin else 0)
    os.execve(command[0], command, environment)


def _check_participants(settings: Settings) -> None:
    """Refuse labels that the dataset has not, before anything is started.

    Raises
    ------
    GliofillError
        Naming the first of them.
    """
    asked = (*settings.participants, *settings.exclude_participants)
    if not asked:
        return
    known = {path.name.removeprefix("sub-") for path in settings.bids_dir.glob("sub-*") if path.is_dir()}
    for label in asked:
        if label not in known:
            near = difflib.get_close_matches(label, known, n=1)
            shown = f"; did you mean {near[0]}?" if near else f"; there are {len(known)}, see gliofill scan"
            raise GliofillError(f"participant sub-{label}: not in {settings.bids_dir}{shown}")


def _limits(options: argparse.Namespace) -> list[str]:
    """Return what all jobs together may use; a profile has its own idea of what is not asked for."""
    words = ["--workflow-profile", str(options.profile)] if options.profile else []
    if options.cores or not options.profile:
        words += ["--cores", str(options.cores or os.cpu_count() or 1)]
    amounts = {"gpu": options.gpus, "mem_mb": options.mem}
    given = [f"{name}={amount}" for name, amount in amounts.items() if amount is not None]
    return [*words, "--resources", *given] if given else words


def _has_name() -> bool:
    """Tell whether the user has a name, which Snakemake asks for; in a container any number may be the user."""
    try:
        return bool(getpass.getuser())
    except (KeyError, OSError):
        return False


def _tell_of_other_version(output_dir: Path) -> None:
    """Warn before a run that will make every session again."""
    description = output_dir / "dataset_description.json"
    if description.is_file():
        made_by = (read_json(description).get("GeneratedBy") or [{}])[0].get("Version")
        if made_by != __version__:
            print(
                f"gliofill: warning: {output_dir} was made by version {made_by}, this is {__version__}: "
                "every session is made again, so that all agree",
                file=sys.stderr,
            )


def _split(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Split at ``--``: what follows goes to Snakemake."""
    position = list(words).index("--") if "--" in words else len(words)
    return list(words[:position]), list(words[position + 1 :])
