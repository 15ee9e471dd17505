"""The style sheet of the pages colours every state by the one table."""

from gliofill.cohort.states import LOOKS
from gliofill.report.pages.templates import render


def test_every_state_has_its_colours_on_light_and_dark_pages() -> None:
    page = render(
        "index.html",
        scripts=(),
        counts={},
        tables={},
        **dict.fromkeys(("state_names", "failures", "imputations", "audit_notes"), ()),
        summary={"sessions": [], "sentence": "", "failures": [], "unfinished": []},
        shown_failures=1,
        audit={"metrics": [], "lines": {}, "first": []},
        data={},
    )
    for state, look in LOOKS.items():
        # after the rules for every state, which it overrules
        assert page.index(f".state-{state} {{ color: var(--{state}); }}") > page.index(".state {")
        assert f"--{state}: {look.light};" in page and f"--{state}: {look.dark};" in page
