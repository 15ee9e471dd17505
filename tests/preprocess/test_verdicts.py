"""Verdicts on a preprocessed session: each code triggered and not, and where the verdicts stand in the record."""

from dataclasses import replace

import numpy as np
import pytest

from gliofill.contrasts import Contrast
from gliofill.derivatives.paths import SPACE
from gliofill.derivatives.session_record import Attempt, BrainMask, PreprocessedContrast, Registration, SessionRecord
from gliofill.preprocess.verdicts import LEAST, LEAST_TEMPLATE, judge_registration, judge_session
from gliofill.simulation.head import built_in_head, render

pytestmark = pytest.mark.slow

GOOD = {"mutual_information": 0.5, "head_overlap": 0.95, "brain_in_field": 1.0, "peak": 3.0}


def registration(problem: str = "", target: str = "", **scores: float) -> Registration:
    attempts = (Attempt("header", {}, {}, "bad"), Attempt("centre of mass", {}, GOOD | scores, problem))
    return Registration(target=target, problem=problem, best=1, attempts=attempts)


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


def record(agreement: dict[Contrast, float] | None = None, **registrations: Registration) -> SessionRecord:
    return SessionRecord(
        session="sub-01",
        version="0",
        reference=Contrast.T1POST,
        brain_mask=BrainMask(method="template", agreement=agreement or {}),
        template_alignment=registrations.get("template", registration(target=SPACE)),
        contrasts={
            c: PreprocessedContrast(status="ok", reason="", registration=registrations.get(str(c), registration()))
            for c in Contrast
        },
    )


def codes(result: SessionRecord) -> dict[Contrast, list[str]]:
    return {name: [v.code for v in entry.verdicts or ()] for name, entry in result.contrasts.items()}


def states(result: SessionRecord) -> list[str]:
    return [result.contrasts[contrast].status for contrast in Contrast]


def test_a_right_session_keeps_its_record_and_gets_numbers(images: dict) -> None:
    result = judge_session(record(), images, built_in_head().brain)
    assert codes(result) == {contrast: [] for contrast in Contrast}
    assert states(result) == ["ok"] * 4
    assert result.contrasts[Contrast.T2W].identity["look"] == "T2w"
    mask = result.brain_mask
    assert mask is not None and mask.scores["overlap"] == 1 and mask.method == "template"


def test_swapped_contrasts_are_unusable_and_a_flag_stays_a_flag(images: dict) -> None:
    swapped = images | {Contrast.T2W: images[Contrast.FLAIR], Contrast.FLAIR: images[Contrast.T2W]}
    result = judge_session(record({Contrast.T1W: 0.7}), swapped, built_in_head().brain)
    assert codes(result) == {"T1post": [], "T1w": [], "T2w": ["wrong-contrast"], "FLAIR": ["wrong-contrast"]}
    assert states(result) == ["ok", "flagged", "unusable", "unusable"]
    assert result.contrasts[Contrast.FLAIR].reason.startswith("looks like a T2w")


def test_a_doubted_registration_is_confirmed_by_another_contrast(images: dict) -> None:
    result = judge_session(record(FLAIR=registration("fits elsewhere", peak=0.8)), images, built_in_head().brain)
    flair = result.contrasts[Contrast.FLAIR]
    assert flair.status == "ok" and flair.confirmed_by is Contrast.T1W


def test_a_contrast_whose_brain_is_not_that_of_the_others_is_flagged(images: dict) -> None:
    agreement = dict(zip(Contrast, (0.97, 0.97, 0.62, 0.96), strict=True))
    result = judge_session(record(agreement), images, built_in_head().brain)
    assert states(result) == ["ok", "ok", "flagged", "ok"]
    assert "0.62 (Dice)" in result.contrasts[Contrast.T2W].reason


def test_a_contrast_that_lies_elsewhere_is_not_asked_what_it_is(images: dict) -> None:
    elsewhere = images | {Contrast.FLAIR: np.roll(images[Contrast.T2W], 25, axis=1)}
    result = judge_session(record(FLAIR=registration(peak=0.8)), elsewhere, built_in_head().brain)
    assert codes(result)[Contrast.FLAIR] == ["registration-failed"] and not result.contrasts[Contrast.FLAIR].identity


@pytest.mark.parametrize("what", ["template", "mask"])
def test_a_failed_template_alignment_or_mask_holds_for_all_contrasts(images: dict, what: str) -> None:
    mask = built_in_head().brain.copy()
    if what == "mask":
        mask[98:] = False
    content = record(**({"template": registration(target=SPACE, peak=0.5)} if what == "template" else {}))
    broken = {Contrast.T1W: PreprocessedContrast(status="failed", reason="N4 broke")}
    content = replace(content, contrasts={**content.contrasts, **broken})
    result = judge_session(content, {c: i for c, i in images.items() if c is not Contrast.T1W}, mask)
    code = "registration-failed" if what == "template" else "mask-failed"
    assert result.contrasts[Contrast.T1W] == broken[Contrast.T1W]
    assert {tuple(found) for contrast, found in codes(result).items() if contrast is not Contrast.T1W} == {(code,)}
