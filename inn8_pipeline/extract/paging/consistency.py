"""Whether the pages of a fetch are of one piece: the totals that they name, and the ids that stand on two of them.

Here belongs the evidence that a collection did not change while it was paged. What follows from it is `fetch`'s.
"""

import hashlib
from array import array
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ConsistencyReport:
    """What the pages say together. `finding` names a contradiction of totals or links (no record's value) or is None.

    `duplicates` is a digest of the ids that stand on more than one page, and empty if there is none.
    """

    finding: str | None
    duplicates: str
    duplicate_count: int


class ConsistencyCheck:
    """Counts pages as they come. Of an id it keeps 8 bytes: two million records cost 16 MB, twice that at the end."""

    def __init__(self) -> None:
        self.records = 0
        self.bytes = 0
        self._hashes = array("q")
        self._totals: set[int] = set()
        self._finding: str | None = None

    def add(self, body: bytes, records: int, ids: Iterable[str], total: int | None) -> None:
        """Count one page. An id that stands on it twice is a plain duplicate, and not the paging's doing."""
        self.records += records
        self.bytes += len(body)
        self._hashes.extend({hash(each) for each in ids})
        if total is not None:
            self._totals.add(total)

    def contradict(self, finding: str) -> None:
        """Note that the pages' links contradict each other."""
        self._finding = self._finding or finding

    def is_over(self) -> bool:
        """Whether more records came than any page announced: a reason to stop early."""
        return bool(self._totals) and self.records > max(self._totals)

    def report(self) -> ConsistencyReport:
        """The verdict over all pages that were added."""
        count, digest = self._duplicates()
        return ConsistencyReport(self._finding or self._contradiction(), digest, count)

    def _contradiction(self) -> str | None:
        if len(self._totals) > 1:
            return f"X-Total-Count was {min(self._totals)} on one page and {max(self._totals)} on another"
        if self._totals and self.records not in self._totals:
            return f"X-Total-Count was {min(self._totals)}, and {self.records} records came"
        return None

    def _duplicates(self) -> tuple[int, str]:
        import numpy as np  # noqa: PLC0415 (a heavy import; the definitions must load quickly)

        hashes = np.frombuffer(self._hashes, dtype=np.int64) if self._hashes else np.empty(0, dtype=np.int64)
        hashes.sort()
        repeated = np.unique(hashes[1:][hashes[1:] == hashes[:-1]])
        return len(repeated), hashlib.sha256(repeated.tobytes()).hexdigest() if len(repeated) else ""
