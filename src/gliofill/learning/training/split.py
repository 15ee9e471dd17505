"""Split: which patients are trained on, validated on and tested on; never sessions or slices of one patient apart."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gliofill.config.settings import SplitSettings
from gliofill.errors import GliofillError
from gliofill.files.tables import read_texts, write_table
from gliofill.learning.training.patients import Patient

SETS = ("train", "validation", "test")
_FOLD = re.compile("[0-9]{1,6}")

COLUMNS = {
    "participant_id": "Participant",
    "fold": "Number of the fold, from 1; every fold is an experiment of its own",
    "set": "train: trained on; validation: chooses settings and calibrates; test: seen once, for the tables",
    "patient": "One name for all participants that are the same person",
}

BALANCE_COLUMNS = {
    "fold": "Number of the fold",
    "column": "Column of participants.tsv; all: every patient",
    "value": "Its value",
    "set": "train, validation or test",
    "patients": "Patients of the set with that value",
    "share": "Patients of the set with that value over patients of the set",
    "cohort_share": "The same share in the whole cohort",
}


@dataclass(frozen=True)
class Fold:
    """One division of the cohort; participant labels without ``sub-``."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]


@dataclass(frozen=True)
class Split:
    """The folds of a file."""

    path: Path
    folds: tuple[Fold, ...]

    def fold(self, number: int) -> Fold:
        """Return a fold by its number, from 1.

        Raises
        ------
        GliofillError
            If there is none of that number.
        """
        if not 1 <= number <= len(self.folds):
            raise GliofillError(f"{self.path}: has no fold {number}; it has 1 to {len(self.folds)}")
        return self.folds[number - 1]


def make_split(patients: Sequence[Patient], settings: SplitSettings) -> list[Fold]:
    """Divide patients at random, each stratum in the same proportions as far as its number allows.

    With ``fractions`` there is one fold. With ``folds`` and ``leave-one-out`` each patient is tested once; the group
    that is tested next validates.

    Parameters
    ----------
    patients
        At least three; with equal columns of strata.
    settings
        Scheme, proportions, seed.

    Raises
    ------
    GliofillError
        If there are too few patients for every set to have one.
    """
    ordered = _stratified_order(patients, settings.seed)
    if settings.scheme == "fractions":
        return [_fold(ordered, _fraction_groups(len(ordered), settings.fractions))]
    count = len(ordered) if settings.scheme == "leave-one-out" else settings.folds
    if count < 3 or count > len(ordered):
        raise GliofillError(
            f"split: {len(ordered)} patients cannot make {count} folds; every fold needs patients to train on, "
            "to validate on and to test on: from 3 folds to as many as there are patients"
        )
    # neighbours in the order are alike, so every count-th makes a group like the cohort
    group = np.arange(len(ordered)) % count
    return [_fold(ordered, [_role(int(own), fold, count) for own in group]) for fold in range(count)]


def _role(group: int, fold: int, count: int) -> str:
    return {fold: "test", (fold + 1) % count: "validation"}.get(group, "train")


def _stratified_order(patients: Sequence[Patient], seed: int) -> list[Patient]:
    """Return the patients shuffled, then sorted by stratum: alike ones stand together, in random order."""
    generator = np.random.default_rng(seed)
    shuffled = [patients[index] for index in generator.permutation(len(patients))]
    return sorted(shuffled, key=lambda patient: patient.strata)


def _fraction_groups(count: int, fractions: Sequence[float]) -> list[str]:
    """Return the set of each patient in order: every stretch of it has the proportions, up to rounding."""
    shares = np.asarray(fractions, dtype=float) / sum(fractions)
    wanted = _apportion(count, shares)
    if min(wanted) < 1:
        raise GliofillError(
            f"split: {count} patients in proportions {':'.join(f'{f:g}' for f in fractions)} leave a set empty; "
            "use scheme folds or leave-one-out"
        )
    given = np.zeros(len(SETS), dtype=int)
    roles = []
    for position in range(count):
        # the set furthest behind its share takes the next patient
        behind = np.where(given < wanted, (position + 1) * wanted / count - given, -np.inf)
        chosen = int(behind.argmax())
        given[chosen] += 1
        roles.append(SETS[chosen])
    return roles


def _apportion(count: int, shares: np.ndarray) -> np.ndarray:
    """Return whole numbers with sum `count` near `count * shares`, by largest remainder."""
    exact = count * shares
    whole = np.floor(exact).astype(int)
    largest = np.argsort(-(exact - whole), kind="stable")[: count - whole.sum()]
    whole[largest] += 1
    return whole


def _fold(patients: Sequence[Patient], roles: Sequence[str]) -> Fold:
    members: dict[str, list[str]] = {name: [] for name in SETS}
    for patient, role in zip(patients, roles, strict=True):
        members[role] += patient.participants
    return Fold(**{name: tuple(sorted(labels)) for name, labels in members.items()})


def write_split(path: Path, folds: Sequence[Fold], patients: Sequence[Patient], columns: Sequence[str]) -> None:
    """Write the split, the balance that it achieved (``…_balance.tsv``), and their data dictionaries.

    Parameters
    ----------
    path
        Of the split, ending in ``.tsv``.
    folds, patients
        What `make_split` gave and took.
    columns
        Names of the strata.
    """
    person = {label: f"sub-{patient.participants[0]}" for patient in patients for label in patient.participants}
    rows = [
        (f"sub-{label}", number, name, person[label])
        for number, fold in enumerate(folds, 1)
        for name in SETS
        for label in getattr(fold, name)
    ]
    write_table(path, COLUMNS, rows)
    write_table(path.with_stem(f"{path.stem}_balance"), BALANCE_COLUMNS, _balance(folds, patients, columns))


def _balance(
    folds: Sequence[Fold], patients: Sequence[Patient], columns: Sequence[str]
) -> Iterable[tuple[object, ...]]:
    labelled = [("all", ["all"] * len(patients))]
    labelled += [(column, [patient.strata[index] for patient in patients]) for index, column in enumerate(columns)]
    for number, fold in enumerate(folds, 1):
        role = {label: name for name in SETS for label in getattr(fold, name)}
        roles = [role[patient.participants[0]] for patient in patients]
        size = Counter(roles)
        for column, values in labelled:
            together = Counter(zip(values, roles, strict=True))
            for value, in_cohort in sorted(Counter(values).items()):
                for name in SETS:
                    count = together[value, name]
                    yield (
                        number,
                        column,
                        value,
                        name,
                        count,
                        f"{count / size[name]:.3f}",
                        (f"{in_cohort / len(patients):.3f}"),
                    )


def read_split(path: Path) -> Split:
    """Read a split, made by gliofill or by hand.

    Parameters
    ----------
    path
        Table with the columns of `COLUMNS`; without ``patient`` every participant is a person of its own.

    Raises
    ------
    GliofillError
        If the file is not such a table, its folds are not numbered from 1, a set is empty, or a patient is in two sets
        of one fold.
    """
    rows: dict[int, list[_Row]] = {}
    for row in _read_rows(path):
        rows.setdefault(row.fold, []).append(row)
    if sorted(rows) != list(range(1, len(rows) + 1)) or not rows:
        raise GliofillError(f"{path}: folds are {sorted(rows)}; they must be numbered 1, 2, … without a gap")
    return Split(path, tuple(_checked_fold(path, rows[number]) for number in sorted(rows)))


@dataclass(frozen=True)
class _Row:
    label: str
    fold: int
    name: str
    patient: str


def _read_rows(path: Path) -> Iterable[_Row]:
    for line, row in read_texts(path, remedy="make it with 'gliofill split'").rows:
        label, fold, name, patient = (row.get(column) or "" for column in COLUMNS)
        if not label or not _FOLD.fullmatch(fold) or name not in SETS:
            raise GliofillError(
                f"{path}: line {line}: {label!r}, {fold!r}, {name!r} are not a participant_id, a fold number and one "
                f"of {', '.join(SETS)}, separated by tabs"
            )
        yield _Row(label.removeprefix("sub-"), int(fold), name, patient or label)


def _checked_fold(path: Path, rows: Sequence[_Row]) -> Fold:
    members = {name: tuple(sorted({row.label for row in rows if row.name == name})) for name in SETS}
    where = f"{path}: fold {rows[0].fold}"
    for name in SETS:
        if not members[name]:
            raise GliofillError(f"{where} has no participant in {name}")
    people: dict[str, list[_Row]] = {}
    for row in rows:
        people.setdefault(row.patient, []).append(row)
    for patient, own in people.items():
        if len({row.name for row in own}) > 1:
            places = " and ".join(f"{row.label} in {row.name}" for row in own)
            raise GliofillError(f"{where}: patient {patient} is on two sides ({places}); put each in one set only")
    return Fold(**members)
