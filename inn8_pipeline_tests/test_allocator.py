"""The threads of a sync share two arenas of glibc's malloc, instead of keeping what was freed in one each."""

import ctypes
import subprocess
import sys
from pathlib import Path

import pytest

COUNT_HEAPS = """
import ctypes, sys, threading
if sys.argv[2:]:
    import inn8_pipeline.sync
barrier = threading.Barrier(8)
def allocate():
    kept = bytearray(100_000)
    barrier.wait()
threads = [threading.Thread(target=allocate) for _ in range(8)]
for each in threads: each.start()
for each in threads: each.join()
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
stream = ctypes.c_void_p(libc.fopen(sys.argv[1].encode(), b"w"))
libc.malloc_info(0, stream)
libc.fclose(stream)
"""


def heaps(folder: Path, *arguments: str) -> int:
    written = folder / "malloc.xml"
    subprocess.run([sys.executable, "-c", COUNT_HEAPS, str(written), *arguments], check=True)
    return written.read_text().count("<heap nr=")


@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "gnu_get_libc_version"), reason="not glibc"
)
def test_a_sync_has_two_heaps_however_many_threads_it_has(tmp_path: Path) -> None:
    assert heaps(tmp_path) > 2
    assert heaps(tmp_path, "with the pipeline") == 2
