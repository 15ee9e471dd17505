"""The settings, and config/config.yaml, which states each key with its default."""

import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_type_hints

import pytest
import yaml

from gliofill.config.keys import Declaration, allowed
from gliofill.config.reading import read_section
from gliofill.config.settings import PreprocessSettings, Settings, UsabilitySettings
from gliofill.errors import GliofillError

FILE = Path(__file__).parents[2] / "config" / "config.yaml"


def declared(section: type, prefix: str = "") -> Iterator[tuple[str, Any, Declaration]]:
    """Yield name, type and declaration of every key."""
    for item in fields(section):
        kind = get_type_hints(section)[item.name]
        if is_dataclass(kind):
            yield from declared(kind, f"{item.name}.")
        else:
            yield f"{prefix}{item.name}", kind, Declaration.of(item)


KEYS = list(declared(Settings))
SECTIONS = {name.partition(".")[0] for name, _, _ in KEYS if "." in name}


def comments() -> dict[str, str]:
    """Return the comment on the line of each key of the file."""
    found, section = {}, ""
    for line in FILE.read_text().splitlines():
        if match := re.match(r"( *)([\w-]+):(?:.*?#\s*(.*))?", line):
            section = section if match[1] else f"{match[2]}."
            found[f"{section}{match[2]}" if match[1] else match[2]] = match[3] or ""
    return found


def test_file_states_every_key_with_its_default() -> None:
    content = yaml.safe_load(FILE.read_text())
    folders = {"bids_dir": "/bids", "output_dir": "/out"}
    assert read_section(Settings, {**content, **folders}) == read_section(Settings, folders)
    stated = {f"{name}.{key}" for name, value in content.items() if isinstance(value, dict) for key in value}
    assert {name for name, _, _ in KEYS} == stated | {name for name in content if name not in SECTIONS}


@pytest.mark.parametrize(
    ("name", "kind", "limits"), [pytest.param(*each, id=each[0]) for each in KEYS if "one" in allowed(*each[1:])]
)
def test_comment_in_the_file_starts_with_the_choices(name: str, kind: Any, limits: Declaration) -> None:
    choices = allowed(kind, limits).partition(" of ")[2].split(", ")
    stated = re.sub(r" \([^)]*\)", "", comments()[name]).partition(";")[0]
    assert stated.split(", ") == choices


def test_every_key_has_a_meaning_in_sentences() -> None:
    assert [name for name, _, limits in KEYS if not limits.what.endswith(".")] == []


def test_thresholds_of_a_contrast_replace_the_common_ones() -> None:
    settings = UsabilitySettings(max_noise=0.3, by_contrast={"FLAIR": {"min_slices": 5, "plane": "axial"}})
    flair, other = settings.for_contrast("FLAIR"), settings.for_contrast("T1w")
    assert (flair.min_slices, flair.plane, flair.max_noise) == (5, "axial", 0.3)
    assert (other.min_slices, other.plane, other.max_noise) == (10, "any", 0.3)


def test_section_survives_json() -> None:
    section = PreprocessSettings(
        brain_mask="none", lesion_pattern="a 'b' {prefix}", derivatives={"x": Path("/x")}, brain_model=Path("/model")
    )
    assert PreprocessSettings.from_json(section.to_json()) == section


def test_weights_of_a_tool_are_a_file_or_a_folder_of_files(tmp_path: Path) -> None:
    with pytest.raises(GliofillError, match="brain_model is empty; give the file of SynthStrip's weights"):
        _ = PreprocessSettings(brain_mask="synthstrip").weights
    with pytest.raises(
        GliofillError, match=r"checkpoint_final\.pth: no such file; give the folder of HD-BET's weights"
    ):
        _ = PreprocessSettings(brain_mask="hd-bet", brain_model=tmp_path).weights
    file = tmp_path / "synthstrip.1.pt"
    file.touch()
    assert PreprocessSettings(brain_mask="synthstrip", brain_model=file).weights == file
