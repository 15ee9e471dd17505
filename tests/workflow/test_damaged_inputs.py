"""Hundreds of damaged inputs in one dataset: each has its verdict, and the good sessions keep theirs."""

import csv
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.conftest import MEASURED
from tests.support.damaged_inputs import GOOD, SETTINGS, Damage, write_dataset

from gliofill.derivatives import paths

# a process that has measured only small images takes 140 MB
_MOST_MB, _MOST_SECONDS = 1000, 150


class Ended:
    """A finished command: exit code, output, seconds and peak of its memory in megabytes."""

    def __init__(self, folder: Path, *words: str) -> None:
        begin = time.monotonic()
        with (folder / "out.txt").open("wb") as out, (folder / "err.txt").open("wb") as err:
            command = [sys.executable, "-c", MEASURED, str(folder / "memory.txt"), *words]
            self.code = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, check=False
            ).returncode
        self.seconds = time.monotonic() - begin
        self.memory_mb = int((folder / "memory.txt").read_text()) / 1024
        self.out, self.err = (folder / "out.txt").read_text("utf-8"), (folder / "err.txt").read_text("utf-8")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Damage]]:
    root = tmp_path_factory.mktemp("corpus") / "raw"
    return root, write_dataset(root)


@pytest.fixture(scope="module")
def covered(corpus: tuple[Path, dict[str, Damage]]) -> tuple[Ended, dict[str, dict[str, str]]]:
    """Return the run of `gliofill coverage`, and of each session the row of its T2w."""
    root, _ = corpus
    output = root.parent / "out"
    ended = Ended(root.parent, "coverage", str(root), str(output), "--settings", json.dumps(SETTINGS))
    with (output / paths.COVERAGE).open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if row["contrast"] == "T2w"]
    return ended, {row["participant_id"]: row for row in rows}


def test_there_are_hundreds_of_damages(corpus: tuple[Path, dict[str, Damage]]) -> None:
    assert len({damage.name for damage in corpus[1].values()}) == len(corpus[1]) > 250


def test_every_damaged_input_has_its_verdict_with_a_reason(corpus, covered) -> None:
    _, rows = covered
    wrong = []
    for session, damage in corpus[1].items():
        row = rows[session]
        told = f"{row['reason']} {row['warnings']}"
        if row["status"] != damage.status or damage.says not in told or not row["reason"]:
            wrong.append((session, damage.name, damage.status, damage.says, row["status"], told))
        # the answer to what was not foreseen must not be needed for any of these
        assert "could not be measured (" not in told
    assert not wrong


def test_the_good_sessions_keep_their_verdicts(covered) -> None:
    assert {covered[1][session]["status"] for session in GOOD} == {"ok"}


def test_damaged_inputs_cost_little_time_and_memory_and_no_traceback(corpus, covered) -> None:
    root, damages = corpus
    for ended in (covered[0], Ended(root.parent, "scan", str(root))):
        assert ended.code == 0, ended.err
        assert "Traceback" not in ended.out and not ended.err
        assert ended.memory_mb < _MOST_MB
        assert ended.seconds < _MOST_SECONDS
        # whatever a file is called, one line tells of it
        told = [line for line in ended.out.splitlines() if line.startswith("not used: ")]
        assert all(line.isprintable() for line in told)
        named = {f"not used: {session}/" for session, damage in damages.items() if damage.status == "missing"}
        assert all(any(line.startswith(start) for line in told) for start in named)
    assert not (Path.cwd() / "pwned").exists()
