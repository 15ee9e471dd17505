"""Is an image what its name says: swapped labels of a small generated session are found, right ones are left alone."""

from itertools import combinations

import numpy as np
import pytest

from gliofill.contrasts import Contrast
from gliofill.quality.preprocessed.identity import Look, identify
from gliofill.quality.preprocessed.identity_measures import TissueMaps, enhancement, grey_over_white, reduce
from gliofill.simulation.head import built_in_head, render
from gliofill.template import grey_matter_map, template_brain, white_matter_map

pytestmark = pytest.mark.slow

Images = dict[Contrast, np.ndarray]


@pytest.fixture(scope="module")
def maps() -> TissueMaps:
    return TissueMaps.from_probabilities(white_matter_map(), grey_matter_map(), template_brain())


@pytest.fixture(scope="module")
def brain() -> np.ndarray:
    return built_in_head().brain


@pytest.fixture(scope="module")
def images(brain: np.ndarray) -> Images:
    """Return a session in the template's place, with vessels in the ventricles and noise."""
    rng = np.random.default_rng(0)
    made = {contrast: np.where(brain, 1000 * render(built_in_head(), contrast), 0) for contrast in Contrast}
    vessels = np.zeros(brain.shape, dtype=bool)
    vessels[60:140:8, 80:150:8, 70:110] = True
    made[Contrast.T1POST][vessels & brain] = 1000
    noise = rng.normal(0, 20, brain.shape).astype(np.float32)
    return {contrast: np.maximum(image + noise * brain, 0) for contrast, image in made.items()}


def test_right_labels_raise_neither_verdict_nor_warning(images: Images, brain: np.ndarray, maps: TissueMaps) -> None:
    found = identify(images, brain, maps)
    assert set(found) == set(Contrast)
    assert not any(identity.verdict or identity.warning for identity in found.values())
    assert found[Contrast.T1POST].look is Look.T1W and found[Contrast.FLAIR].look is Look.FLAIR


@pytest.mark.parametrize("pair", combinations(Contrast, 2), ids=" and ".join)
def test_swapped_labels_are_found_and_no_other_image_is_blamed(
    images: Images, brain: np.ndarray, maps: TissueMaps, pair: tuple[Contrast, Contrast]
) -> None:
    first, second = pair
    found = identify({**images, first: images[second], second: images[first]}, brain, maps)
    assert {contrast for contrast, identity in found.items() if identity.verdict} == set(pair)
    verdict = found[first].verdict
    assert verdict is not None and verdict.code == "wrong-contrast"
    assert verdict.value is not None and verdict.threshold is not None


def test_the_sentence_says_what_the_image_looks_like(images: Images, brain: np.ndarray, maps: TissueMaps) -> None:
    verdict = identify({Contrast.FLAIR: images[Contrast.T2W]}, brain, maps)[Contrast.FLAIR].verdict
    assert verdict is not None
    assert verdict.sentence.startswith("looks like a T2w: cerebrospinal fluid is brighter than white matter")


@pytest.mark.parametrize("contrast", Contrast, ids=str)
def test_an_image_alone_is_recognised(images: Images, brain: np.ndarray, maps: TissueMaps, contrast: Contrast) -> None:
    identity = identify({contrast: images[contrast]}, brain, maps)[contrast]
    assert identity.verdict is None and identity.look is not Look.UNCLEAR


def test_a_large_tumour_does_not_change_what_an_image_is(images: Images, brain: np.ndarray, maps: TissueMaps) -> None:
    where = np.indices(brain.shape)
    tumour = (np.sum([(w - c) ** 2 for w, c in zip(where, (130, 140, 100), strict=True)], axis=0) < 32**2) & brain
    levels = {Contrast.T1POST: 950, Contrast.T1W: 250, Contrast.T2W: 800, Contrast.FLAIR: 900}
    sick = {contrast: np.where(tumour, levels[contrast], image) for contrast, image in images.items()}
    assert not any(identity.verdict for identity in identify(sick, brain, maps).values())


def test_one_t1w_under_both_names_gets_a_warning_and_no_verdict(
    images: Images, brain: np.ndarray, maps: TissueMaps
) -> None:
    found = identify({Contrast.T1W: images[Contrast.T1W], Contrast.T1POST: images[Contrast.T1W]}, brain, maps)
    assert not any(identity.verdict for identity in found.values())
    assert "hardly enhances" in found[Contrast.T1POST].warning


def test_an_image_between_the_kinds_gets_a_warning_and_no_verdict(
    images: Images, brain: np.ndarray, maps: TissueMaps
) -> None:
    half = np.where(brain, 0.55 * images[Contrast.T2W] + 0.45 * images[Contrast.FLAIR], 0)
    found = identify({Contrast.FLAIR: half}, brain, maps)[Contrast.FLAIR]
    assert found.look is Look.UNCLEAR and found.verdict is None


def test_a_mask_too_small_to_judge_gives_no_opinion(images: Images, brain: np.ndarray, maps: TissueMaps) -> None:
    tiny = np.zeros_like(brain)
    tiny[90:100, 90:100, 90:100] = True
    assert identify(images, tiny, maps)[Contrast.T2W].look is Look.UNCLEAR


@pytest.mark.slow
def test_enhancement_changes_its_sign_with_the_order(images: Images, brain: np.ndarray, maps: TissueMaps) -> None:
    from gliofill.quality.preprocessed.identity_measures import Regions

    regions = Regions.of(brain, maps)
    pair = reduce(images[Contrast.T1W]), reduce(images[Contrast.T1POST])
    assert (
        enhancement(*pair, regions) == pytest.approx(-enhancement(*pair[::-1], regions))
        and enhancement(*pair, regions) > 0.35
    )
    assert enhancement(pair[0], pair[0], regions) == 0
    assert grey_over_white(pair[0], regions) < 0.4 < grey_over_white(-pair[0], regions)
