import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gliofill.bids.names import ENTITIES, BidsName, is_label, natural, parse_name, short_entity

KEYS = st.one_of(st.sampled_from(sorted(ENTITIES)), st.text(string.ascii_lowercase, min_size=1, max_size=6))
LABELS = st.text(string.ascii_letters + string.digits + "+", min_size=1, max_size=8)
SUFFIXES = st.text(string.ascii_letters + string.digits, min_size=1, max_size=8)
EXTENSIONS = st.sampled_from(["", ".nii", ".nii.gz", ".json", ".tsv", ".tsv.gz"])


@given(st.dictionaries(KEYS, LABELS, max_size=6), SUFFIXES, EXTENSIONS)
def test_a_name_put_together_is_taken_apart_into_the_same_parts(entities, suffix, extension):
    name = BidsName(entities, suffix, extension)
    parsed = parse_name(str(name))
    assert parsed == name
    assert list(parsed.entities) == list(entities)


@pytest.mark.slow
@given(st.one_of(st.text(), st.text("sub-01_T1w.nigz", max_size=30)))
def test_any_text_is_refused_or_survives_the_round_trip(text):
    try:
        parsed = parse_name(text)
    except ValueError as error:
        assert str(error)
    else:
        assert str(parsed) == text


def test_entities_keep_their_order_and_labels_their_zeros():
    parsed = parse_name("sub-01_ses-pre_acq-x_run-02_T1w.nii.gz")
    assert list(parsed.entities.items()) == [("sub", "01"), ("ses", "pre"), ("acq", "x"), ("run", "02")]
    assert (parsed.suffix, parsed.extension) == ("T1w", ".nii.gz")


def test_a_root_sidecar_needs_no_entity():
    assert parse_name("T1w.json") == BidsName({}, "T1w", ".json")


@pytest.mark.parametrize(
    ("filename", "complaint"),
    [
        ("sub-01_acq-1.5T_T1w.nii.gz", "label '1.5T' of entity 'acq'"),
        ("sub-01.nii.gz", "a suffix such as T1w is missing"),
        ("sub-01_run-1_run-2_T1w.nii.gz", "twice"),
        ("Sub-01_T1w.nii.gz", "'Sub' of the name is not in lower case"),
        ("sub-_T1w.nii.gz", "label ''"),
        ("sub-01__T1w.nii.gz", "part ''"),
        ("sub-01_T1w__dup-01.nii.gz", "part 'T1w'"),
        ("sub-01_T1w copy.nii.gz", "suffix 'T1w copy'"),
        ("sub-0١_T1w.nii.gz", "label '0١'"),
        ("", "suffix ''"),
    ],
)
def test_a_broken_name_is_refused_with_the_place_where_it_breaks(filename, complaint):
    with pytest.raises(ValueError, match=complaint):
        parse_name(filename)


def test_every_entity_is_known_by_its_short_and_its_long_name():
    assert all(short_entity(long) == short == short_entity(short) for short, long in ENTITIES.items())
    with pytest.raises(ValueError, match="'colour' is not an entity"):
        short_entity("colour")


@given(st.lists(st.text("ab019", max_size=6)))
def test_natural_order_is_the_same_whatever_order_comes_in(texts):
    backwards = texts[::-1]
    assert sorted(texts, key=natural) == sorted(backwards, key=natural)


def test_natural_order_counts():
    assert sorted(["s10", "s9", "s", "1", "s09"], key=natural) == ["1", "s", "s09", "s9", "s10"]


@pytest.mark.parametrize(
    ("text", "expected"), [("01", True), ("", False), ("a_b", False), ("a-b", False), ("A+C", True)]
)
def test_labels_are_letters_and_digits(text, expected):
    assert is_label(text) is expected
