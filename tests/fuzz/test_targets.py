"""Whatever bytes a file has, its reader gives a result or one clear line; `make fuzz` looks longer."""

import random
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fuzz.targets import TARGETS, seeds

_SEEDS = [(name, seed) for name, found in seeds().items() for seed in found]
_IDS = [f"{name} {number}" for number, (name, _) in enumerate(_SEEDS)]


def read(name: str, data: bytes) -> None:
    begin = time.process_time()  # other work on the machine does not count
    TARGETS[name](data)
    assert time.process_time() - begin < 2


@pytest.mark.parametrize(("name", "seed"), _SEEDS, ids=_IDS)
def test_known_input_is_read_or_refused(name: str, seed: bytes) -> None:
    read(name, seed)


@pytest.mark.parametrize("name", TARGETS)
@given(data=st.binary(max_size=600))
@settings(max_examples=60, deadline=None)
def test_any_bytes_are_read_or_refused_in_time(name: str, data: bytes) -> None:
    read(name, data)


@pytest.mark.parametrize("name", TARGETS)
@given(choice=st.integers(0, 9), changes=st.lists(st.tuples(st.integers(0, 2**32), st.binary(max_size=8)), max_size=4))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_damaged_input_is_read_or_refused_in_time(name: str, choice: int, changes: list[tuple[int, bytes]]) -> None:
    known = seeds()[name]
    data = bytearray(known[choice % len(known)])
    for place, value in changes:
        # the first hundreds of bytes hold the header: most changes fall there
        start = place % min(len(data) + 1, random.Random(place).choice((400, 1 << 20)))
        data[start : start + len(value)] = value
    read(name, bytes(data))
