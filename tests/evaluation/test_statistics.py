import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gliofill.evaluation.metrics import METRICS
from gliofill.evaluation.reliability import Reliability, calibration_frame
from gliofill.evaluation.statistics import compare, holm, mean_interval, method_pairs, signed_rank, summarise
from gliofill.learning.training.patients import Patient

GRADES = ("high", "high", "low", "n/a", "low", "high", "high")
PATIENTS = [Patient((f"{number:02}",), (grade,)) for number, grade in enumerate(GRADES, 1)]


def a_table(values: Mapping[str, Sequence[float]], metric: str = "ssim") -> pd.DataFrame:
    """Return metrics of one session per patient: the values of each method, in the order of the patients."""
    rows = [
        {"participant_id": f"sub-{number:02}", "task": "T2w-to-FLAIR", "method": method, "fold": 1, metric: value}
        for method, own in values.items()
        for number, value in enumerate(own, 1)
    ]
    return pd.DataFrame(rows).reindex(columns=["participant_id", "session", "task", "fold", "method", *METRICS])


def test_summary_comes_out_as_by_hand() -> None:
    summary = summarise(a_table({"lesion": [0.1, 0.2, 0.6]}), PATIENTS)
    assert len(summary) == 1
    row = summary.iloc[0]
    assert (row["task"], row["method"], row["metric"], row["stratum"]) == ("T2w-to-FLAIR", "lesion", "ssim", "all")
    assert (row["n"], row["mean"], row["median"]) == (3, pytest.approx(0.3), 0.2)
    assert row["sd"] == pytest.approx(math.sqrt((0.04 + 0.01 + 0.09) / 2))
    assert math.isnan(row["ci_low"]) and math.isnan(row["ci_high"])


def test_strata_are_values_of_columns_without_the_unknown() -> None:
    summary = summarise(a_table({"input": [1, 2, 3, 4, 5, 6, 7]}), PATIENTS, ["grade"])
    assert summary["stratum"].tolist() == ["all", "grade=high", "grade=low"]
    assert summary["n"].tolist() == [7, 4, 2]
    assert summary["mean"].tolist() == [4, 4, 4]
    low, high = summary.iloc[0][["ci_low", "ci_high"]]
    assert 2 < low < 4 < high < 6


def test_sessions_of_one_patient_count_once_under_whatever_label() -> None:
    table = a_table({"lesion": [0.2, 0.4, 0.9, 0.1]})
    table = pd.concat([table, table.iloc[[3]].assign(ssim=0.5)])  # a second session of sub-04
    patients = [Patient(("01", "02")), Patient(("03",)), Patient(("04",))]
    row = summarise(table, patients).iloc[0]
    assert (row["n"], row["mean"], row["median"]) == (3, pytest.approx(0.5), pytest.approx(0.3))


def test_methods_are_summarised_in_the_order_of_the_tables() -> None:
    summary = summarise(a_table({"best": [1], "lesion": [1], "input": [1], "l1": [1]}), PATIENTS)
    assert summary["method"].tolist() == ["input", "l1", "lesion", "best"]


def test_interval_is_repeatable_and_shrinks_with_the_number() -> None:
    values = np.random.default_rng(0).normal(size=80)
    assert mean_interval(values) == mean_interval(values)
    low, high = mean_interval(values)
    standard_error = values.std(ddof=1) / math.sqrt(80)
    assert (low, high) == pytest.approx(
        (values.mean() - 1.96 * standard_error, values.mean() + 1.96 * standard_error), abs=0.03
    )
    assert np.isnan(mean_interval(values[:4])).all()


@settings(deadline=None)
@given(arrays(np.float64, st.integers(5, 9), elements=st.sampled_from([0.0, 0.25, 0.5, 1.0])))
def test_interval_holds_the_mean_whatever_the_ties(values: np.ndarray) -> None:
    low, high = mean_interval(values)
    assert values.min() <= low <= values.mean() + 1e-12 and values.mean() - 1e-12 <= high <= values.max()


def test_pairs_are_mask_loss_recipes_and_comparators() -> None:
    methods = {"input", "zeros", "linear", "histogram", "l1", "nolesion", "lesion", "paper", "best"}
    pairs = method_pairs(methods)
    assert pairs[:2] == [("lesion", "nolesion"), ("best", "paper")]
    assert [second for first, second in pairs if first == "best"] == ["paper", "input", "linear", "histogram", "l1"]
    assert [second for first, second in pairs if first == "l1"] == ["input", "linear", "histogram"]
    assert len(set(pairs)) == len(pairs) and "zeros" not in {method for pair in pairs for method in pair}


def test_signed_rank_agrees_with_a_count_of_all_signs() -> None:
    # ranks 1 to 6, of which 2 is negative: of the 64 sign patterns 3 have negative ranks with a sum of at most 2 (none,
    # 1, and 2), and as many are as far on the other side
    p, note = signed_rank(np.array([1.0, -2.0, 3.0, 4.0, 5.0, 6.0]))
    assert (p, note) == (pytest.approx(6 / 64), "")


def test_too_few_differences_give_no_p() -> None:
    p, note = signed_rank(np.array([0.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0]))
    assert math.isnan(p)
    assert note == "too few: with 5 patients that differ the least two-sided p is 0.0625"
    assert signed_rank(np.zeros(8))[1] == "no patient differs"


def test_correction_follows_holm() -> None:
    assert holm(np.array([0.04, 0.01, 0.03])).tolist() == pytest.approx([0.06, 0.03, 0.06])
    assert holm(np.array([0.9, np.nan, 0.8]))[[0, 2]].tolist() == [1, 1]


def test_comparison_comes_out_as_by_hand() -> None:
    table = a_table({"nolesion": [0.5] * 7, "lesion": [0.51, 0.52, 0.53, 0.54, 0.55, 0.56, 0.57]})
    comparisons = compare(table, PATIENTS)
    assert len(comparisons) == 1
    row = comparisons.iloc[0]
    assert (row["metric"], row["first"], row["second"], row["n"]) == ("ssim", "lesion", "nolesion", 7)
    assert row["mean_difference"] == pytest.approx(0.04)
    assert 0.01 < row["ci_low"] < 0.04 < row["ci_high"] < 0.07
    assert row["p"] == pytest.approx(2 / 128)
    assert (row["p_holm"], row["better"], row["note"]) == (row["p"], "lesion", "")


@pytest.mark.parametrize(
    ("metric", "first", "second", "difference", "better"),
    [
        ("ssim", 0.5, 0.75, -0.25, "nolesion"),
        ("mae", 0.5, 0.75, -0.25, "lesion"),
        ("lesion_bias", -0.5, 0.25, 0.25, "nolesion"),
        ("interslice", 1.25, 0.5, -0.25, "lesion"),
        ("gmsd", 0.5, 0.5, 0.0, "equal"),
    ],
)
def test_the_better_method_follows_the_direction_of_the_measure(
    metric: str, first: float, second: float, difference: float, better: str
) -> None:
    row = compare(a_table({"lesion": [first], "nolesion": [second]}, metric), PATIENTS).iloc[0]
    assert (row["mean_difference"], row["better"]) == (difference, better)


def test_only_patients_that_both_methods_have_are_compared() -> None:
    table = a_table({"lesion": [0.5, 0.6, 0.9], "input": [0.4, 0.5, math.nan]})
    row = compare(table, PATIENTS).iloc[0]
    assert (row["n"], row["mean_difference"]) == (2, pytest.approx(0.1))


def test_p_is_corrected_within_one_measure() -> None:
    better = [0.51, 0.52, 0.53, 0.54, 0.55, 0.56, 0.57]
    comparisons = compare(a_table({"lesion": better, "input": [0.5] * 7, "linear": [0.4] * 7}), PATIENTS)
    assert comparisons["p"].tolist() == pytest.approx([2 / 128] * 2)
    assert comparisons["p_holm"].tolist() == pytest.approx([4 / 128] * 2)


def test_floors_alone_are_not_compared() -> None:
    assert compare(a_table({"input": [0.5], "zeros": [0.1]}), PATIENTS).empty


def test_calibration_is_averaged_over_patients_and_shown_per_session() -> None:
    measured = [
        Reliability("t", "lesion", fold, nominal, achieved, f"sub-{label}/ses-{session}", label, nominal == 0.9)
        for label, session, fold, nominal, achieved in (
            ("01", 1, 1, 0.9, 0.8),
            ("01", 2, 1, 0.9, 1.0),
            ("02", 1, 2, 0.9, 0.7),
            ("01", 1, 1, 0.5, 0.5),
        )
    ]
    frame = calibration_frame(measured, PATIENTS)
    pooled, cases = frame[frame["session"].isna()], frame[frame["session"].notna()]
    assert list(zip(pooled["nominal"], pooled["achieved"], strict=True)) == [(0.5, 0.5), (0.9, pytest.approx(0.8))]
    assert pooled["fold"].isna().all()
    assert cases["achieved"].tolist() == [0.8, 1.0, 0.7] and cases["fold"].tolist() == [1, 1, 2]


def test_without_calibrated_models_the_calibration_is_empty() -> None:
    assert calibration_frame([], PATIENTS).empty
