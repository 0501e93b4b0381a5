"""Let the C library keep less memory that was freed."""

import ctypes
import sys
from typing import Final

_M_ARENA_MAX: Final = -8
"""The option's number in glibc's `malloc.h`."""
ARENAS: Final = 2


def limit_arenas() -> None:
    """Let all threads allocate from two heaps, if the C library is glibc; otherwise do nothing.

    By default each thread gets a heap of its own, up to eight for each core, and keeps what was freed in it: the eight
    threads that fetch pages kept 20 MB that the merge needed again. Call it before the threads start.
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None)
    if hasattr(libc, "gnu_get_libc_version"):
        libc.mallopt(_M_ARENA_MAX, ARENAS)
