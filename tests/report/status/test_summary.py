"""The table of complete contrasts after a review: which file to use, and that an unusable acquired one exists."""

from pathlib import Path

import pandas as pd
from tests.support.records import imputation_record, session_record, unusable
from tests.support.reviewed import GOOD, cohort, coverage

from gliofill.contrasts import Contrast
from gliofill.derivatives import paths
from gliofill.report.status.summary import summarise


def row(folder: Path) -> pd.Series:
    summarise(folder).write(folder)
    return pd.read_csv(folder / paths.COMPLETE, sep="\t", keep_default_na=False).iloc[0]


def test_an_imputed_file_replaces_an_unusable_one_and_the_table_says_so(tmp_path: Path) -> None:
    cohort(tmp_path, coverage(dict.fromkeys(Contrast, GOOD)), session_record(FLAIR=unusable()))
    assert summarise(tmp_path).unfinished[0].step == "impute FLAIR"  # planned, not made yet
    imputation_record("sub-01", Contrast.FLAIR).write(tmp_path)
    line = row(tmp_path)
    assert line["FLAIR"] == paths.imputed("sub-01", Contrast.FLAIR) and line["synthetic"] == "FLAIR"
    assert line["unusable"] == "FLAIR: looks like a T2w" and "unusable" in line["warnings"]
    assert line["complete"] == "yes" and not summarise(tmp_path).failures


def test_a_gap_left_by_an_unusable_source_is_no_failure(tmp_path: Path) -> None:
    cohort(tmp_path, coverage(dict.fromkeys(Contrast, GOOD)), session_record(FLAIR=unusable(), T2w=unusable()))
    line, summary = row(tmp_path), summarise(tmp_path)
    assert line["FLAIR"] == line["T2w"] == "n/a" and "its source T2w is unusable" in line["gaps"]
    assert not summary.failures and summary.sessions[0].states[Contrast.FLAIR] == "gap"


def test_an_image_used_by_a_reviewers_word_carries_a_warning(tmp_path: Path) -> None:
    rows = coverage(dict.fromkeys(Contrast, GOOD), (Contrast.FLAIR, True))
    cohort(tmp_path, rows, session_record(FLAIR=unusable()))
    line = row(tmp_path)
    assert line["FLAIR"] == paths.preprocessed("sub-01", Contrast.FLAIR) and line["unusable"] == "n/a"
    assert "a reviewer decided so (I looked)" in line["warnings"]


def test_a_step_that_broke_off_is_told_by_the_end_of_its_log_and_one_not_reached_apart(tmp_path: Path) -> None:
    cohort(tmp_path, coverage({c: GOOD for c in Contrast if c is not Contrast.FLAIR}), session_record())
    (tmp_path / paths.session_qc("sub-01")).unlink()
    summary = summarise(tmp_path)
    assert not summary.failures and not summary.is_done
    assert set(summary.sessions[0].states.values()) == {"unfinished"}
    assert "4 steps of 1 sessions were not reached" in summary.sentence
    log = tmp_path / "logs" / "preprocess" / "sub-01" / "sub-01.log"
    log.parent.mkdir(parents=True)
    log.write_text("sub-01 T2w: ok\nTraceback (most recent call last):\n  x\nMemoryError: 3 GB\n")
    summary = summarise(tmp_path)
    assert [failure.step for failure in summary.failures] == ["preprocess T1post", "preprocess T1w", "preprocess T2w"]
    assert summary.failures[0].reason == "the step did not finish: MemoryError: 3 GB"
