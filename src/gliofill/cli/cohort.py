"""The subcommands of the cohort: from the raw dataset to complete contrasts.

Subcommands import what they need when they run: ``gliofill scan`` starts at once, and threads are limited before ITK
and torch load.
"""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

from gliofill.cli.arguments import (
    add_selection,
    existing_folder,
    limit_threads,
    named_folder,
    read_filter,
)
from gliofill.contrasts import TASKS, Contrast, find_task
from gliofill.errors import GliofillError


def scan(arguments: argparse.Namespace) -> int:
    """Print which contrasts each session has, lacks or has unreadable, and what could be filled; reads headers only."""
    from gliofill.bids.scan import scan_dataset
    from gliofill.cli.terminal import print_scan
    from gliofill.quality.acquired.usability import header_problem

    bids_filter = read_filter(arguments.bids_filter)
    dataset = scan_dataset(
        arguments.bids_dir,
        participants=arguments.participant_label,
        excluded=arguments.exclude_participant_label,
        sessions=arguments.session_label,
        bids_filter=bids_filter,
    )
    found = {scan.path: header_problem(scan.path) for session in dataset.sessions for scan in session.scans}
    print_scan(dataset, {path: problem for path, problem in found.items() if problem})
    return 0


def coverage(arguments: argparse.Namespace) -> int:
    """Measure every candidate image and write the coverage table."""
    from gliofill.bids.scan import scan_dataset
    from gliofill.cli.terminal import progress
    from gliofill.cohort.coverage import cover, judge_scans, write_coverage
    from gliofill.cohort.decisions import Decisions, read_decisions
    from gliofill.cohort.measurements import MeasurementCache, measure_all
    from gliofill.cohort.quality_table import write_quality
    from gliofill.config.settings import UsabilitySettings
    from gliofill.derivatives.description import check_output, write_description
    from gliofill.derivatives.paths import COVERAGE, QUALITY
    from gliofill.derivatives.records import note_checksums, with_dictionary

    check_output(arguments.bids_dir, arguments.output_dir)
    bids_filter = read_filter(arguments.bids_filter)
    dataset = scan_dataset(
        arguments.bids_dir,
        participants=arguments.participant_label,
        excluded=arguments.exclude_participant_label,
        sessions=arguments.session_label,
        bids_filter=bids_filter,
    )
    table = arguments.review_table
    decisions = read_decisions(table) if table else Decisions()
    if table and not (arguments.participant_label or arguments.session_label or arguments.exclude_participant_label):
        decisions.check_sessions({session.folder for session in dataset.sessions}, table)
    paths = [scan.path for session in dataset.sessions for scan in session.scans]
    cache = MeasurementCache(arguments.output_dir / ".gliofill" / "measurements.json")
    with progress("images", len(paths)) as advance:
        measurements = measure_all(paths, cache, threads=arguments.threads, advance=advance)
    cache.save()
    fillable = frozenset(find_task(name).target for name in arguments.fill)
    settings = UsabilitySettings.from_json(arguments.settings)
    rows = cover(dataset, measurements, settings, fillable=fillable, decisions=decisions)
    write_description(arguments.bids_dir, arguments.output_dir, dict(arguments.derivatives))
    write_quality(arguments.output_dir / QUALITY, dataset, measurements, judge_scans(dataset, measurements, settings))
    write_coverage(arguments.output_dir / COVERAGE, rows)
    note_checksums(arguments.output_dir, "coverage", (*with_dictionary(COVERAGE), *with_dictionary(QUALITY)))
    for left_out in dataset.unrecognised:
        print(f"not used: {left_out.describe(dataset.root)}")
    return 0


def preprocess(arguments: argparse.Namespace) -> int:
    """Preprocess one session, and write its page if nothing is to be synthesised."""
    from gliofill.cohort.coverage import read_session
    from gliofill.cohort.worklist import read_worklist
    from gliofill.config.settings import PreprocessSettings
    from gliofill.derivatives.paths import COVERAGE
    from gliofill.preprocess.session import preprocess_session
    from gliofill.run.lock import scratch_root

    settings = PreprocessSettings.from_json(arguments.settings)
    rows = read_session(arguments.output_dir / COVERAGE, arguments.session)
    if not rows:
        raise GliofillError(f"{arguments.output_dir / COVERAGE}: has no session {arguments.session}")
    firsts = read_worklist(arguments.output_dir / COVERAGE).firsts if settings.align_sessions == "first" else {}
    record = preprocess_session(
        arguments.bids_dir,
        arguments.output_dir,
        rows,
        settings=settings,
        work_dir=scratch_root(arguments.output_dir, arguments.work_dir or ""),
        threads=arguments.threads,
        first=firsts.get(arguments.session, ""),
    )
    for problem in record.problems or ():
        print(f"warning: {arguments.session}: {problem}")
    for contrast, entry in record.contrasts.items():
        print(f"{arguments.session} {contrast}: {entry.status} {entry.reason}".rstrip())
    write_page(arguments.output_dir, arguments.session, arguments.bids_dir)
    return verdict({f"{arguments.session} {what}": reason for what, reason in record.failures.items()})


def review(arguments: argparse.Namespace) -> int:
    """Write what becomes of every contrast after the verdicts on the preprocessed images."""
    from gliofill.cohort.review import remove_unplanned, write_review
    from gliofill.cohort.reviewed_session import review_cohort
    from gliofill.derivatives.paths import REVIEW
    from gliofill.derivatives.records import note_checksums, with_dictionary

    outcomes = [outcome for session in review_cohort(arguments.output_dir) for outcome in session.outcomes.values()]
    for file in remove_unplanned(arguments.output_dir, outcomes):
        print(f"removed: {file}: the acquired image is used again, or nothing can be synthesised")
    write_review(arguments.output_dir / REVIEW, outcomes)
    note_checksums(arguments.output_dir, "review", with_dictionary(REVIEW))
    for outcome in outcomes:
        if outcome.code != "n/a":
            print(f"{outcome.folder} {outcome.contrast}: {outcome.status}, {outcome.action}: {outcome.reason}")
    return 0


def impute(arguments: argparse.Namespace) -> int:
    """Synthesise one missing contrast of one session, and write its page if it was the last one."""
    limit_threads(arguments.threads)
    from gliofill.config.settings import ImputeSettings
    from gliofill.learning.models.chosen import DEMONSTRATION_WARNING
    from gliofill.synthesis.ahead import Gap, fill_ahead, take

    settings = ImputeSettings.from_json(arguments.settings)
    gap = Gap(arguments.output_dir, arguments.session, Contrast(arguments.contrast))
    with gap.claimed_by_its_job():
        record = take(gap, settings)
        if is_made_ahead := record is not None:
            print("filled ahead by another job")
        else:
            from gliofill.synthesis.gap import fill

            record = fill(gap.output_dir, gap.folder, gap.target, settings, if_planned=arguments.if_planned)
    if record.demonstration:
        print(f"warning: {gap.folder} {gap.target}: {DEMONSTRATION_WARNING}")
    print(f"{gap.folder} {gap.target}: {record.status} {record.reason}".rstrip(), flush=True)
    write_page(gap.output_dir, gap.folder)
    code = verdict({f"{gap.folder} {gap.target}": record.reason} if record.status == "failed" else {})
    if not code and not is_made_ahead and arguments.ahead and _has_gpu(settings.device):
        for other in fill_ahead(gap, settings, most=arguments.ahead):
            print(f"{other.folder} {other.target}: filled ahead of its own job", flush=True)
    return code


def write_page(output_dir: Path, folder: str, bids_dir: Path | None = None) -> None:
    """Write the page of a session if this was its last step, and print what became of it."""
    from gliofill.report.pages.upkeep import write_last_page

    print(f"{folder}: {write_last_page(output_dir, folder, bids_dir=bids_dir)}", flush=True)


def verdict(failed: Mapping[str, str]) -> int:
    """Return the exit code of a step, given the reasons of what failed: 1 only where the run stops at the first."""
    from gliofill.run.start import stops_on_failure

    if not failed or not stops_on_failure():
        return 0
    text = "; ".join(f"{what} failed: {reason}" for what, reason in failed.items())
    print(f"gliofill: {text}; the run stops here (stop_on_first_crash)", file=sys.stderr)
    return 1


def _has_gpu(device: str) -> bool:
    # on a processor a start is a small part of the work, and the other jobs run beside this one
    from gliofill.synthesis.volume import select_device

    return select_device(device).type == "cuda"


def report(arguments: argparse.Namespace) -> int:
    """Write the page of one session; without a session, all missing and outdated pages and the cohort page."""
    limit_threads(1)
    if arguments.session is None:
        return _report_cohort(arguments.output_dir, arguments.bids_dir, arguments.threads)
    from gliofill.report.pages.session import write_session_page

    print(write_session_page(arguments.output_dir, arguments.session, bids_dir=arguments.bids_dir))
    return 0


def _report_cohort(output_dir: Path, bids_dir: Path | None, workers: int) -> int:
    from gliofill.cli.terminal import progress
    from gliofill.report.pages.cohort import write_cohort_page
    from gliofill.report.pages.upkeep import outdated_pages, write_pages

    folders = outdated_pages(output_dir)
    with progress("pages", len(folders)) as advance:
        problems = write_pages(output_dir, folders, bids_dir=bids_dir, workers=workers, advance=advance)
    print(write_cohort_page(output_dir))
    for folder, problem in problems.items():
        print(f"gliofill: {folder}: its page could not be written: {problem}", file=sys.stderr)
    return 1 if problems else 0


def summary(arguments: argparse.Namespace) -> int:
    """Write the tables over the cohort and print what became of it; exit code 0 also after failures."""
    from gliofill.cli.terminal import print_status
    from gliofill.report.status.summary import summarise

    found = summarise(arguments.output_dir)
    found.write(arguments.output_dir)
    print_status(found)
    return 0


def status(arguments: argparse.Namespace) -> int:
    """Print where a run stands or what became of it; exit code 1 if anything failed."""
    from gliofill.cli.terminal import print_progress, print_status
    from gliofill.report.status.progress import read_progress
    from gliofill.report.status.summary import summarise

    if not (arguments.write or arguments.results):
        progress = read_progress(arguments.output_dir)
        if progress.is_running:
            print_progress(progress)
            return 1 if progress.failures else 0
    summary = summarise(arguments.output_dir)
    if arguments.write:
        summary.write(arguments.output_dir)
    print_status(summary)
    return 0 if summary.is_done else 1


def demo(arguments: argparse.Namespace) -> int:
    """Generate the demonstration cohort."""
    limit_threads(1)
    from gliofill.simulation.phantom.dataset import KINDS, generate_cohort

    kinds = KINDS[:1] if arguments.complete else KINDS
    generate_cohort(
        arguments.folder, sessions=arguments.sessions, seed=arguments.seed, processes=arguments.processes, kinds=kinds
    )
    return 0


SUBCOMMANDS = (scan, coverage, preprocess, review, impute, summary, report, status, demo)


def add_arguments(add: dict[str, argparse.ArgumentParser]) -> None:
    """Give each subcommand its arguments; `add` has a parser for every name."""
    for name in ("scan", "coverage", "preprocess"):
        add[name].add_argument("bids_dir", type=existing_folder, help="raw BIDS dataset; only read")
    for name in ("coverage", "preprocess", "review", "impute", "summary", "report", "status"):
        add[name].add_argument("output_dir", type=lambda text: Path(text).resolve(), help="derivatives")
    for name in ("preprocess", "impute"):
        add[name].add_argument("session", help="sub-X or sub-X/ses-Y")
    add["report"].add_argument(
        "session", nargs="?", help="sub-X or sub-X/ses-Y; without it, the cohort page and outdated pages"
    )
    add["report"].add_argument("--bids-dir", type=Path, help="raw dataset; default: the one that the derivatives name")
    add["report"].add_argument("--threads", type=int, default=1, metavar="N", help="pages at a time")
    for name in ("scan", "coverage"):
        add_selection(add[name])
    for name in ("coverage", "preprocess", "impute"):
        add[name].add_argument("--settings", default="{}", metavar="JSON", help="section of the configuration")
        add[name].add_argument("--threads", type=int, default=1, metavar="N")
    tasks = [task.name for task in TASKS]
    add["coverage"].add_argument("--fill", nargs="*", choices=tasks, default=tasks, help="tasks that have a model")
    add["coverage"].add_argument(
        "--derivatives", nargs="*", type=named_folder, default=[], metavar="NAME=PATH", help="datasets to link to"
    )
    add["coverage"].add_argument("--review-table", type=Path, metavar="TSV", help="decisions that overrule verdicts")
    add["preprocess"].add_argument("--work-dir", type=Path, help="scratch folder")
    add["impute"].add_argument(
        "--if-planned", action="store_true", help="record a gap that is no longer planned; otherwise that is an error"
    )
    add["impute"].add_argument(
        "--ahead",
        type=int,
        default=0,
        metavar="N",
        help="on a GPU, also fill up to N waiting gaps of other sessions",
    )
    add["impute"].add_argument("contrast", choices=[str(task.target) for task in TASKS])
    add["status"].add_argument(
        "--results", action="store_true", help="print the results of all sessions, even while a run is in progress"
    )
    add["status"].add_argument("--write", action="store_true", help="the same, and write the cohort's tables")
    add["demo"].add_argument("folder", type=Path, help="new folder for the cohort")
    add["demo"].add_argument("--sessions", type=int, default=5)
    add["demo"].add_argument("--processes", type=int, default=1, help="sessions generated at a time")
    add["demo"].add_argument("--seed", type=int, default=0)
    add["demo"].add_argument("--complete", action="store_true", help="without gaps, to train on")
