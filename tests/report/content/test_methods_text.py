"""Who is cited for a run: what it used, and nothing else."""

import re

import pytest
from tests.report.conftest import Tree

from gliofill import __version__
from gliofill.derivatives import paths
from gliofill.report.content.methods_text import Methods, known_masks
from gliofill.report.content.provenance import ModelIdentity

pytestmark = pytest.mark.slow


def test_citation_of_a_run_names_models_training_data_versions_and_references(tree: Tree) -> None:
    text = (tree.output / paths.CITATION).read_text()
    assert f"gliofill {__version__}" in text and "- antspyx 0." in text
    assert "**mine-1** (T2w to FLAIR)" in text and "- Scans of Somewhere, CC BY 4.0" in text
    assert "abstract 3460" in text and "N4ITK" in text
    numbers = {int(number) for number in re.findall(r"\[(\d+)\]", text)}
    assert numbers == set(range(1, len(numbers) + 1))
    assert [int(n) for n in re.findall(r"^(\d+)\. ", text, re.MULTILINE)] == sorted(numbers)
    bibtex = (tree.output / paths.CITATION).with_suffix(".bib").read_text()
    assert bibtex.count("\n@") + 1 == len(numbers) and bibtex.count("{") == bibtex.count("}")
    methods = text.split("> ")[1].split("\n")[0]
    assert "For the methods section" in (tree.output / "sub-02.html").read_text()
    assert methods.split(" Brain masks")[0] in (tree.output / "sub-02.html").read_text().replace("&#39;", "'")


def test_what_was_not_used_is_not_cited() -> None:
    text = Methods(masks=known_masks(["none", "none", ""])).write()
    cited = {reference.key for reference in text.cited}
    assert not cited & {"n4", "isola", "genc"} and cited >= {"ants", "mni"}
    assert not {word for word in ("synthesised", "Later sessions") if word in text.text}
    assert "voxels that an earlier brain extraction left" in text.text
    nothing = Methods().write()
    assert {reference.key for reference in nothing.cited} == {"bids", "snakemake", "nipype"}


def test_masks_of_several_kinds_are_counted() -> None:
    text = Methods(masks=known_masks(["template", "provided", "template"])).write().text
    assert "by registration in 2 sessions, and were provided with the data in 1 sessions." in text


def test_a_network_that_drew_masks_is_named() -> None:
    text = Methods(masks=known_masks(["network"]), mask_models=("brain-1",)).write()
    assert "generated heads alone [6] [7] (model brain-1)." in text.text
    assert [reference.key for reference in text.cited[-2:]] == ["billot", "hoopes"]


def test_braces_in_the_name_of_a_model_stay_text() -> None:
    model = ModelIdentity("FLAIR", "T2w", "mine{n4}", "ab")
    assert "(model mine{n4})" in Methods(models=frozenset({model})).write().text


def test_the_methods_of_sessions_are_counted_together() -> None:
    sessions = [
        Methods(masks=known_masks(["network"]), mask_models=("brain-1",), bias_corrected=True),
        Methods(masks=known_masks(["provided"])),
        Methods(masks=known_masks(["network"]), mask_models=("brain-1",), is_longitudinal=True),
        Methods(),
    ]
    together = Methods.together(sessions)
    assert together.masks == (("network", 2), ("provided", 1)) and together.mask_models == ("brain-1",)
    assert together.bias_corrected and together.is_longitudinal and not Methods.together([]).masks
