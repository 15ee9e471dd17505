"""What a log shows of a long training, and how it hears that it should stop."""

import os
import signal
import threading

import pytest

from gliofill.run import progress
from gliofill.run.progress import show_progress, stop_requests


def test_a_log_gets_the_last_iteration_and_now_and_then_another(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    with show_progress("lesion", 4, start=1, log=lines.append) as advance:
        for loss in (0.5, 0.25, 0.125):
            advance({"l1": loss})
    (line,) = lines
    assert line.startswith("lesion: 4 of 4  l1 0.125  ") and line.endswith("0 min left")
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    with show_progress("lesion", 4, start=1, log=lines.append) as advance:
        advance({"l1": 0.5})
    assert lines[1].startswith("lesion: 2 of 4  l1 0.500  ")


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_a_request_that_ends_nothing(sign: signal.Signals) -> None:
    before = signal.getsignal(sign)
    with stop_requests() as received:
        assert received == []
        os.kill(os.getpid(), sign)
        assert received == [sign]
    assert signal.getsignal(sign) is before


def test_beside_the_main_thread_signals_are_left_alone() -> None:
    found: list[object] = []

    def work() -> None:
        with stop_requests() as received:
            found.append((received, signal.getsignal(signal.SIGTERM)))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [([], before)]
