"""Templates and the files that pages share: everything is escaped, and a page states what it may load.

Each page names the checksums of its own scripts in a content security policy. A browser then runs nothing else, and
nothing in a page can send a request to another machine.
"""

import base64
import hashlib
import json
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from gliofill import __version__
from gliofill.cohort.states import LOOKS, State
from gliofill.derivatives import paths
from gliofill.files.atomic import sha256, whole_file

#: the viewer and its licence, copied once into the output folder
VIEWER_FILES = ("niivue.umd.js", "LICENSE", "NOTICE")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("gliofill.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "compact_json": compact_json,
        "number": short_number,
        "look": lambda state: LOOKS[State(state)],
    }
    return environment


def compact_json(content: Any) -> Markup:
    r"""Return JSON that no text inside it can end: it stands between the tags of a script.

    Examples
    --------
    >>> print(compact_json(["</script>"]))
    ["\u003c/script\u003e"]
    """
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def short_number(text: str) -> str:
    """Return a number of a table with three digits or places; other text as it is.

    Examples
    --------
    >>> short_number("0.523456"), short_number("n/a")
    ('0.523', 'n/a')
    """
    try:
        return f"{float(text):.3f}" if abs(float(text)) < 10 else f"{float(text):.3g}"
    except ValueError:
        return text


def render(template: str, *, scripts: tuple[str, ...], loads_scripts: bool = False, **content: Any) -> str:
    """Fill a template.

    Parameters
    ----------
    template
        Name in the folder ``templates``.
    scripts
        Names in the folder ``assets``, put into the page.
    loads_scripts
        Whether the page loads further scripts from its own folder.
    content
        What the template shows; text is escaped.
    """
    sources = [_asset(name) for name in scripts]
    page = _environment().get_template(template)
    return page.render(
        style=Markup(_asset("page.css") + _state_rules()),
        scripts=[Markup(source) for source in sources],
        policy=_policy(sources, loads_scripts=loads_scripts),
        version=__version__,
        **content,
    )


@cache
def _state_rules() -> str:
    """Return the rules of a style sheet for the states: a colour of each, its text, and areas that stand for it."""
    light, dark = (
        f":root {{ {' '.join(f'--{state}: {colour};' for state, colour in colours.items())} }}\n"
        for colours in ({s: look.light for s, look in LOOKS.items()}, {s: look.dark for s, look in LOOKS.items()})
    )
    fills = {state: look.fill or f"var(--{state})" for state, look in LOOKS.items()}
    rules = (
        f".state-{state} {{ color: var(--{state}); }} .fill-{state} {{ background: {fill}; }}\n"
        for state, fill in fills.items()
    )
    return f"{light}@media (prefers-color-scheme: dark) {{ {dark} }}\n@media print {{ {light} }}\n{''.join(rules)}"


def _policy(sources: list[str], *, loads_scripts: bool) -> str:
    hashes = [f"'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'" for s in sources]
    # for a page that was opened from a folder 'self' means nothing, file: does
    own = ["'self'", "file:"] if loads_scripts else []
    rules = {
        "default-src": ["'none'"],
        "img-src": ["data:", "blob:"],
        "style-src": ["'unsafe-inline'"],
        "script-src": [*hashes, *own],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
    }
    return "; ".join(f"{name} {' '.join(values)}" for name, values in rules.items())


@cache
def _asset(name: str) -> str:
    return (files("gliofill.report") / "assets" / name).read_text(encoding="utf-8")


def provide_viewer(output_dir: Path) -> None:
    """Copy the viewer beside the pages, unless it is there already."""
    source = Path(str(files("gliofill.report"))) / "assets" / "niivue"
    for name in VIEWER_FILES:
        target = output_dir / paths.PAGE_ASSETS / name
        if target.is_file() and sha256(target) == sha256(source / name):
            continue
        with whole_file(target) as temporary:
            temporary.write_bytes((source / name).read_bytes())
