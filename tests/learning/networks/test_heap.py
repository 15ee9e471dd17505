import resource
import subprocess
import sys

# asks for, fills and frees an array of 64 MB twenty times, and prints how many pages the system had to bring
PROGRAM = """
import resource, sys
import torch
from gliofill.learning.networks.heap import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    torch.zeros(16_000_000).add_(1)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def test_what_is_freed_is_not_brought_again() -> None:
    pages = {
        word: int(
            subprocess.run([sys.executable, "-c", PROGRAM, word], capture_output=True, text=True, check=True).stdout
        )
        for word in ("keep", "hand back")
    }
    assert pages["hand back"] > 10 * (64_000_000 // resource.getpagesize())
    assert pages["keep"] < pages["hand back"] / 3
