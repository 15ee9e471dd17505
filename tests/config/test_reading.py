"""Reading by declarations: any JSON or YAML becomes a section, or one line that names the key."""

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gliofill.config.reading import Section, read_section
from gliofill.config.settings import (
    AuditSettings,
    ImputeSettings,
    PreprocessSettings,
    Settings,
    SplitSettings,
    ThreadSettings,
    TrainSettings,
    UsabilitySettings,
)
from gliofill.errors import GliofillError

SECTIONS: list[type[Section]] = [
    UsabilitySettings,
    PreprocessSettings,
    ImputeSettings,
    AuditSettings,
    SplitSettings,
    TrainSettings,
    ThreadSettings,
    Settings,
]
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["template", "demo", "none", "3", "2e-4", "~nobody", "T2w-to-FLAIR", "\0"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(data=st.data(), section=st.sampled_from(SECTIONS))
def test_any_json_is_read_or_refused_in_one_line_that_names_the_key(
    data: st.DataObject, section: type[Section]
) -> None:
    known = st.sampled_from([item.name for item in fields(section)])
    content = data.draw(st.dictionaries(known | st.text(), JSON, max_size=4))
    try:
        found = read_section(section, content)
    except GliofillError as error:
        assert str(error).isprintable()
        names = [name if name.isprintable() else repr(name) for name in content]
        assert any(name in str(error) for name in names) or "_dir is missing" in str(error)
    else:
        assert section.from_json(found.to_json()) == found


@given(text=st.text() | JSON.map(json.dumps))
def test_any_text_is_a_section_or_one_line(text: str) -> None:
    try:
        UsabilitySettings.from_json(text)
    except GliofillError as error:
        assert str(error).startswith("--settings") and "\n" not in str(error)


@pytest.mark.parametrize(
    ("section", "content", "message"),
    [
        (UsabilitySettings, {"min_slice": 3}, "unknown key min_slice; did you mean 'min_slices'?"),
        (UsabilitySettings, {"min_slices": 0}, "min_slices is 0; it must be at least 1"),
        (UsabilitySettings, {"min_slices": 2.5}, "min_slices is 2.5; it must be a whole number"),
        (UsabilitySettings, {"min_slices": True}, "min_slices is True; it must be a whole number"),
        (UsabilitySettings, {"max_noise": float("nan")}, "max_noise is nan; it must be at least 0"),
        (UsabilitySettings, {"max_motion": float("nan")}, "max_motion is nan; it must be a number"),
        (UsabilitySettings, {"max_motion": None}, "max_motion is empty; it must be a number"),
        (UsabilitySettings, {"max_spacing_mm": 0}, "max_spacing_mm is 0.0; it must be above 0"),
        (UsabilitySettings, {"cohort_outliers": 1}, "cohort_outliers is 1; it must be true or false"),
        (
            UsabilitySettings,
            {"plane": "oblique"},
            "plane is 'oblique'; it must be one of any, axial, coronal, sagittal",
        ),
        (
            UsabilitySettings,
            {"by_contrast": {"T1": {}}},
            "unknown key by_contrast.T1; did you mean 'T1w'?",
        ),
        (
            UsabilitySettings,
            {"by_contrast": {"FLAIR": {"max_nois": 1}}},
            "unknown key by_contrast.FLAIR.max_nois; did you mean 'max_noise'?",
        ),
        (
            UsabilitySettings,
            {"by_contrast": {"FLAIR": {"min_slices": 0}}},
            "by_contrast.FLAIR.min_slices is 0; it must be at least 1",
        ),
        (
            PreprocessSettings,
            {"output_spaces": []},
            "output_spaces is []; it must be one or more of template, native",
        ),
        (
            PreprocessSettings,
            {"output_spaces": ["natve"]},
            "output_spaces.0 is 'natve'; it must be one of template, native",
        ),
        (PreprocessSettings, {"output_spaces": "native"}, "output_spaces is 'native'; it must be a list"),
        (PreprocessSettings, {"derivatives": {"hdbet": ""}}, "derivatives.hdbet is empty; it must be a path"),
        (PreprocessSettings, {"derivatives": ["/data"]}, "derivatives is ['/data']; it must be a mapping"),
        (
            ImputeSettings,
            {"models": {"T2w-to-FLAR": "demo"}},
            "unknown key models.T2w-to-FLAR; did you mean 'T2w-to-FLAIR'?",
        ),
        (SplitSettings, {"fractions": [1, 2]}, "fractions is [1, 2]; it must be a list of 3"),
        (SplitSettings, {"fractions": [1, 0, 2]}, "fractions.1 is 0.0; it must be above 0"),
        (TrainSettings, {"variants": ["l2"]}, "variants.0 is 'l2'; it must be one of lesion, nolesion, l1"),
        (Settings, {"bids_dir": "/data"}, "output_dir is missing"),
        (Settings, {"threads": None}, "threads is empty; it must be a mapping"),
        (Settings, [], "the content is []; it must be a mapping"),
    ],
)
def test_refusal_names_the_key_and_what_it_must_be(section: type[Section], content: Any, message: str) -> None:
    with pytest.raises(GliofillError) as error:
        read_section(section, content)
    assert message in str(error.value)


def test_numbers_and_truth_values_may_come_as_text() -> None:
    assert read_section(ThreadSettings, {"train": "3"}).train == 3
    assert read_section(ImputeSettings, {"flip_average": "false"}).flip_average is False
    assert read_section(SplitSettings, {"fractions": ["6", "1", "2e-1"]}).fractions == (6, 1, 0.2)


def test_paths_start_where_they_are_said_to(tmp_path: Path) -> None:
    content = {"models": {"T2w-to-FLAIR": "models/mine", "T1post-to-T1w": "none"}}
    models = read_section(ImputeSettings, content, start=tmp_path).models
    assert models == {"T2w-to-FLAIR": tmp_path / "models" / "mine", "T1post-to-T1w": "none"}


def test_empty_path_is_none_where_a_path_may_be_missing() -> None:
    assert read_section(PreprocessSettings, {"brain_model": ""}).brain_model is None


@dataclass(frozen=True)
class Pair(Section):
    """Two numbers."""

    left: int
    right: int = 2


def test_absent_key_keeps_its_default_and_must_have_one() -> None:
    assert read_section(Pair, {"left": 1}) == Pair(1, 2)
    with pytest.raises(GliofillError, match=r"^pair\.left is missing$"):
        read_section(Pair, {}, "pair")


@pytest.mark.parametrize("text", ["{", "[" * 9000, '{"a": 1'])
def test_what_is_not_json_is_refused(text: str) -> None:
    with pytest.raises(GliofillError, match=r"^--settings is not JSON"):
        Pair.from_json(text)
