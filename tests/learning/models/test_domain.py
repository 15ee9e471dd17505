import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from tests.support.sessions import write_session

from gliofill.config.recipe import Recipe
from gliofill.contrasts import Task
from gliofill.errors import GliofillError
from gliofill.files.atomic import read_json, sha256, write_json
from gliofill.learning.models.add_domain import add_domain
from gliofill.learning.models.appearance import Appearance
from gliofill.learning.models.domain import LEAST_PATIENTS, Domain, appearance_of, describe
from gliofill.learning.models.folder import load_model
from gliofill.learning.runtime import Runtime
from gliofill.learning.training.loop import train
from gliofill.learning.volumes.cases import find_cases, load_case
from gliofill.learning.volumes.sessions import Sessions
from gliofill.template import template_affine, template_brain, white_matter_map

BRAIN = np.zeros((30, 36, 24), dtype=bool)
BRAIN[3:-3, 3:-3, 2:-2] = True
AFFINE = np.diag([1.0, 1.0, 2.0, 1.0])


def make_image(seed: int, *, slope: float = 1.0, noise: float = 0.02) -> np.ndarray:
    """Return a smooth image with a share of bright voxels that `slope` tells, and noise."""
    rng = np.random.default_rng(seed)
    i, j, k = np.indices(BRAIN.shape)
    smooth = (np.sin(i / 5 + rng.uniform(0, 6)) + np.sin(j / 6 + rng.uniform(0, 6)) + np.sin(k / 4)) / 6 + 0.5
    return np.clip(smooth, 0, None) ** slope + rng.normal(0, noise, BRAIN.shape)


def look(image: np.ndarray, brain: np.ndarray = BRAIN, **known: float) -> Appearance:
    return Appearance.of(image, brain, AFFINE, **known)


def outside(domain: Domain, image: Appearance) -> set[str]:
    return {score.name for score in domain.scores(image) if score.is_outside}


@pytest.fixture(scope="module")
def domain() -> Domain:
    made = Domain.fit((f"sub-{n:02d}", look(make_image(n), acquired_mm=3.0 + n / 10)) for n in range(8))
    assert made is not None
    return made


def test_noise_and_roughness_of_white_noise_are_known() -> None:
    image = 0.5 + np.random.default_rng(0).normal(0, 0.1, BRAIN.shape)
    measured = look(image).numbers
    # the percentiles 0.5 and 99.5 that become 0 and 1 lie 2 x 2.576 deviations apart
    assert measured["noise"] == pytest.approx(1 / (2 * 2.576), rel=0.05)
    # second differences have the variance 6, first differences 2
    assert measured["roughness_foot_head"] == pytest.approx(np.sqrt(3), rel=0.05)


def test_size_of_the_brain_is_in_millimetres() -> None:
    measured = look(make_image(0)).numbers
    assert (measured["brain_left_right_mm"], measured["brain_foot_head_mm"]) == (24, 40)
    assert measured["brain_volume_ml"] == pytest.approx(24 * 30 * 20 * 2 / 1000)


def test_thick_slices_lower_the_roughness_across_them_alone() -> None:
    image = make_image(0)
    thick = np.repeat(image.reshape(30, 36, -1, 4).mean(axis=3), 4, axis=2)
    thin, coarse = look(image).numbers, look(thick).numbers
    assert coarse["roughness_left_right"] == pytest.approx(thin["roughness_left_right"], rel=0.5)
    image = np.stack([np.interp(np.arange(24), np.arange(2, 24, 4), row) for row in thick[:, :, 2::4].reshape(-1, 6)])
    assert look(image.reshape(thick.shape)).numbers["roughness_foot_head"] < 0.6 * thin["roughness_foot_head"]


def test_tissues_are_medians_where_the_template_has_them() -> None:
    tissues = Appearance.of(white_matter_map(), template_brain(), template_affine()).tissues
    assert tissues is not None and tissues[0] > 0.95 and tissues[1] < 0.25 and tissues[2] < 0.05
    assert look(make_image(0)).tissues is None


def test_training_images_are_never_outside(domain: Domain) -> None:
    for n in range(8):
        assert not outside(domain, look(make_image(n), acquired_mm=3.0 + n / 10))


def test_another_image_of_the_same_kind_is_inside(domain: Domain) -> None:
    for n in range(100, 110):
        assert not outside(domain, look(make_image(n), acquired_mm=3.3))


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (look(make_image(9, slope=5)), "intensities"),
        (look(make_image(9, noise=0.5)), "noise"),
        (look(make_image(9), acquired_mm=9.0), "acquired_spacing_mm"),
        (look(make_image(9), np.where(np.arange(24) < 8, BRAIN, False)), "brain_foot_head_mm"),
    ],
    ids=["other intensities", "noisy", "thick slices", "cut brain"],
)
def test_what_is_unlike_the_training_images_is_told(domain: Domain, image: Appearance, expected: str) -> None:
    assert expected in outside(domain, image)
    (score,) = [score for score in domain.scores(image) if score.name == expected]
    assert f"{score.value:.3g}" in score.sentence and f"{score.high:.3g}" in score.sentence


def test_an_unknown_spacing_is_not_judged(domain: Domain) -> None:
    assert "acquired_spacing_mm" not in {score.name for score in domain.scores(look(make_image(0)))}


def test_few_patients_say_nothing_and_sessions_of_one_are_one() -> None:
    few = [(f"sub-{n:02d}", look(make_image(n))) for n in range(LEAST_PATIENTS - 1)]
    assert Domain.fit(few) is None
    assert Domain.fit([*few, ("sub-00/ses-2", look(make_image(5)))]) is None


def test_distances_leave_out_the_other_sessions_of_a_patient() -> None:
    images = [(f"sub-{n:02d}/ses-{visit}", look(make_image(n))) for n in range(4) for visit in (1, 2)]
    made = Domain.fit(images)
    assert made is not None and min(made.leave_one_out["intensities"]) > 0


def test_fewer_patients_allow_more(domain: Domain) -> None:
    image = look(make_image(9))
    few, many = dataclasses.replace(domain, patients=3).scores(image), domain.scores(image)
    assert all(wide.low <= narrow.low and wide.high >= narrow.high for wide, narrow in zip(few, many, strict=True))
    assert few[0].name == "intensities" and few[0].high > many[0].high


def test_a_domain_survives_model_json(domain: Domain, tmp_path: Path) -> None:
    write_json(tmp_path / "domain.json", domain.as_mapping())
    again = Domain.from_mapping(read_json(tmp_path / "domain.json"))
    assert again.as_mapping() == domain.as_mapping()
    for image in (look(make_image(3)), look(make_image(9, slope=5))):
        assert [score.name for score in again.scores(image)] == [score.name for score in domain.scores(image)]
        assert outside(again, image) == outside(domain, image)


def test_an_image_of_the_training_set_is_recognised(domain: Domain) -> None:
    assert domain.has_image("03", look(make_image(3)))
    assert not domain.has_image("03", look(make_image(9, slope=2)))
    assert not domain.has_image("99", look(make_image(3)))


@pytest.mark.parametrize(
    "change",
    [{"version": 7}, {"ranges": {"noise": [2, 1]}}, {"references": {"sub-01": "1 2"}}, {"leave_one_out": 3}],
    ids=["version", "range", "reference", "distances"],
)
def test_a_damaged_domain_is_told(domain: Domain, change: dict[str, object]) -> None:
    with pytest.raises(GliofillError, match="domain"):
        Domain.from_mapping({**domain.as_mapping(), **change})


@pytest.mark.usefixtures("small_crop")
def test_training_notes_the_domain_and_it_can_be_noted_later(tmp_path: Path, task: Task, recipe: Recipe) -> None:
    root = tmp_path / "derivatives"
    for seed in range(LEAST_PATIENTS):
        write_session(root, f"sub-{seed:02d}", seed)
    cases = find_cases(root, task)
    folder = train(recipe, Sessions(task, cases), tmp_path / "model", Runtime(device="cpu", log=lambda text: None))
    model = load_model(folder)
    assert model.domain is not None and model.domain.patients == LEAST_PATIENTS
    assert (
        "## Domain" in (folder / "MODEL_CARD.md").read_text()
        and "brain_volume_ml" in (folder / "MODEL_CARD.md").read_text()
    )
    for case in cases:
        assert not outside(model.domain, appearance_of(load_case(case, crop_minimum=model.training.crop_minimum)))
    before, weights = (folder / "model.json").read_bytes(), sha256(folder / "weights.safetensors")
    metadata = json.loads(before)
    del metadata["domain"]
    write_json(folder / "model.json", metadata)
    assert load_model(folder).domain is None
    add_domain(folder, [root])
    assert json.loads((folder / "model.json").read_text()) == json.loads(before)
    assert sha256(folder / "weights.safetensors") == weights
    (root / "sub-01").rename(tmp_path / "elsewhere")
    with pytest.raises(GliofillError, match="training session sub-01 is not there"):
        add_domain(folder, [root])


@pytest.mark.usefixtures("small_crop")
def test_too_few_training_patients_give_no_domain(cases: list, task: Task) -> None:
    assert describe(load_case(case) for case in cases) is None
