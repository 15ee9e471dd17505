"""Files that the documentation names exist."""

import re
from pathlib import Path

import pytest
from tests.conftest import ROOT

PAGES = [
    path.relative_to(ROOT).as_posix()
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "benchmarks/README.md", *ROOT.glob("docs/*.md"))
]
#: where a path in the text may start: the repository, or the package
STARTS = (ROOT, ROOT / "src" / "gliofill")
TOPS = "|".join(
    ["benchmarks", "config", "docs", "profiles", "src", "tests", "workflow"]
    + [path.parent.name for path in STARTS[1].glob("*/__init__.py")]
)
#: a path in backticks that means a file or folder of ours, and not one of an output folder
OURS = re.compile(rf"`((?:[\w.-]+/)+[\w-]+\.(?:py|smk)|(?:{TOPS})/[\w./-]+)`")


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_a_page_names_exists(page: str) -> None:
    named = set(OURS.findall((ROOT / page).read_text(encoding="utf-8")))
    missing = sorted(name for name in named if not any((start / name).exists() for start in STARTS))
    assert not missing


def test_the_map_and_the_architecture_name_files() -> None:
    text = "".join((ROOT / page).read_text(encoding="utf-8") for page in ("CONTRIBUTING.md", "docs/architecture.md"))
    assert len(set(OURS.findall(text))) > 60


def test_every_package_has_its_row_in_the_map() -> None:
    rows = re.findall(r"^\| (`.*?) \|", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    packages = {path.parent.name for path in Path(ROOT, "src/gliofill").glob("*/__init__.py")}
    assert packages <= named
