"""Limit the arenas of glibc's malloc, so that less freed memory stays with the process."""

import ctypes
import os
import sys
from typing import Final

_M_ARENA_MAX: Final = -8
"""The option's number in glibc's `malloc.h`."""
ARENAS: Final = 2
_OWN_SETTING: Final = "MALLOC_ARENA_MAX"


def limit_arenas() -> None:
    """Let the threads that start later share two arenas, if the C library is glibc and MALLOC_ARENA_MAX is not set.

    By default each thread gets an arena, up to eight for each core, and what it frees stays there: the eight threads
    that fetch pages kept 20 MB that the merge needed again.
    """
    if sys.platform != "linux" or _OWN_SETTING in os.environ:
        return
    libc = ctypes.CDLL(None)
    if hasattr(libc, "gnu_get_libc_version"):
        libc.mallopt(_M_ARENA_MAX, ARENAS)
