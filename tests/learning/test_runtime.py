import pytest
import torch

from gliofill.errors import GliofillError
from gliofill.learning.runtime import Runtime


def test_threads_are_set_only_if_a_number_is_given() -> None:
    before = torch.get_num_threads()
    try:
        assert Runtime(device="cpu").take_device() == torch.device("cpu")
        assert torch.get_num_threads() == before
        Runtime(device="cpu", threads=2).take_device()
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_an_unknown_device_is_refused() -> None:
    with pytest.raises(GliofillError, match="device: 'tpu' is not one of auto, cpu, cuda"):
        Runtime(device="tpu").take_device()
