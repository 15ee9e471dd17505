from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gliofill.config.settings import SplitSettings
from gliofill.errors import GliofillError
from gliofill.learning.training.patients import Patient, group_patients, read_participants
from gliofill.learning.training.split import SETS, Fold, make_split, read_split, write_split


def cohort(count: int) -> list[Patient]:
    """Return patients of three subtypes in 5:3:2, two grades and enhancement."""
    generator = np.random.default_rng(0)
    subtypes = generator.choice(["astro", "oligo", "gbm"], count, p=[0.5, 0.3, 0.2])
    return [
        Patient((f"{n:03d}",), (str(subtype), str(generator.choice(["2", "3"])), str(generator.choice(["yes", "no"]))))
        for n, subtype in enumerate(subtypes)
    ]


def sizes(fold: Fold) -> tuple[int, int, int]:
    return len(fold.train), len(fold.validation), len(fold.test)


def test_the_papers_cohort_divides_into_265_67_and_84() -> None:
    (fold,) = make_split(cohort(416), SplitSettings(strata=("subtype", "grade", "enhancement")))
    assert sizes(fold) == (265, 67, 84)


def test_every_stratum_has_its_share_in_every_set() -> None:
    patients = cohort(416)
    (fold,) = make_split(patients, SplitSettings(strata=("subtype", "grade", "enhancement")))
    for stratum, in_cohort in Counter(patient.strata for patient in patients).items():
        for name, share in zip(SETS, (265 / 416, 67 / 416, 84 / 416), strict=True):
            own = sum(p.strata == stratum and p.participants[0] in getattr(fold, name) for p in patients)
            assert abs(own - in_cohort * share) < 2, (stratum, name)


@given(
    count=st.integers(6, 60),
    scheme=st.sampled_from(["fractions", "folds", "leave-one-out"]),
    seed=st.integers(0, 5),
)
def test_no_patient_is_in_two_sets_and_none_is_lost(count: int, scheme: str, seed: int) -> None:
    patients = [Patient((f"{n:02d}", f"{n:02d}b"), (str(n % 3),)) for n in range(count)]
    folds = make_split(patients, SplitSettings(scheme=scheme, fractions=(2, 1, 1), folds=5, seed=seed))
    everyone = {label for patient in patients for label in patient.participants}
    for fold in folds:
        sets = [set(getattr(fold, name)) for name in SETS]
        assert set().union(*sets) == everyone and sum(map(len, sets)) == len(everyone) and all(sets)
        for patient in patients:
            assert sum(bool(own.intersection(patient.participants)) for own in sets) == 1
    if scheme != "fractions":
        tested = Counter(label for fold in folds for label in fold.test)
        assert tested == Counter(everyone)


def test_a_seed_gives_one_division_and_another_seed_another() -> None:
    patients = cohort(40)
    first, again, other = (make_split(patients, SplitSettings(seed=seed)) for seed in (3, 3, 4))
    assert first == again and first != other


def test_too_few_patients_are_told() -> None:
    with pytest.raises(GliofillError, match="1 patients in proportions 265:67:84 leave a set empty"):
        make_split(cohort(1), SplitSettings())
    with pytest.raises(GliofillError, match="2 patients cannot make 2 folds"):
        make_split(cohort(2), SplitSettings(scheme="leave-one-out"))


def test_split_survives_its_file_and_the_balance_stands_beside(tmp_path: Path) -> None:
    patients = cohort(20)
    folds = make_split(patients, SplitSettings(scheme="folds", folds=4, strata=("subtype",)))
    write_split(tmp_path / "split.tsv", folds, patients, ["subtype"])
    assert list(read_split(tmp_path / "split.tsv").folds) == folds
    lines = (tmp_path / "split_balance.tsv").read_text().splitlines()
    assert lines[0].split("\t")[:5] == ["fold", "column", "value", "set", "patients"]
    assert "1\tall\tall\ttest\t5\t1.000\t1.000" in lines


def write(path: Path, *rows: str) -> Path:
    path.write_text("participant_id\tfold\tset\n" + "".join(row.replace(" ", "\t") + "\n" for row in rows))
    return path


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            ("sub-1 1 train", "sub-1 1 test", "sub-2 1 validation"),
            r"patient sub-1 is on two sides \(1 in train and 1 in test\)",
        ),
        (("sub-1 1 train", "sub-2 1 test"), "no participant in validation"),
        (("sub-1 2 train", "sub-2 2 test", "sub-3 2 validation"), "numbered 1, 2"),
        (("sub-1 1 training",), "line 2: 'sub-1', '1', 'training'"),
        (("sub-1 one train",), "line 2"),
    ],
)
def test_a_wrong_table_is_told_in_one_line(tmp_path: Path, rows: tuple[str, ...], message: str) -> None:
    with pytest.raises(GliofillError, match=message) as error:
        read_split(write(tmp_path / "split.tsv", *rows))
    assert "\n" not in str(error.value)


def test_two_labels_of_one_patient_stay_together_and_apart_they_are_an_error(tmp_path: Path) -> None:
    table = tmp_path / "participants.tsv"
    table.write_text("participant_id\tperson\nsub-1\tA\nsub-2\tA\nsub-3\tn/a\nsub-4\tn/a\n")
    patients = group_patients(["1", "2", "3", "4"], table, alias="person")
    assert [patient.participants for patient in patients] == [("1", "2"), ("3",), ("4",)]
    path = tmp_path / "split.tsv"
    write_split(path, make_split(patients, SplitSettings(scheme="leave-one-out")), patients, [])
    assert len(read_split(path).folds) == 3
    wrong = "participant_id\tfold\tset\tpatient\nsub-1\t1\ttrain\tA\nsub-2\t1\ttest\tA\nsub-3\t1\tvalidation\tB\n"
    path.write_text(wrong)
    with pytest.raises(GliofillError, match=r"patient A is on two sides \(1 in train and 2 in test\)"):
        read_split(path)


def test_missing_column_participant_or_table_is_named(tmp_path: Path) -> None:
    table = tmp_path / "participants.tsv"
    table.write_text("participant_id\tgrade\nsub-1\t2\nsub-2\t\n")
    assert read_participants(table)["2"]["grade"] == "n/a"
    with pytest.raises(GliofillError, match="has no column subtype; it has participant_id, grade"):
        group_patients(["1"], table, strata=["subtype"])
    with pytest.raises(GliofillError, match="has no participant 9"):
        group_patients(["9"], table, strata=["grade"])
    with pytest.raises(GliofillError, match=r"no participants\.tsv is named"):
        group_patients(["1"], None, strata=["grade"])


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfparticipant_id\tgrade\nsub-1\t2\nsub-2\t3\n",
        b"participant_id\tgrade\r\nsub-1\t2\r\nsub-2\t3\r\n",
        b"participant_id\tgrade\n\nsub-1\t2\n\t\n\t\t\t\nsub-2\t3",
        b"grade\tage\tparticipant_id\n2\t40\tsub-1\n3\t41\t 2 \n",
        b"participant_id\tgrade\nsub-1\t2\tand\tmore\nsub-2\t3\n",
        b"participant_id\tgrade\nsub-1\t2\nsub-2\t3\nsub-nobody\n",
    ],
    ids=["byte order mark", "Windows", "empty rows", "other order", "too many cells", "short row of another"],
)
def test_harmless_flaws_of_a_table_of_participants_are_coped_with(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "participants.tsv").write_bytes(content)
    patients = group_patients(["1", "2"], tmp_path / "participants.tsv", strata=["grade"])
    assert [patient.strata for patient in patients] == [("2",), ("3",)]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "has no column participant_id; columns are separated by tabs"),
        (b"participant_id,grade\nsub-1,2\n", "has no column participant_id; columns are separated by tabs"),
        (b"participant_id\tgrade\nsub-1\t2\nsub-1\t3\n", "line 3: participant '1' occurs twice"),
        (b"participant_id\tgrade\nsub-1\t2\n1\t2\n", "line 3: participant '1' occurs twice"),
        (b"participant_id\tgrade\tgrade\nsub-1\t2\t3\n", "column 'grade' occurs twice"),
        (b"participant_id\tgrade\nsub-1\t2\n\t3\n", "line 3 has no participant_id"),
        (b"participant_id\tgrade\nsub-1\t\xff\xfe\n", "cannot be read as a table"),
        ("participant_id\tgrade\nsub-1\t2\n".encode("utf-16"), "cannot be read as a table"),
        (b"participant_id\tgrade\nsub-1\t" + b"x" * 200_000, "cannot be read as a table"),
        (b"participant_id\tage\nsub-1\t2\n", "has no column grade; it has participant_id, age"),
        (b"participant_id\tgrade\nsub-7\t2\n", "has no participant 1; add a row, with n/a for what is unknown"),
    ],
    ids=[
        *("empty", "commas", "twice", "twice without sub", "column twice", "no participant"),
        *("not UTF-8", "UTF-16", "huge cell", "no column", "not in it"),
    ],
)
def test_a_damaged_table_of_participants_is_told_in_one_line(tmp_path: Path, content: bytes, complaint: str) -> None:
    (tmp_path / "participants.tsv").write_bytes(content)
    with pytest.raises(GliofillError) as error:
        group_patients(["1"], tmp_path / "participants.tsv", strata=["grade"])
    told = str(error.value)
    assert told.startswith(f"{tmp_path / 'participants.tsv'}: ") and complaint in told and told.isprintable()
