"""A run over many sessions does not hold more and more, and tells what failed; `make soak` takes five hundred."""

from pathlib import Path

from tests.soak.long_run import run_long


def test_a_long_run_is_bounded_readable_and_names_every_failure_in_one_command(tmp_path: Path) -> None:
    run = run_long(tmp_path, sessions=10, every_s=0.2)
    assert run.failing and run.breaking
    assert not list(run.problems())
