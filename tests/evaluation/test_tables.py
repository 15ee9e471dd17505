import dataclasses
import json
import math
from pathlib import Path

import pandas as pd
import pytest

from gliofill.errors import GliofillError
from gliofill.evaluation.metrics import METRICS
from gliofill.evaluation.scoring import Score, method_order
from gliofill.evaluation.tables import COLUMNS, COMPARISONS_TABLE, METRICS_TABLE, metrics_frame, read_table, write_table
from gliofill.learning.training.patients import Patient

NUMBERS = dict.fromkeys(METRICS, 0.5)


def a_score(participant: str, session: str, method: str, **changes: float) -> Score:
    return Score(participant, session, "T2w-to-FLAIR", 1, method, 12.5, **{**NUMBERS, **changes})  # type: ignore[arg-type]


SCORES = [
    a_score("sub-02", "sub-02", "lesion"),
    a_score("sub-02", "sub-02", "input", psnr_db=math.inf, ssim_lesion=math.nan),
    a_score("sub-01", "sub-01/ses-2", "best"),
    a_score("sub-01", "sub-01/ses-1", "nolesion", ssim=1 / 3),
    a_score("sub-01", "sub-01/ses-1", "l1"),
]

PATIENTS = [Patient(("01",)), Patient(("02",))]


def test_columns_are_the_agreed_ones() -> None:
    expected = (
        "participant_id patient session task fold method lesion_ml ssim ssim_lesion ssim_lesion_masked psnr_db mae "
        "mae_lesion nmse gmsd interslice interslice_error contrast_error lesion_bias enhancement_left coverage "
        "half_width"
    )
    assert " ".join(COLUMNS[METRICS_TABLE]) == expected
    assert " ".join(field.name for field in dataclasses.fields(Score)) == expected.replace(" patient", "")


def test_rows_are_sorted_by_participant_session_and_method() -> None:
    frame = metrics_frame(SCORES, PATIENTS)
    assert list(zip(frame["session"], frame["method"], strict=True)) == [
        ("sub-01/ses-1", "l1"),
        ("sub-01/ses-1", "nolesion"),
        ("sub-01/ses-2", "best"),
        ("sub-02", "input"),
        ("sub-02", "lesion"),
    ]


def test_participants_of_one_alias_share_a_patient() -> None:
    frame = metrics_frame(SCORES, [Patient(("01", "02"))])
    assert set(frame["participant_id"]) == {"sub-01", "sub-02"} and set(frame["patient"]) == {"sub-01"}


def test_methods_stand_in_the_order_of_what_they_know() -> None:
    methods = ["paper", "nolesion", "a", "lesion", "l1", "linear", "zeros", "histogram", "input"]
    assert " ".join(method_order(methods)) == "input zeros linear histogram l1 nolesion lesion a paper"


def test_table_is_written_with_missing_values_and_explanations(tmp_path: Path) -> None:
    write_table(tmp_path, METRICS_TABLE, metrics_frame(SCORES, PATIENTS))
    lines = (tmp_path / METRICS_TABLE).read_text().splitlines()
    assert lines[1].split("\t")[:8] == ["sub-01", "sub-01", "sub-01/ses-1", "T2w-to-FLAIR", "1", "l1", "12.5", "0.5"]
    assert "\t0.333333\t" in lines[2]
    header = lines[0].split("\t")
    undefined = dict(zip(header, lines[4].split("\t"), strict=True))
    assert (undefined["psnr_db"], undefined["ssim_lesion"]) == ("n/a", "n/a")
    dictionary = json.loads((tmp_path / "metrics.json").read_text())
    assert list(dictionary) == header
    assert dictionary["mae"]["Description"].endswith("lower is better")


def test_an_empty_note_is_written_as_missing(tmp_path: Path) -> None:
    row = {**dict.fromkeys(COLUMNS[COMPARISONS_TABLE], 0.5), "note": ""}
    write_table(tmp_path, COMPARISONS_TABLE, pd.DataFrame([row]))
    assert (tmp_path / COMPARISONS_TABLE).read_text().splitlines()[1].endswith("0.5\tn/a")


def test_a_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    frame = metrics_frame(SCORES, PATIENTS)
    write_table(tmp_path, METRICS_TABLE, frame)
    pd.testing.assert_frame_equal(read_table(tmp_path / METRICS_TABLE), frame, rtol=1e-5)


def test_a_table_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    path = tmp_path / METRICS_TABLE
    with pytest.raises(GliofillError, match=r"metrics\.tsv: no such file; run 'gliofill evaluate' first"):
        read_table(path)
    path.write_text("participant_id\tsession\n")
    with pytest.raises(GliofillError, match=r"metrics\.tsv: has no column patient"):
        read_table(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(GliofillError, match=r"metrics\.tsv: cannot be read as a table"):
        read_table(path)
