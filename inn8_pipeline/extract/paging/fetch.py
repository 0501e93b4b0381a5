"""One fetch of a collection: its pages in order, and whether they are consistent."""

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from functools import partial
from threading import Event, Lock

from inn8_pipeline.errors import RefusedRequestError
from inn8_pipeline.extract.paging.consistency import ConsistencyCheck, ConsistencyReport
from inn8_pipeline.extract.paging.page import Page
from inn8_pipeline.extract.paging.paginator import FetchedPage, PageRequest, Paginator, PagingOptions
from inn8_pipeline.extract.paging.prefetch import PagePrefetcher


class Fetch:
    """One fetch of a collection. Iterate over it once: the pages come in order, up to `pages_at_a_time` under way.

    When the iteration has ended, `is_complete` says whether the pages are consistent. If not, throw away what was
    landed of them; `finding` says why. `has_duplicates`: ids are on two pages, the same ones as in the fetch before, so
    the server does send them. The counts are those of the pages yielded so far.
    """

    def __init__(self, options: PagingOptions, read: "ReadPage", number: int = 1, known_duplicates: str = "") -> None:
        self.number = number
        self.retries = 0
        self.is_complete = False
        self.has_duplicates = False
        self.finding: str | None = None
        self.duplicates = ""
        self.cancelled = Event()
        self._options = options
        self._read = read
        self._known_duplicates = known_duplicates
        self._check = ConsistencyCheck()
        self._lock = Lock()
        self._pages = self._walk()

    @property
    def records(self) -> int:
        """Records of the pages yielded so far."""
        return self._check.records

    @property
    def bytes(self) -> int:
        """Bytes of the pages yielded so far, decompressed."""
        return self._check.bytes

    def count_retry(self) -> None:
        """Count one retry. Called by the threads that fetch."""
        with self._lock:
            self.retries += 1

    def __iter__(self) -> Iterator[Page]:
        """Return the pages, in order, once."""
        return self._pages

    def close(self) -> None:
        """Cancel what is under way; no thread is left when it returns."""
        self.cancelled.set()
        self._pages.close()

    def _walk(self) -> Generator[Page]:
        prefetcher = PagePrefetcher(partial(self._read, self), self.cancelled, self._options.pages_at_a_time)
        with closing(prefetcher):
            for fetched in self._fetched(prefetcher, Paginator(self._options)):
                self._check.add(fetched.page.body, fetched.page.records, fetched.ids, fetched.total)
                yield fetched.page
        self._conclude(self._check.report())

    def _fetched(self, prefetcher: PagePrefetcher, paginator: Paginator) -> Iterator[FetchedPage]:
        """Yield the pages in order; end early where more came than was announced, or a page is missing."""
        prefetcher.fill(paginator)
        while prefetcher.is_busy and not self._check.has_too_many():
            try:
                request, fetched = prefetcher.next()
            except RefusedRequestError as refusal:
                if not paginator.is_gone(refusal):
                    raise
                self._check.contradict("a page that was announced is not there")
                return
            contradiction = paginator.learn(request, fetched)
            if contradiction:
                self._check.contradict(contradiction)
            prefetcher.fill(paginator)
            yield fetched

    def _conclude(self, report: ConsistencyReport) -> None:
        self.duplicates = report.duplicates
        is_accepted = not report.duplicates or report.duplicates == self._known_duplicates
        self.finding = report.finding
        if self.finding is None and not is_accepted:
            self.finding = f"{report.duplicate_count} ids stood on more than one page"
        self.is_complete = self.finding is None
        self.has_duplicates = self.is_complete and bool(report.duplicates)


ReadPage = Callable[[Fetch, PageRequest], FetchedPage]
"""Fetches one page for a fetch; runs in one of its threads."""
