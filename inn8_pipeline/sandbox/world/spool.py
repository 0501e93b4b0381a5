"""Rendered records in an unnamed temporary file: two million transactions are served without being held in memory."""

import os
import tempfile
import threading
import weakref
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate


@dataclass(frozen=True, slots=True)
class Slot:
    """Where some bytes lie in the spool."""

    offset: int
    length: int


class Spool:
    """A file that only grows, and that the system removes with its last user. Many threads may read it."""

    def __init__(self) -> None:
        """Open the file in the system's temporary folder."""
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as this object)
        self._close = weakref.finalize(self, self._file.close)
        self._lock = threading.Lock()
        self._end = 0

    def write(self, *parts: bytes) -> Slot:
        """Append the parts as one piece."""
        with self._lock:
            slot = Slot(self._end, sum(map(len, parts)))
            self._file.writelines(parts)
            self._file.flush()
            self._end += slot.length
        return slot

    def read(self, slot: Slot) -> bytes:
        """Return what was written there."""
        return os.pread(self._file.fileno(), slot.length, slot.offset)

    def close(self) -> None:
        """Give the file back; twice is once."""
        self._close()


class Block:
    """Some records in a row, such as a day's; each is followed by a comma, so that any run of them is ready to send."""

    def __init__(self, spool: Spool, records: Sequence[bytes]) -> None:
        """Write the records to the spool."""
        self._spool = spool
        self._slot = spool.write(*(record + b"," for record in records))
        self._starts = array("Q", accumulate((len(record) + 1 for record in records), initial=0))

    def __len__(self) -> int:
        return len(self._starts) - 1

    def run(self, start: int, stop: int) -> bytes:
        """Return records `start` to before `stop`, with commas between them."""
        if start >= stop:
            return b""
        first = self._starts[start]
        return self._spool.read(Slot(self._slot.offset + first, self._starts[stop] - first - 1))

    def records(self) -> list[bytes]:
        """Return each record by itself."""
        whole, starts = self._spool.read(self._slot), self._starts
        return [whole[starts[place] : starts[place + 1] - 1] for place in range(len(self))]
