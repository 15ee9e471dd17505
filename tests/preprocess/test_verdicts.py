"""Verdicts on a preprocessed session: each code triggered and not, and where the verdicts stand in the manifest."""

from typing import Any

import numpy as np
import pytest

from gliofill.contrasts import Contrast
from gliofill.derivatives.paths import SPACE
from gliofill.preprocess.verdicts import LEAST, LEAST_TEMPLATE, judge_registration, judge_session
from gliofill.simulation.head import built_in_head, render

GOOD = {"mutual_information": 0.5, "head_overlap": 0.95, "brain_in_field": 1.0, "peak": 3.0}


def registration(problem: str = "", **scores: float) -> dict[str, Any]:
    return {"problem": problem, "best": 1, "attempts": [{"after": {}}, {"after": GOOD | scores}]}


@pytest.mark.parametrize(("name", "value"), [("peak", 0.9), ("brain_in_field", 0.4), ("head_overlap", 0.3)])
def test_a_registration_that_clearly_failed_gets_a_verdict(name: str, value: float) -> None:
    verdict, warning = judge_registration(registration("odd", **{name: value}), "it")
    assert verdict is not None and verdict.code == "registration-failed" and not warning
    assert (verdict.value, verdict.threshold) == (value, LEAST[name]) and "2 starts" in verdict.sentence


def test_a_milder_problem_is_a_warning_and_none_is_none() -> None:
    assert judge_registration(registration("information fell"), "it") == (None, "registration: information fell")
    assert judge_registration(registration(), "it") == (None, "")
    assert LEAST_TEMPLATE["peak"] < LEAST["peak"]


@pytest.fixture(scope="module")
def images() -> dict[Contrast, np.ndarray]:
    rng = np.random.default_rng(0)
    head = built_in_head()
    made = {contrast: 1000 * render(head, contrast) for contrast in Contrast}
    made[Contrast.T1POST][60:140:8, 80:150:8, 70:110] = 1000
    return {c: image + rng.normal(0, 20, image.shape).astype(np.float32) for c, image in made.items()}


def manifest(**registrations: dict[str, Any]) -> dict[str, Any]:
    entries = {
        str(c): {"status": "ok", "reason": "", "source": "x", "registration": registrations.get(str(c), registration())}
        for c in Contrast
    }
    return {
        "Reference": "T1post",
        "BrainMask": {"method": "template"},
        "TemplateAlignment": {"target": SPACE} | registrations.get("template", registration()),
        "Contrasts": entries,
    }


def codes(result: dict[str, Any]) -> dict[str, list[str]]:
    return {name: [v["code"] for v in entry["verdicts"]] for name, entry in result["Contrasts"].items()}


def test_a_right_session_keeps_its_manifest_and_gets_numbers(images: dict) -> None:
    result = judge_session(manifest(), images, built_in_head().brain)
    assert codes(result) == {str(contrast): [] for contrast in Contrast}
    assert {entry["status"] for entry in result["Contrasts"].values()} == {"ok"}
    assert result["Contrasts"]["T2w"]["identity"]["look"] == "T2w"
    assert result["BrainMask"]["scores"]["overlap"] == 1 and result["BrainMask"]["method"] == "template"


def test_swapped_contrasts_are_unusable_and_a_flag_stays_a_flag(images: dict) -> None:
    swapped = images | {Contrast.T2W: images[Contrast.FLAIR], Contrast.FLAIR: images[Contrast.T2W]}
    content = manifest()
    content["BrainMask"]["agreement"] = {"T1w": 0.7}
    result = judge_session(content, swapped, built_in_head().brain)
    assert codes(result) == {"T1post": [], "T1w": [], "T2w": ["wrong-contrast"], "FLAIR": ["wrong-contrast"]}
    states = {name: entry["status"] for name, entry in result["Contrasts"].items()}
    assert states == {"T1post": "ok", "T1w": "flagged", "T2w": "unusable", "FLAIR": "unusable"}
    assert result["Contrasts"]["FLAIR"]["reason"].startswith("looks like a T2w")


def test_a_doubted_registration_is_confirmed_by_another_contrast(images: dict) -> None:
    result = judge_session(manifest(FLAIR=registration("fits elsewhere", peak=0.8)), images, built_in_head().brain)
    assert result["Contrasts"]["FLAIR"]["status"] == "ok" and result["Contrasts"]["FLAIR"]["confirmed_by"] == "T1w"


def test_a_contrast_whose_brain_is_not_that_of_the_others_is_flagged(images: dict) -> None:
    content = manifest()
    content["BrainMask"]["agreement"] = {"T1post": 0.97, "T1w": 0.97, "T2w": 0.62, "FLAIR": 0.96}
    result = judge_session(content, images, built_in_head().brain)
    states = {name: entry["status"] for name, entry in result["Contrasts"].items()}
    assert states == {"T1post": "ok", "T1w": "ok", "T2w": "flagged", "FLAIR": "ok"}
    assert "0.62 (Dice)" in result["Contrasts"]["T2w"]["reason"]


def test_a_contrast_that_lies_elsewhere_is_not_asked_what_it_is(images: dict) -> None:
    elsewhere = images | {Contrast.FLAIR: np.roll(images[Contrast.T2W], 25, axis=1)}
    result = judge_session(manifest(FLAIR=registration(peak=0.8)), elsewhere, built_in_head().brain)
    assert codes(result)["FLAIR"] == ["registration-failed"] and "identity" not in result["Contrasts"]["FLAIR"]


@pytest.mark.parametrize("what", ["template", "mask"])
def test_a_failed_template_alignment_or_mask_holds_for_all_contrasts(images: dict, what: str) -> None:
    mask = built_in_head().brain.copy()
    if what == "mask":
        mask[98:] = False
    entries = manifest(**({"template": registration(peak=0.5)} if what == "template" else {}))
    entries["Contrasts"]["T1w"] = {"status": "failed", "reason": "N4 broke"}
    result = judge_session(entries, {c: i for c, i in images.items() if c is not Contrast.T1W}, mask)
    code = "registration-failed" if what == "template" else "mask-failed"
    assert result["Contrasts"].pop("T1w") == {"status": "failed", "reason": "N4 broke"}
    assert set(map(tuple, codes(result).values())) == {(code,)}
