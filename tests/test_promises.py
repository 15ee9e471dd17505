"""The tables of promises name tests that exist."""

import re

import pytest
from tests.conftest import ROOT


@pytest.mark.parametrize("page", ["README.md", "docs/reliability.md"])
def test_every_test_that_a_promise_names_exists(page: str) -> None:
    named = set(re.findall(r"`(test_\w+)`", (ROOT / page).read_text(encoding="utf-8")))
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    assert len(named) > 10
    assert named <= set(re.findall(r"^def (test_\w+)\(", code, re.MULTILINE))
