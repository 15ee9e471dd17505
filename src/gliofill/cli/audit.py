"""The subcommand that tells how well the configured models do on the cohort at hand."""

import argparse
from pathlib import Path

from gliofill.cli.arguments import limit_threads
from gliofill.contrasts import TASKS, find_task


def audit(arguments: argparse.Namespace) -> int:
    """Hide the target of complete sessions, impute it with the configured model, and measure how near it comes."""
    limit_threads(arguments.threads)
    from gliofill.config.settings import AuditSettings, ImputeSettings
    from gliofill.evaluation.audit.task import audit_task, write_tables

    impute = ImputeSettings.from_json(arguments.impute)
    named = arguments.task or [task.name for task in TASKS if impute.models.get(task.name, "none") != "none"]
    tasks = [find_task(name) for name in named]

    def log(text: str) -> None:
        print(text, flush=True)

    settings = AuditSettings.from_json(arguments.settings)
    if not settings.sessions:
        log("audit.sessions is 0: nothing is audited")
        return 0
    if not arguments.tables_only:
        for task in tasks:
            audit_task(arguments.output_dir, task, settings, impute, threads=arguments.threads, log=log)
    if not arguments.no_tables:
        write_tables(arguments.output_dir, tasks, log=log)
    return 0


SUBCOMMANDS = (audit,)


def add_arguments(add: dict[str, argparse.ArgumentParser]) -> None:
    """Give the subcommand its arguments; `add` has a parser for every name."""
    parser = add["audit"]
    parser.add_argument("output_dir", type=lambda text: Path(text).resolve(), help="derivatives")
    parser.add_argument(
        "--task", nargs="*", choices=[task.name for task in TASKS], help="default: all that have a model"
    )
    parser.add_argument("--settings", default="{}", metavar="JSON", help="section audit of the configuration")
    parser.add_argument("--impute", default="{}", metavar="JSON", help="section impute of the configuration")
    parser.add_argument("--threads", type=int, default=1, metavar="N")
    parts = parser.add_mutually_exclusive_group()
    parts.add_argument("--no-tables", action="store_true", help="leave the rows of each task for a later call")
    parts.add_argument("--tables-only", action="store_true", help="only join what earlier calls left")
