"""Scores of corruption: each rises with its own corruption, and each verdict is triggered by it and by nothing less."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gliofill.config.settings import UsabilitySettings
from gliofill.files.nifti import write_image
from gliofill.quality.acquired.corruption import SCORES, Score, judge_scores, measure_scores
from gliofill.quality.acquired.measurement import Measurement
from gliofill.quality.acquired.outliers import outlier_limits
from gliofill.quality.acquired.tissue import measure_tissue
from gliofill.quality.acquired.usability import judge, measure
from gliofill.simulation.artefacts.corruptions import CORRUPTIONS
from gliofill.simulation.artefacts.grid import Grid, Image

pytestmark = pytest.mark.slow

SPACING_MM = (2.0, 2.0, 5.0)
AFFINE = np.diag([*SPACING_MM, 1.0])
GRID = Grid(SPACING_MM, slice_axis=2, phase_axis=1)

#: which score answers to which corruption
ANSWERS = {
    "motion, interleaved shots": "motion",
    "motion, blocks of lines": "motion",
    "noise": "noise",
    "undersampled": "pixel_resolution",
    "wrap-around": "wrap",
    "saturation": "saturation",
    "dropped slices": "slice_drop",
    "spikes": "stripes",
}


def scores_of(image: Image, affine: np.ndarray = AFFINE) -> dict[str, float]:
    return measure_scores(image, affine, tissue=measure_tissue(image))


def corrupted(image: Image, name: str, severity: int) -> Image:
    corruption = CORRUPTIONS[name]
    return corruption.apply(image, GRID, corruption.amounts[severity], np.random.default_rng(7))


@pytest.mark.parametrize(("corruption", "score"), ANSWERS.items(), ids=list(ANSWERS))
def test_score_rises_with_the_severity_of_its_corruption(head: Image, corruption: str, score: str) -> None:
    values = [scores_of(head)[score], *(scores_of(corrupted(head, corruption, s))[score] for s in range(3))]
    if corruption.startswith("motion"):
        del values[3]  # 2.5 degrees leave little that could get worse
    if corruption == "undersampled":
        del values[1]  # 2 mm are the resolution of the small head itself
    assert values == sorted(values) and values[-1] > values[0], values


@pytest.mark.parametrize(
    "corruption", [name for name in ANSWERS if name not in ("wrap-around", "noise", "undersampled")]
)
def test_score_rises_without_background_too(stripped_head: Image, corruption: str) -> None:
    score = ANSWERS[corruption]
    before, after = (scores_of(image)[score] for image in (stripped_head, corrupted(stripped_head, corruption, 2)))
    assert after > before


def test_hidden_thick_slices_have_a_coarser_resolution(fine_head: Image) -> None:
    grid = Grid((1.0, 1.0, 1.0), slice_axis=2, phase_axis=1)
    thick = CORRUPTIONS["hidden thick slices"].apply(fine_head, grid, 10.0, np.random.default_rng(0))
    before, after = (scores_of(image, np.eye(4))["resolution"] for image in (fine_head, thick))
    assert before < 1.5 and after > 4


@pytest.mark.parametrize("corruption", ANSWERS, ids=list(ANSWERS))
def test_severe_corruption_has_its_verdict_and_the_clean_head_none(head: Image, corruption: str) -> None:
    score = next(score for score in SCORES if score.name == ANSWERS[corruption])
    clean, severe = (
        Measurement(shape=image.shape, spacing_mm=SPACING_MM, plane="axial", scores=scores_of(image))
        for image in (head, corrupted(head, corruption, 2))
    )
    assert judge(clean, UsabilitySettings()) is None
    only = replace(severe, scores={score.name: severe.scores[score.name]})
    verdict = judge(only, UsabilitySettings())
    assert verdict is not None and verdict.code == score.code
    assert verdict.value == severe.scores[score.name] and verdict.threshold is not None
    assert judge(severe, UsabilitySettings()) is not None


@pytest.mark.parametrize("score", SCORES, ids=lambda score: score.name)
def test_threshold_of_each_score_is_the_setting_it_names(score: Score) -> None:
    threshold = getattr(UsabilitySettings(), score.setting)
    for value, expected in ((threshold, None), (threshold + 1, score.code)):
        found = judge_scores(Measurement(scores={score.name: value}), UsabilitySettings(), {})
        assert (found and found.code) == expected


def cohort_of(noises: list[float]) -> dict[Path, Measurement]:
    common = {"shape": (256, 256, 24), "spacing_mm": (0.9, 0.9, 5.0), "plane": "axial"}
    return {Path(f"{i}.nii.gz"): Measurement(**common, scores={"noise": noise}) for i, noise in enumerate(noises)}


def test_image_far_worse_than_its_cohort_is_an_outlier_although_it_passes_the_common_threshold() -> None:
    cohort = cohort_of([*np.linspace(0.015, 0.025, 30), 0.1])
    limits = outlier_limits(cohort, dict.fromkeys(cohort, "T1w"), minimum=20)
    verdicts = [judge_scores(found, UsabilitySettings(), limits[path]) for path, found in cohort.items()]
    assert verdicts[:-1] == [None] * 30
    assert verdicts[-1] is not None and verdicts[-1].code == "noise" and "cohort" in verdicts[-1].sentence


def test_small_cohorts_and_small_differences_make_no_outliers() -> None:
    few = cohort_of([*np.linspace(0.015, 0.025, 18), 0.1])
    assert not outlier_limits(few, dict.fromkeys(few, "T1w"), minimum=20)
    alike = cohort_of([0.01] * 30 + [0.03])
    limits = outlier_limits(alike, dict.fromkeys(alike, "T1w"), minimum=20)
    assert all(judge_scores(found, UsabilitySettings(), limits[path]) is None for path, found in alike.items())


def test_contrasts_and_resolutions_are_cohorts_of_their_own() -> None:
    cohort = cohort_of([0.02] * 30)
    contrasts = {path: "T1w" if i < 15 else "T2w" for i, path in enumerate(cohort)}
    assert not outlier_limits(cohort, contrasts, minimum=20)
    thick = {p: replace(m, spacing_mm=(0.9, 0.9, 3.0)) if i < 15 else m for i, (p, m) in enumerate(cohort.items())}
    assert not outlier_limits(thick, dict.fromkeys(thick, "T1w"), minimum=20)


@pytest.mark.parametrize("scale", [1e-38, 1e30], ids=["tiny", "huge"])
def test_scores_do_not_depend_on_the_scale_of_the_voxels(head: Image, tmp_path: Path, scale: float) -> None:
    for name, factor in (("a", 1.0), ("b", scale)):
        write_image(tmp_path / f"{name}.nii.gz", head.astype(np.float64) * factor, AFFINE, dtype="float64")
    first, second = (measure(tmp_path / f"{name}.nii.gz") for name in "ab")
    assert first.scores and first.scores == pytest.approx(second.scores, abs=1e-3)


ARRAYS = hnp.arrays(
    dtype=st.sampled_from([np.uint8, np.int16, np.uint16, np.float32, np.float64]),
    shape=hnp.array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=12),
    fill=st.just(0),
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(data=ARRAYS, edges=st.tuples(*[st.floats(0.01, 50)] * 3))
def test_no_image_makes_the_measurement_fail(data: np.ndarray, edges: tuple, tmp_path: Path) -> None:
    write_image(tmp_path / "any.nii.gz", data, np.diag([*edges, 1.0]), dtype=str(data.dtype))
    found = measure(tmp_path / "any.nii.gz")
    assert all(np.isfinite(value) for value in found.scores.values())
    assert Measurement.from_mapping(found.as_mapping()) == found
    judge(found, UsabilitySettings())
