import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from gliofill.errors import GliofillError
from gliofill.learning.networks import gpu
from gliofill.learning.networks.gpu import lease
from gliofill.learning.networks.inference import select_device

#: a process that takes a GPU among two and keeps it until its input ends
TAKE = (
    "import sys\nfrom gliofill.learning.networks.gpu import take_gpu\n"
    "print(take_gpu(2), take_gpu(2), flush=True)\nsys.stdin.read()"
)


@pytest.fixture
def begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    begun: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        begun.append(
            subprocess.Popen([sys.executable, "-c", TAKE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        )
        return begun[-1]

    yield start
    for process in begun:
        process.kill()
        process.communicate()


def answer(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_processes_take_different_gpus_and_a_killed_one_leaves_its_own(
    begin: Callable[[], subprocess.Popen[str]],
) -> None:
    processes = [begin(), begin()]
    taken = [answer(process) for process in processes]
    assert sorted(taken) == ["0 0", "1 1"]
    processes[0].kill()
    processes[0].wait()
    assert answer(begin()) == taken[0]


def test_gpus_are_shared_evenly_when_there_are_more_processes(tmp_path: Path) -> None:
    held = [lease(["0", "1"], tmp_path) for _ in range(5)]
    assert [index for index, _ in held] == [0, 1, 0, 1, 0]
    held[1][1].release()
    assert lease(["0", "1"], tmp_path)[0] == 1


def test_folder_without_locks_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(GliofillError, match="set TMPDIR"):
        lease(["0", "1"], tmp_path / "file" / "below")


def test_two_gpus_named_by_the_user_are_told_apart_by_these_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3")
    folder = tmp_path / f"gliofill-gpus-{gpu.getpass.getuser()}"
    other = lease(["2"], folder)  # a process that sees the GPU as its only one of two others
    gpu.take_gpu.cache_clear()
    try:
        assert gpu.take_gpu(2) == 1
    finally:
        gpu.take_gpu.cache_clear()
        gpu._HELD.pop().release()
        other[1].release()


@pytest.mark.parametrize("name", ["auto", "cuda"])
def test_device_is_the_gpu_that_was_taken(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    current = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", current.append)
    monkeypatch.setattr("gliofill.learning.networks.inference.take_gpu", lambda visible: visible - 1)
    assert select_device(name) == torch.device("cuda:1")
    assert current == [torch.device("cuda:1")]
