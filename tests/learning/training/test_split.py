from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gliofill.config.settings import SplitSettings
from gliofill.errors import GliofillError
from gliofill.learning.training.patients import Patient, group_patients
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
