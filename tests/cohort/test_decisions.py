"""The reviewer's table: what it says is read, and what is wrong in it is reported with its row."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gliofill.cohort.decisions import HEADER, Decision, Decisions, read_decisions
from gliofill.contrasts import Contrast
from gliofill.errors import GliofillError
from gliofill.quality.verdict import Verdict

LABELS = st.text("abcXYZ019", min_size=1, max_size=4)
REASONS = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=12)


def write(path: Path, *rows: str, header: str = "\t".join(HEADER)) -> Path:
    path.write_text("\n".join((header, *rows)) + "\n", encoding="utf-8")
    return path


@settings(deadline=None, max_examples=60)
@given(
    st.dictionaries(
        st.tuples(LABELS, st.one_of(st.just(""), LABELS), st.sampled_from(Contrast)),
        st.tuples(st.booleans(), REASONS),
        max_size=6,
    ),
    st.booleans(),
    st.permutations(HEADER),
)
def test_what_is_written_is_read_in_any_order_with_or_without_prefixes(
    tmp_path_factory: pytest.TempPathFactory, wanted: dict, with_prefix: bool, header: list[str]
) -> None:
    rows = []
    for (participant, session, contrast), (use, reason) in wanted.items():
        cells = {
            "participant": f"sub-{participant}" if with_prefix else participant,
            "session": (f"ses-{session}" if with_prefix and session else session) or "n/a",
            "contrast": str(contrast),
            "use": "yes" if use else "No",
            "reason": reason,
        }
        rows.append("\t".join(cells[name] for name in header))
    path = write(tmp_path_factory.mktemp("r") / "review.tsv", *rows, header="\t".join(header))
    read = read_decisions(path)
    assert len(list(read)) == len(wanted)
    for (participant, session, contrast), (use, reason) in wanted.items():
        decision = read.find(f"sub-{participant}" + (f"/ses-{session}" if session else ""), contrast)
        assert decision is not None and (decision.use, decision.reason) == (use, reason)


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_with_a_row(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("r") / "review.tsv"
    path.write_text("\t".join(HEADER) + "\n" + text, encoding="utf-8", errors="replace", newline="")
    try:
        read_decisions(path)
    except GliofillError as error:
        assert "row " in str(error)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("01\t\tT1\tno\tx", "row 3: contrast 'T1' is not one of"),
        ("01\t\tFLAIR\tmaybe\tx", "row 3: use is 'maybe'"),
        ("\t\tFLAIR\tno\tx", "row 3: participant ''"),
        ("0/1\t\tFLAIR\tno\tx", "row 3: participant '0/1'"),
        ("01\tses-a b\tFLAIR\tno\tx", "row 3: session 'ses-a b'"),
        ("02\tn/a\tflair\tyes\tx", "row 3: sub-02 FLAIR was already decided in row 2"),
    ],
)
def test_a_wrong_row_is_told_by_its_number(tmp_path: Path, row: str, words: str) -> None:
    path = write(tmp_path / "review.tsv", "sub-02\t\tFLAIR\tno\tmotion", row)
    with pytest.raises(GliofillError, match="review table") as caught:
        read_decisions(path)
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_a_missing_column_and_a_missing_file_are_told(tmp_path: Path) -> None:
    with pytest.raises(GliofillError, match="row 1: no column 'use'"):
        read_decisions(write(tmp_path / "review.tsv", header="participant\tsession\tcontrast\treason"))
    with pytest.raises(GliofillError, match="cannot be read"):
        read_decisions(tmp_path / "nowhere.tsv")


def test_an_unknown_session_is_told_with_its_row(tmp_path: Path) -> None:
    path = write(tmp_path / "review.tsv", "01\t\tFLAIR\tno\tmotion")
    read_decisions(path).check_sessions({"sub-01"}, path)
    with pytest.raises(GliofillError, match="row 2: no session sub-01 in the dataset"):
        read_decisions(path).check_sessions({"sub-02"}, path)


def test_only_the_rows_of_a_session_are_in_its_text() -> None:
    no = Decision("sub-01", Contrast.FLAIR, use=False, reason="motion", row=2)
    first = Decisions({("sub-01", Contrast.FLAIR): no})
    second = Decisions({**first.by_image, ("sub-02", Contrast.T2W): no})
    assert first.of_session("sub-01") == second.of_session("sub-01")
    assert first.of_session("sub-02") != second.of_session("sub-02")


def test_a_reviewer_overrules_every_verdict_but_that_a_file_cannot_be_read() -> None:
    yes = Decision("sub-01", Contrast.FLAIR, use=True, reason="fine", row=2)
    assert yes.overrule(Verdict("thick-slices", "has thick slices")) is None
    unreadable = Verdict("unreadable", "cannot be read")
    assert yes.overrule(unreadable) == unreadable
    no = Decision("sub-01", Contrast.FLAIR, use=False, reason="motion", row=2)
    verdict = no.overrule(None)
    assert verdict is not None and verdict.code == "reviewer" and "motion" in verdict.sentence
