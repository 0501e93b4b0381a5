"""A temporary file of rendered records, so that two million transactions are served without being held in memory."""

import os
import tempfile
import threading
import weakref
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate


@dataclass(frozen=True, slots=True)
class Extent:
    """The position of some bytes in a record file."""

    offset: int
    length: int


class RecordFile:
    """An unnamed temporary file that is only appended to. Thread-safe; the system removes it when it is closed."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as this object)
        self._close = weakref.finalize(self, self._file.close)
        self._lock = threading.Lock()
        self._end = 0

    def write(self, *parts: bytes) -> Extent:
        """Append the parts and return where they are."""
        with self._lock:
            extent = Extent(self._end, sum(map(len, parts)))
            self._file.writelines(parts)
            self._file.flush()
            self._end += extent.length
        return extent

    def read(self, extent: Extent) -> bytes:
        """Return what was written there."""
        return os.pread(self._file.fileno(), extent.length, extent.offset)

    def close(self) -> None:
        """Close the file. Closing it again does nothing."""
        self._close()


class Block:
    """Consecutive records, such as those of a day. Each is followed by a comma, so any range of them can be sent."""

    def __init__(self, file: RecordFile, records: Sequence[bytes]) -> None:
        self._file = file
        self._extent = file.write(*(record + b"," for record in records))
        self._starts = array("Q", accumulate((len(record) + 1 for record in records), initial=0))

    def __len__(self) -> int:
        return len(self._starts) - 1

    def between(self, start: int, stop: int) -> bytes:
        """Return the records from `start` to before `stop`, separated by commas."""
        if start >= stop:
            return b""
        first = self._starts[start]
        return self._file.read(Extent(self._extent.offset + first, self._starts[stop] - first - 1))

    def records(self) -> list[bytes]:
        """Return the records as a list."""
        whole, starts = self._file.read(self._extent), self._starts
        return [whole[starts[index] : starts[index + 1] - 1] for index in range(len(self))]
