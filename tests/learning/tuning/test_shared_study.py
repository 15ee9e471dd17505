import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import IntDistribution
from optuna.trial import FrozenTrial, TrialState

from gliofill.errors import GliofillError
from gliofill.learning.tuning.journal import JOURNAL
from gliofill.learning.tuning.shared_study import MOST_ATTEMPTS, Claim, SharedStudy

#: a process that takes trials until none is left, and tells on standard output which it begins
WORKER = f"""
import sys, time
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_shared_study import study

shared = study(Path(sys.argv[1]))
while not shared.is_over(int(sys.argv[2])):
    claim = shared.claim(int(sys.argv[2]))
    if claim is None:
        time.sleep(0.01)
        continue
    print(claim.number, flush=True)
    claim.report(1, claim.number / 10)
    time.sleep(float(sys.argv[3]))
    claim.report(2, claim.number)
    claim.complete()
"""


def count_up(trials: Sequence[FrozenTrial]) -> dict[str, Any]:
    return {"x": len(trials)}


def study(folder: Path, **settings: Any) -> SharedStudy:
    return SharedStudy(
        folder, "counting", **{"distributions": {"x": IntDistribution(0, 99)}, "propose": count_up, **settings}
    )


def taken(shared: SharedStudy, total: int = 9) -> Claim:
    claim = shared.claim(total)
    assert claim is not None
    return claim


def states(shared: SharedStudy) -> list[TrialState]:
    return [trial.state for trial in shared.trials(99)]


@pytest.fixture
def start() -> Iterator[Any]:
    """Give a function that starts a worker: folder, total, seconds of a trial."""
    workers: list[subprocess.Popen[str]] = []

    def start(folder: Path, total: int, seconds: float) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", WORKER, str(folder), str(total), str(seconds)]
        workers.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        return workers[-1]

    yield start
    for worker in workers:
        worker.kill()
        worker.communicate()


@pytest.mark.slow
def test_two_processes_run_every_trial_once(tmp_path: Path, start: Any) -> None:
    workers = [start(tmp_path, 20, 0.02) for _ in range(2)]
    begun = [worker.communicate(timeout=60)[0].split() for worker in workers]
    assert all(begun)
    assert sorted(int(number) for numbers in begun for number in numbers) == list(range(20))
    found = study(tmp_path).trials(99)
    assert [(trial.state, trial.params["x"], trial.value) for trial in found] == [
        (TrialState.COMPLETE, number, number) for number in range(20)
    ]


@pytest.mark.slow
def test_the_trial_of_a_killed_process_is_run_again_and_the_total_is_exact(tmp_path: Path, start: Any) -> None:
    victim = start(tmp_path, 3, 60)
    assert victim.stdout.readline() == "0\n"
    shared = study(tmp_path)
    assert taken(shared).number == 1  # the victim has trial 0
    deadline = time.monotonic() + 30
    while not shared.trials(1)[0].intermediate_values and time.monotonic() < deadline:
        time.sleep(0.01)
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    again = taken(shared)
    assert (again.number, again.parameters, again.values, again.attempts) == (0, {"x": 0}, {1: 0.0}, 2)
    again.complete()
    survivor = start(tmp_path, 3, 0)
    # trial 1 was given up above, when its claim was forgotten
    assert sorted(survivor.communicate(timeout=60)[0].split()) == ["1", "2"]
    assert states(shared) == [TrialState.COMPLETE] * 3


def test_a_trial_is_taken_by_one_claim_at_a_time(tmp_path: Path) -> None:
    one, other = study(tmp_path), study(tmp_path)
    claims = [taken(one), taken(other), taken(one)]
    assert [claim.number for claim in claims] == [0, 1, 2]
    assert other.claim(3) is None
    assert not other.is_over(3)
    for claim in claims:
        claim.report(0, 0.5)
        claim.complete()
    assert other.is_over(3) and other.claim(3) is None
    assert not other.is_over(4)


def test_two_studies_share_a_folder(tmp_path: Path) -> None:
    claims = [
        taken(SharedStudy(tmp_path, name, distributions={"x": IntDistribution(0, 9)}, propose=count_up))
        for name in ("first", "second")
    ]
    assert [claim.number for claim in claims] == [0, 0]


def test_a_complete_trial_has_the_best_value_on_the_way(tmp_path: Path) -> None:
    claim = taken(study(tmp_path))
    for step, value in enumerate((0.1, 0.7, 0.4)):
        assert not claim.report(step, value)
    claim.complete()
    assert study(tmp_path).trials(9)[0].value == 0.7


def test_a_trial_that_was_given_back_goes_on_with_what_was_reported(tmp_path: Path) -> None:
    shared = study(tmp_path)
    claim = taken(shared)
    claim.report(10, 0.5)
    claim.note(seconds=3.5)
    claim.give_back()
    again = taken(study(tmp_path))
    assert (again.number, again.values, again.notes["seconds"], again.attempts) == (0, {10: 0.5}, 3.5, 1)
    again.report(10, 0.4)  # the same step again, from a saved state that was older: the first one counts
    again.report(20, 0.3)
    again.complete()
    assert shared.trials(9)[0].value == 0.5


def test_a_trial_that_kills_its_processes_is_given_up(tmp_path: Path) -> None:
    shared = study(tmp_path)
    for _ in range(MOST_ATTEMPTS):
        claim = taken(shared, 1)
        claim.lease.release()  # as the operating system does when a process dies
    assert shared.claim(1) is None
    assert shared.is_over(1)
    assert shared.trials(1)[0].user_attrs["reason"] == "3 processes died on it"


def test_a_trial_below_the_median_is_not_worth_going_on_with(tmp_path: Path) -> None:
    shared = study(tmp_path, pruner=optuna.pruners.MedianPruner(n_startup_trials=2, n_warmup_steps=2))
    for value in (0.5, 0.7):
        claim = taken(shared)
        claim.report(1, value)
        claim.report(2, value)
        claim.complete()
    claim = taken(shared)
    assert [claim.report(1, 0.4), claim.report(2, 0.59)] == [False, True]
    claim.prune()
    assert states(shared)[2] == TrialState.PRUNED


def test_another_plan_is_refused_with_what_changed(tmp_path: Path) -> None:
    study(tmp_path).agree({"seed": 0, "task": "one"})
    study(tmp_path).agree({"seed": 0, "task": "one"})
    with pytest.raises(
        GliofillError, match=r"holds trials of another study \(seed was 0 and is 1; new was None and is"
    ):
        study(tmp_path).agree({"seed": 1, "task": "one", "new": 2})


def test_a_line_that_was_not_finished_spoils_nothing(tmp_path: Path) -> None:
    shared = study(tmp_path)
    claim = taken(shared)
    with (tmp_path / JOURNAL).open("a") as file:
        file.write('{"op_code": 5, "worker')
    claim.report(0, 0.5)
    claim.complete()
    assert study(tmp_path).trials(9)[0].value == 0.5
    lines = (tmp_path / JOURNAL).read_text().splitlines()
    assert all(isinstance(json.loads(line), dict) for line in lines)


def test_a_file_that_is_no_journal_is_told(tmp_path: Path) -> None:
    (tmp_path / JOURNAL).write_text("something else\nand more\n")
    with pytest.raises(GliofillError, match=r"journal\.log: is not an Optuna journal") as caught:
        study(tmp_path)
    assert "\n" not in str(caught.value)


def test_threads_of_one_process_take_different_trials(tmp_path: Path) -> None:
    claims: list[Claim] = []
    threads = [threading.Thread(target=lambda: claims.append(taken(study(tmp_path)))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claim.number for claim in claims) == [0, 1, 2, 3]


def test_the_journal_can_be_read_with_the_lock_of_optuna(tmp_path: Path) -> None:
    claim = taken(study(tmp_path))
    claim.report(0, 0.5)
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(tmp_path / JOURNAL)))
    seen = optuna.load_study(study_name="counting", storage=storage)
    seen.set_user_attr("note", "as a dashboard does")
    claim.complete()
    assert [trial.value for trial in seen.trials] == [0.5]
