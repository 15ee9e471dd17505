"""The configuration: the schema and the dataclasses tell one story, and errors name the key."""

from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

from gliofill.config.parsing import config_schema, parse_config
from gliofill.config.settings import PreprocessSettings, Settings
from gliofill.errors import GliofillError

MINIMAL = {"bids_dir": "/data/bids", "output_dir": "/data/out"}


def test_schema_and_dataclasses_have_the_same_keys_and_defaults() -> None:
    settings = parse_config(MINIMAL)
    properties = config_schema()["properties"]
    assert set(properties) == {item.name for item in fields(Settings)}
    for section, schema in properties.items():
        value = getattr(settings, section)
        if is_dataclass(value):
            assert set(schema["properties"]) == {item.name for item in fields(value)}
            for key, entry in schema["properties"].items():
                default = getattr(value, key)
                assert entry["default"] == (list(default) if isinstance(default, tuple) else default), (
                    f"{section}.{key}"
                )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bids_dri": "x"}, "unknown key 'bids_dri'; did you mean 'bids_dir'"),
        ({"preprocess": {"brain_maks": "none"}}, "unknown key 'preprocess.brain_maks'; did you mean 'brain_mask'"),
        ({"preprocess": {"brain_mask": "magic"}}, "'preprocess.brain_mask' is 'magic'; it must be one of"),
        ({"usability": {"min_slices": 0}}, "'usability.min_slices'"),
        ({"bids_dir": ""}, "'bids_dir'"),
    ],
)
def test_wrong_key_or_value_is_named(change: dict, message: str) -> None:
    with pytest.raises(GliofillError) as error:
        parse_config(MINIMAL | change)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_missing_key_is_named() -> None:
    with pytest.raises(GliofillError, match="'output_dir' is missing"):
        parse_config({"bids_dir": "/data"})


def test_relative_folders_start_where_the_run_started() -> None:
    settings = parse_config({"bids_dir": "bids", "output_dir": "out"}, Path("/start"))
    assert settings.bids_dir == Path("/start/bids")


def test_labels_lose_their_prefix_and_may_come_as_one_word() -> None:
    settings = parse_config(MINIMAL | {"participants": "sub-01,02", "sessions": ["ses-pre"]})
    assert settings.participants == ("01", "02") and settings.sessions == ("pre",)


def test_numbers_inside_a_mapping_on_the_command_line_are_numbers() -> None:
    change = {"threads": {"train": "3"}, "impute": {"flip_average": "false"}, "split": {"fractions": ["6", "1", "1.5"]}}
    settings = parse_config(MINIMAL | change)
    assert settings.threads.train == 3 and settings.impute.flip_average is False
    assert settings.split.fractions == (6, 1, 1.5)
    with pytest.raises(GliofillError, match=r"'threads.train': 'many' is not of type 'integer'"):
        parse_config(MINIMAL | {"threads": {"train": "many"}})


def test_section_survives_json() -> None:
    section = PreprocessSettings(brain_mask="none", lesion_pattern="a 'b' {prefix}")
    assert PreprocessSettings.from_json(section.to_json()) == section
