"""Pages that are made from the code when the site is built: subcommands, configuration, recipes, list of decisions."""

import argparse
import dataclasses
import inspect
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from gliofill.cli.app_options import make_parser
from gliofill.cli.main import make_subcommand_parser
from gliofill.config.parsing import config_schema, share_folder
from gliofill.config.recipe import CHOICES, RANGES, Recipe

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
    """Yield a table per section of the configuration, from its schema."""
    yield "# Configuration\n"
    yield "`config/config.yaml` holds what is chosen most often. Every key has a default but `bids_dir` and"
    yield "`output_dir`."
    yield "Single keys can be set with `--config key=value`, sections with `--config 'threads={preprocess: 1}'`."
    yield "Unknown keys are errors.\n"
    properties = config_schema()["properties"]
    plain = {key: schema for key, schema in properties.items() if "properties" not in schema}
    yield from _table(plain, "")
    for key, schema in properties.items():
        if "properties" in schema:
            yield f"\n## {key}\n\n{schema.get('description', '')}\n"
            yield from _table(schema["properties"], f"{key}.")


def _table(properties: Mapping[str, Any], prefix: str) -> Iterator[str]:
    yield "| key | default | what |\n|---|---|---|"
    for key, schema in properties.items():
        allowed = f" One of {', '.join(map(str, schema['enum']))}." if "enum" in schema else ""
        default = "" if "default" not in schema else f"`{_plain(schema['default'])}`"
        text = f"{schema.get('description', '')}{allowed}".replace("|", "\\|")
        yield f"| `{prefix}{key}` | {default} | {_without_markup(text)} |"


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else '""' if value == "" else str(value).replace("'", '"')


def _without_markup(text: str) -> str:
    return re.sub(r"([<>{}])", r"\\\1", text).replace("\\{", "{").replace("\\}", "}")


def recipes() -> Iterator[str]:
    """Yield the keys of a recipe, and the recipes that come with the package."""
    yield "# Recipes\n"
    yield "A recipe holds every setting of a training run. Keys under `common` hold for both tasks, those under"
    yield "`tasks` for one.\n"
    yield "| key | default | allowed | what |\n|---|---|---|---|"
    described = _attributes(inspect.getdoc(Recipe) or "")
    for field in dataclasses.fields(Recipe):
        default = "" if field.default is dataclasses.MISSING else f"`{_plain(field.default)}`"
        low_high = " to ".join(map(str, RANGES[field.name])) if field.name in RANGES else ""
        allowed = ", ".join(CHOICES.get(field.name, ())) or low_high
        yield f"| `{field.name}` | {default} | {allowed} | {described[field.name]} |"
    for path in sorted((share_folder() / "config" / "recipes").glob("*.yaml")):
        yield f"\n## {path.stem}\n\n```yaml\n{path.read_text(encoding='utf-8').rstrip()}\n```"


def _attributes(docstring: str) -> dict[str, str]:
    """Return what a numpydoc section of attributes says of each."""
    section = docstring.split("Attributes\n----------\n")[1].split("\n\n")[0]
    entries = re.findall(r"^(\S[^\n]*)\n((?:    [^\n]+\n?)+)", section, flags=re.MULTILINE)
    texts = {names: " ".join(text.split()).replace("``", "`") for names, text in entries}
    return {name.strip(): text for names, text in texts.items() for name in names.split(",")}


def decisions() -> Iterator[str]:
    """Yield a table of the decisions with their status."""
    yield "# Decisions\n\nWhat others might have chosen differently, and why it is as it is."
    yield "Numbers 0014 and 0016 never existed.\n"
    yield "| decision | status |\n|---|---|"
    for path in sorted(DECISIONS.glob("[0-9]*.md")):
        title, status = path.read_text(encoding="utf-8").split("\n\n")[:2]
        yield f"| [{title.removeprefix('# ')}]({path.name}) | {' '.join(status.removeprefix('Status: ').split())} |"
