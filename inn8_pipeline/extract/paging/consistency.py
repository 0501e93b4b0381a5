"""Check that the pages of one fetch are consistent: announced totals, repeated pages, ids on more than one page."""

import hashlib
from array import array
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inn8_pipeline.extract.paging.page import Page, split_page
from inn8_pipeline.lazy_imports import lazy_module

if TYPE_CHECKING:
    import numpy as np
else:
    np = lazy_module("numpy")

MAX_DUPLICATES = 10
MAX_DUPLICATE_PERCENT = 1
"""The most records of a fetch that may have the id of another record: ten, or 1 % of a large collection.

More are never accepted, even if a second fetch has the same ones, because pages that overlap so much omit records.
"""


@dataclass(frozen=True, slots=True)
class ConsistencyReport:
    """The result of the checks over all pages of a fetch.

    Attributes:
        finding: How totals, links or pages contradict each other, without any value of a record; None if they do not.
        duplicates: A digest of the ids that are on more than one page; empty if there are none.
        duplicate_count: The number of these ids.

    """

    finding: str | None
    duplicates: str
    duplicate_count: int


class ConsistencyCheck:
    """Collect the ids and totals of the pages of a fetch, and check that they are consistent.

    It keeps a hash of 8 bytes for each id: 16 MB for 2 million records, and 32 MB for the final report.

    With `is_total_exact`, the announced total must equal the number of records received. `total_name` names it in
    messages.
    """

    def __init__(self, *, is_total_exact: bool = True, total_name: str = "X-Total-Count") -> None:
        self.records = 0
        self.bytes = 0
        self._is_total_exact = is_total_exact
        self._total_name = total_name
        self._hashes = array("q")
        self._page_numbers: dict[int, int] = {}
        self._repeated_on_a_page = 0
        self._totals: set[int] = set()
        self._page_totals: set[int] = set()
        self._finding: str | None = None
        self._must_stop = False

    def add(self, page: Page, ids: Collection[str], total: int | None, pages: int | None = None) -> None:
        """Add one page, with the announced numbers of records and of pages.

        An id that is twice on one page is no fault of paging by itself, but it counts towards the bound on duplicates.
        """
        self.records += page.records
        self.bytes += len(page.body)
        hashes = frozenset(map(hash, ids))
        self._hashes.extend(hashes)
        self._repeated_on_a_page += len(ids) - len(hashes)
        if total is not None:
            self._totals.add(total)
        if pages is not None and page.records:
            self._page_totals.add(pages)
        if page.records:
            self._note_page(page, _fingerprint(page, hashes, page.records - len(ids)))

    @property
    def announced(self) -> int | None:
        """The total that all pages so far have announced; None if they announced none or different ones."""
        return next(iter(self._totals)) if len(self._totals) == 1 else None

    def contradict(self, finding: str, *, must_stop: bool = False) -> None:
        """Record that the links of the pages contradict each other, or that something else is wrong with them."""
        self._finding = self._finding or finding
        self._must_stop = self._must_stop or must_stop

    @property
    def has_finding(self) -> bool:
        """True if something is wrong with the pages so far."""
        return self._finding is not None

    def must_stop(self) -> bool:
        """Return True if the fetch has already failed, for instance because a page was repeated."""
        has_too_many = self._is_total_exact and bool(self._totals) and self.records > max(self._totals)
        return self._must_stop or has_too_many

    def report(self) -> ConsistencyReport:
        """Return the result of the checks over all pages that were added."""
        count, extra, digest = self._duplicates()
        finding = self._finding or self._contradiction() or self._overlap(extra + self._repeated_on_a_page)
        return ConsistencyReport(finding, digest, count)

    def total_mismatch(self) -> str | None:
        """Return how the announced totals differ from each other or from the records received, or None."""
        for totals in (self._totals, self._page_totals):
            if len(totals) > 1:
                return f"{self._total_name} was {min(totals)} on one page and {max(totals)} on another"
        if self._totals and self.records not in self._totals:
            return f"{self._total_name} was {min(self._totals)}, and {self.records} records came"
        return None

    @property
    def is_total_wrong(self) -> bool:
        """True if all pages announced the same total, and another number of records came."""
        return len(self._totals) == 1 and self.records not in self._totals

    def _contradiction(self) -> str | None:
        return self.total_mismatch() if self._is_total_exact else None

    def _note_page(self, page: Page, fingerprint: int) -> None:
        """Compare a page with the previous ones."""
        first = self._page_numbers.setdefault(fingerprint, page.number)
        if first != page.number:
            self.contradict(f"page {page.number} has the same records as page {first}", must_stop=True)

    def _overlap(self, extra: int) -> str | None:
        if extra <= max(MAX_DUPLICATES, self.records * MAX_DUPLICATE_PERCENT // 100):
            return None
        return f"{extra} of {self.records} records have the id of another record"

    def _duplicates(self) -> tuple[int, int, str]:
        """Return how many ids are on several pages, how many of their records are surplus, and a digest of the ids."""
        if len(self._page_numbers) <= 1:
            return 0, 0, ""
        hashes = np.frombuffer(self._hashes, dtype=np.int64)
        hashes.sort()
        extra = hashes[1:][hashes[1:] == hashes[:-1]]
        repeated = np.unique(extra)
        digest = hashlib.sha256(repeated.tobytes()).hexdigest() if len(repeated) else ""
        return len(repeated), len(extra), digest


def _fingerprint(page: Page, ids: frozenset[int], unreadable: int) -> int:
    """Return a hash that pages with the same records share, whatever their order.

    Records without a readable id are counted, because a server that repeats a page may change their bytes. If no id can
    be read, the records themselves are compared.
    """
    return hash((ids, unreadable)) if ids else hash(tuple(sorted(split_page(page.body))))
