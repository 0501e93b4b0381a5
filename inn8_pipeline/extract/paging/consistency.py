"""Check that the pages of one fetch are consistent: the totals that they announce, and ids on more than one page."""

import hashlib
from array import array
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class ConsistencyReport:
    """What the pages say together.

    Attributes:
        finding: A contradiction of totals or links, without any value of a record, or None.
        duplicates: A digest of the ids that are on more than one page; empty if there are none.
        duplicate_count: How many such ids there are.

    """

    finding: str | None
    duplicates: str
    duplicate_count: int


class ConsistencyCheck:
    """Count pages as they come. It keeps 8 bytes of each id: 2 million records cost 16 MB, and 32 MB at the end."""

    def __init__(self) -> None:
        self.records = 0
        self.bytes = 0
        self._hashes = array("q")
        self._totals: set[int] = set()
        self._finding: str | None = None

    def add(self, body: bytes, records: int, ids: Iterable[str], total: int | None) -> None:
        """Count one page. An id that is on it twice is an ordinary duplicate, which paging does not explain."""
        self.records += records
        self.bytes += len(body)
        self._hashes.extend({hash(each) for each in ids})
        if total is not None:
            self._totals.add(total)

    def contradict(self, finding: str) -> None:
        """Note that the links of the pages contradict each other."""
        self._finding = self._finding or finding

    def has_too_many(self) -> bool:
        """Return whether more records came than any page announced: a reason to stop early."""
        return bool(self._totals) and self.records > max(self._totals)

    def report(self) -> ConsistencyReport:
        """Return what all pages that were added say together."""
        count, digest = self._duplicates()
        return ConsistencyReport(self._finding or self._contradiction(), digest, count)

    def _contradiction(self) -> str | None:
        if len(self._totals) > 1:
            return f"X-Total-Count was {min(self._totals)} on one page and {max(self._totals)} on another"
        if self._totals and self.records not in self._totals:
            return f"X-Total-Count was {min(self._totals)}, and {self.records} records came"
        return None

    def _duplicates(self) -> tuple[int, str]:
        hashes = np.frombuffer(self._hashes, dtype=np.int64) if self._hashes else np.empty(0, dtype=np.int64)
        hashes.sort()
        repeated = np.unique(hashes[1:][hashes[1:] == hashes[:-1]])
        return len(repeated), hashlib.sha256(repeated.tobytes()).hexdigest() if len(repeated) else ""
