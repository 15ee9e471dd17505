"""Memory that a training step frees stays with the process: the next step needs the same again."""

import ctypes
import sys

# of the GNU C library, malloc.h
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
_NEVER = 2**31 - 1


def keep_freed_memory() -> bool:
    """Keep what is freed, instead of handing every large array back and having it cleared page by page again.

    Returns
    -------
    bool
        False where the C library has no such setting; nothing is changed there.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(_M_MMAP_MAX, 0)) and bool(mallopt(_M_TRIM_THRESHOLD, _NEVER))
