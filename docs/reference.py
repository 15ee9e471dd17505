"""Pages that are made from the code when the site is built: subcommands, configuration, recipes, list of decisions."""

import argparse
import dataclasses
import json
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, get_type_hints

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from gliofill.cli.app_options import make_parser
from gliofill.cli.main import make_subcommand_parser
from gliofill.config.keys import Declaration, Json, allowed
from gliofill.config.parsing import share_folder
from gliofill.config.recipe import Recipe
from gliofill.config.settings import Settings

DECISIONS = Path(__file__).parent / "decisions"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages."""
    pages = {
        "subcommands": subcommands(),
        "configuration": configuration(),
        "recipes": recipes(),
        "decisions/index": decisions(),
    }
    for name, lines in pages.items():
        files.append(File.generated(config, f"{name}.md", content="\n".join(lines) + "\n"))
    return files


def subcommands() -> Iterator[str]:
    """Yield the help of the BIDS-App command and of every subcommand."""
    yield "# Subcommands\n"
    yield "Each rule of the workflow calls one subcommand, so you can run, test and debug every step by hand.\n"
    yield "## gliofill BIDS_DIR OUTPUT_DIR participant\n"
    yield from _help(make_parser())
    parser = make_subcommand_parser()
    (commands,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    for name, command in commands.choices.items():
        yield f"## gliofill {name}\n"
        yield from _help(command)


def _help(parser: argparse.ArgumentParser) -> Iterator[str]:
    parser.formatter_class = lambda prog: argparse.RawDescriptionHelpFormatter(prog, width=92)
    yield f"```text\n{parser.format_help().rstrip()}\n```\n"


def configuration() -> Iterator[str]:
    """Yield a table per section of the configuration."""
    yield "# Configuration\n"
    yield "`config/config.yaml` holds every key with its default; only `bids_dir` and `output_dir` have none."
    yield "Single keys can be set with `--config key=value`, sections with `--config 'threads={preprocess: 1}'`."
    yield "Unknown keys are errors.\n"
    kinds = get_type_hints(Settings)
    sections = {name: kind for name, kind in kinds.items() if dataclasses.is_dataclass(kind)}
    yield from _table(Settings, skip=sections)
    for name, section in sections.items():
        yield f"\n## {name}\n\n{section.__doc__}\n"
        yield from _table(section, f"{name}.")


def recipes() -> Iterator[str]:
    """Yield the keys of a recipe, and the recipes that come with the package."""
    yield "# Recipes\n"
    yield "A recipe holds every setting of a training run. Keys under `common` hold for both tasks, those under"
    yield "`tasks` for one.\n"
    yield from _table(Recipe)
    for path in sorted((share_folder() / "config" / "recipes").glob("*.yaml")):
        yield f"\n## {path.stem}\n\n```yaml\n{path.read_text(encoding='utf-8').rstrip()}\n```"


def _table(section: type, prefix: str = "", *, skip: Collection[str] = ()) -> Iterator[str]:
    yield "| key | default | allowed | what |\n|---|---|---|---|"
    kinds = get_type_hints(section)
    for item in dataclasses.fields(section):
        if item.name not in skip:
            declared = Declaration.of(item)
            what = re.sub(r"([<>|])", r"\\\1", declared.what)
            yield f"| `{prefix}{item.name}` | {_default(item)} | {allowed(kinds[item.name], declared)} | {what} |"


def _default(item: "dataclasses.Field[Any]") -> str:
    value = item.default if item.default_factory is dataclasses.MISSING else item.default_factory()
    if value is dataclasses.MISSING:
        return ""
    return f"`{value if isinstance(value, Json) else json.dumps('' if value is None else value)}`"


def decisions() -> Iterator[str]:
    """Yield a table of the decisions with their status."""
    yield "# Decisions\n\nWhat others might have chosen differently, and why it is as it is."
    yield "Numbers 0014 and 0016 never existed.\n"
    yield "| decision | status |\n|---|---|"
    for path in sorted(DECISIONS.glob("[0-9]*.md")):
        title, status = path.read_text(encoding="utf-8").split("\n\n")[:2]
        yield f"| [{title.removeprefix('# ')}]({path.name}) | {' '.join(status.removeprefix('Status: ').split())} |"
