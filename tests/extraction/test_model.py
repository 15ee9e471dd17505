import pytest

from gliofill.extraction.model import EMBEDDED

pytestmark = pytest.mark.slow


def test_the_embedded_weights_are_small():
    assert sum(path.stat().st_size for path in EMBEDDED.iterdir()) < 10e6
