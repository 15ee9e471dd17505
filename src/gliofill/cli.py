"""The command line: one verb per rule, and the BIDS-App form ``gliofill BIDS_DIR OUTPUT_DIR participant``.

Verbs import what they need when they run: ``gliofill scan`` starts at once, and threads are limited before ITK and
torch
load.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from gliofill import __version__
from gliofill.contrasts import TASKS, Contrast, find_task
from gliofill.errors import GliofillError
from gliofill.learning.recipe import VARIANTS
from gliofill.options import add_selection, read_filter

Verb = Callable[[argparse.Namespace], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Run gliofill and return the exit code: 0 all well, 1 something failed, 2 wrong usage or input."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        if words and words[0] not in VERBS and not words[0].startswith("-"):
            from gliofill.runner import run_app

            return run_app(words)
        arguments = _parser().parse_args(words)
        verb: Verb = arguments.run
        return verb(arguments)
    except GliofillError as error:
        print(f"gliofill: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("gliofill: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of a pipe has gone, as in "gliofill scan … | head"
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def limit_threads(threads: int) -> None:
    """Hold every numerical library to a number of threads; works only before they are loaded."""
    for name in ("ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(threads)


def scan(arguments: argparse.Namespace) -> int:
    """Print which contrasts each session has, and what could be filled; images are not opened."""
    from gliofill.bids.scan import scan_dataset
    from gliofill.terminal import print_scan

    bids_filter = read_filter(arguments.bids_filter)
    dataset = scan_dataset(
        arguments.bids_dir,
        participants=arguments.participant_label,
        sessions=arguments.session_label,
        bids_filter=bids_filter,
    )
    print_scan(dataset)
    return 0


def coverage(arguments: argparse.Namespace) -> int:
    """Measure every candidate image and write the coverage table."""
    from gliofill.bids.coverage import MeasurementCache, cover, measure_all, write_coverage
    from gliofill.bids.derivatives import COVERAGE
    from gliofill.bids.description import check_output, write_description
    from gliofill.bids.scan import scan_dataset
    from gliofill.settings import UsabilitySettings
    from gliofill.terminal import progress

    check_output(arguments.bids_dir, arguments.output_dir)
    bids_filter = read_filter(arguments.bids_filter)
    dataset = scan_dataset(
        arguments.bids_dir,
        participants=arguments.participant_label,
        sessions=arguments.session_label,
        bids_filter=bids_filter,
    )
    paths = [scan.path for session in dataset.sessions for scan in session.scans]
    cache = MeasurementCache(arguments.output_dir / ".gliofill" / "measurements.json")
    with progress("images", len(paths)) as advance:
        measurements = measure_all(paths, cache, threads=arguments.threads, advance=advance)
    cache.save()
    fillable = frozenset(find_task(name).target for name in arguments.fill)
    rows = cover(dataset, measurements, UsabilitySettings.from_json(arguments.settings), fillable=fillable)
    write_description(arguments.bids_dir, arguments.output_dir)
    write_coverage(arguments.output_dir / COVERAGE, rows)
    for left_out in dataset.unrecognised:
        print(f"not used: {left_out.path.relative_to(dataset.root)}: {left_out.reason}")
    return 0


def preprocess(arguments: argparse.Namespace) -> int:
    """Preprocess one session."""
    from gliofill.bids.coverage import read_coverage
    from gliofill.bids.derivatives import COVERAGE
    from gliofill.preprocess.session import preprocess_session
    from gliofill.settings import PreprocessSettings

    rows = [row for row in read_coverage(arguments.output_dir / COVERAGE) if row.folder == arguments.session]
    if not rows:
        raise GliofillError(f"{arguments.output_dir / COVERAGE}: has no session {arguments.session}")
    manifest = preprocess_session(
        arguments.bids_dir,
        arguments.output_dir,
        rows,
        settings=PreprocessSettings.from_json(arguments.settings),
        work_dir=arguments.work_dir or arguments.output_dir / ".gliofill" / "work",
        threads=arguments.threads,
    )
    for contrast, entry in manifest["Contrasts"].items():
        print(f"{arguments.session} {contrast}: {entry['status']} {entry['reason']}".rstrip())
    return 0


def impute(arguments: argparse.Namespace) -> int:
    """Synthesise one missing contrast of one session."""
    limit_threads(arguments.threads)
    from gliofill.filling import fill
    from gliofill.settings import ImputeSettings

    record = fill(
        arguments.output_dir,
        arguments.session,
        Contrast(arguments.contrast),
        ImputeSettings.from_json(arguments.settings),
    )
    print(f"{arguments.session} {arguments.contrast}: {record['status']} {record['reason']}".rstrip())
    return 0


def report(arguments: argparse.Namespace) -> int:
    """Draw the complete set of contrasts of one session."""
    limit_threads(1)
    from gliofill.report.montage import draw_session

    print(draw_session(arguments.output_dir, arguments.session))
    return 0


def status(arguments: argparse.Namespace) -> int:
    """Write and print what became of every session; exit code 1 if anything failed."""
    from gliofill.report.summary import summarise
    from gliofill.terminal import print_status

    summary = summarise(arguments.output_dir)
    summary.write(arguments.output_dir)
    print_status(summary)
    return 1 if summary.failures and not arguments.no_verdict else 0


def train(arguments: argparse.Namespace) -> int:
    """Train one task on the complete sessions of one or more derivatives folders."""
    limit_threads(arguments.threads)
    from gliofill.learning.recipe import load_recipe
    from gliofill.learning.training import train as run_training
    from gliofill.learning.volumes import find_split_cases
    from gliofill.settings import recipe_file

    task = find_task(arguments.task)
    learn, validation = find_split_cases(
        arguments.derivatives, task, participants=arguments.participant_label, validation=arguments.validation_label
    )
    recipe = load_recipe(recipe_file(arguments.recipe), task)
    run_training(
        recipe.variant(arguments.variant) if arguments.variant else recipe,
        learn,
        arguments.model_dir,
        task=task,
        validation_cases=validation,
        device=arguments.device,
        threads=arguments.threads,
        store=arguments.store,
        log=lambda text: print(text, flush=True),
    )
    return 0


def demo(arguments: argparse.Namespace) -> int:
    """Generate the demonstration cohort."""
    limit_threads(1)
    from gliofill.phantom import generate_cohort

    generate_cohort(arguments.folder, sessions=arguments.sessions, seed=arguments.seed, processes=arguments.processes)
    return 0


VERBS: dict[str, Verb] = {
    verb.__name__: verb for verb in (scan, coverage, preprocess, impute, report, status, train, demo)
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gliofill",
        description="Completes glioma MRI cohorts. As a BIDS-App: gliofill BIDS_DIR OUTPUT_DIR participant",
    )
    parser.add_argument("--version", action="version", version=f"gliofill {__version__}")
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    add: dict[str, argparse.ArgumentParser] = {}
    for name, verb in VERBS.items():
        add[name] = verbs.add_parser(name, help=verb.__doc__, description=verb.__doc__)
        add[name].set_defaults(run=verb)
    for name in ("scan", "coverage", "preprocess"):
        add[name].add_argument("bids_dir", type=_folder, help="raw BIDS dataset; only read")
    for name in ("coverage", "preprocess", "impute", "report", "status"):
        add[name].add_argument("output_dir", type=lambda text: Path(text).resolve(), help="derivatives")
    for name in ("preprocess", "impute", "report"):
        add[name].add_argument("session", help="sub-X or sub-X/ses-Y")
    for name in ("scan", "coverage"):
        add_selection(add[name])
    for name in ("coverage", "preprocess", "impute"):
        add[name].add_argument("--settings", default="{}", metavar="JSON", help="section of the configuration")
    for name in ("coverage", "preprocess", "impute", "train"):
        add[name].add_argument("--threads", type=int, default=1, metavar="N")
    tasks = [task.name for task in TASKS]
    add["coverage"].add_argument("--fill", nargs="*", choices=tasks, default=tasks, help="tasks that have a model")
    add["preprocess"].add_argument("--work-dir", type=Path, help="scratch folder")
    add["impute"].add_argument("contrast", choices=[str(task.target) for task in TASKS])
    add["status"].add_argument("--no-verdict", action="store_true", help="exit code 0 also after failures")
    add["train"].add_argument("model_dir", type=Path, help="new folder for the model")
    add["train"].add_argument(
        "--derivatives", nargs="+", type=_folder, required=True, metavar="DIR", help="preprocessed sessions"
    )
    add["train"].add_argument("--task", choices=tasks, required=True)
    add["train"].add_argument("--recipe", default="paper", help="name of a recipe, or path of a YAML file")
    add["train"].add_argument(
        "--participant-label", nargs="*", default=[], help="only these; all but the validation ones by default"
    )
    add["train"].add_argument(
        "--validation-label", nargs="*", default=[], help="held out for the scores of the model card"
    )
    add["train"].add_argument(
        "--variant", choices=list(VARIANTS), help="with or without lesion-mask loss, or the L1 term alone"
    )
    add["train"].add_argument("--store", type=Path, metavar="DIR", help="keeps scaled volumes for the next run")
    add["train"].add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    add["demo"].add_argument("folder", type=Path, help="new folder for the cohort")
    add["demo"].add_argument("--sessions", type=int, default=5)
    add["demo"].add_argument("--processes", type=int, default=1, help="sessions generated at a time")
    add["demo"].add_argument("--seed", type=int, default=0)
    return parser


def _folder(text: str) -> Path:
    path = Path(text).expanduser()
    if not path.is_dir():
        raise GliofillError(f"{text}: no such folder")
    return path.resolve()


if __name__ == "__main__":
    sys.exit(main())
