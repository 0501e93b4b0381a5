"""Folders for the Postgres servers of tests: in memory where the machine has enough of it.

A new database is a copy of some 400 files: it takes 0.03 seconds of CPU in memory, and 0.2 to 0.5 on a disk.
They are not in pytest's folder, which the user that runs Postgres for root cannot traverse.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MEMORY = Path("/dev/shm")  # noqa: S108 (a folder of a random name is made in it)
NEEDED_BYTES = 8 * 2**30


def new(prefix: str) -> Path:
    """Create an empty folder; the caller removes it."""
    is_usable = MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > NEEDED_BYTES
    return Path(tempfile.mkdtemp(prefix=prefix, dir=MEMORY if is_usable else None))


@contextmanager
def temporary(prefix: str) -> Iterator[Path]:
    """Yield an empty folder, removed at the end."""
    folder = new(prefix)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
