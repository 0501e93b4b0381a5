"""The way through a collection's pages: in order, several under way, each followed only where the server may lead us.

Here belong the threads and the verdict over all pages. Which page is next is `guide`'s; how one is read is handed in.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing
from threading import Event, Lock

from inn8_pipeline.errors import CircuitOpenError, RefusedRequestError
from inn8_pipeline.extract.paging.consistency import ConsistencyCheck, ConsistencyReport
from inn8_pipeline.extract.paging.page import Page
from inn8_pipeline.extract.paging.paginator import FetchedPage, PageRequest, Paginator, PagingOptions


class Fetch:
    """One fetch of a collection. Iterate over it once: the pages come in order, up to `pages_at_a_time` under way.

    When the iteration has ended, `is_complete` tells whether the pages are of one piece; if not, what was landed of
    them must be thrown away, and `finding` says why. `has_duplicates`: ids stand on two pages, and did so in the fetch
    before: the server sends them. The counts are those of the pages yielded so far.
    """

    def __init__(self, route: PagingOptions, read: "ReadPage", number: int = 1, known_duplicates: str = "") -> None:
        self.number = number
        self.retries = 0
        self.is_complete = False
        self.has_duplicates = False
        self.finding: str | None = None
        self.duplicates = ""
        self.cancelled = Event()
        self._route = route
        self._read = read
        self._known_duplicates = known_duplicates
        self._tally = ConsistencyCheck()
        self._lock = Lock()
        self._pages = self._walk()

    @property
    def records(self) -> int:
        """Records of the pages yielded so far."""
        return self._tally.records

    @property
    def bytes(self) -> int:
        """Bytes of the pages yielded so far, decompressed."""
        return self._tally.bytes

    def count_retry(self) -> None:
        """Count one retry; called by the threads that fetch."""
        with self._lock:
            self.retries += 1

    def __iter__(self) -> Iterator[Page]:
        """The pages, in order, once."""
        return self._pages

    def close(self) -> None:
        """Give up what is under way; no thread is left when it returns."""
        self.cancelled.set()
        self._pages.close()

    def _walk(self) -> Generator[Page]:
        with closing(PagePrefetcher(self, self._read, self._route.pages_at_a_time)) as crew:
            guide = Paginator(self._route)
            for answer in self._answers(crew, guide):
                self._tally.add(answer.page.body, answer.page.records, answer.ids, answer.total)
                yield answer.page
        self._conclude(self._tally.report())

    def _answers(self, crew: "PagePrefetcher", guide: "Paginator") -> Iterator[FetchedPage]:
        """The answers in order; it ends early where more came than was announced, or a page is missing."""
        crew.fill(guide)
        while crew.is_busy and not self._tally.is_over():
            try:
                place, answer = crew.next()
            except RefusedRequestError as refusal:
                if not guide.is_gone(refusal):
                    raise
                self._tally.contradict("a page that was announced is not there")
                return
            contradiction = guide.learn(place, answer)
            if contradiction:
                self._tally.contradict(contradiction)
            crew.fill(guide)
            yield answer

    def _conclude(self, verdict: ConsistencyReport) -> None:
        self.duplicates = verdict.duplicates
        is_accepted = not verdict.duplicates or verdict.duplicates == self._known_duplicates
        self.finding = verdict.finding
        if self.finding is None and not is_accepted:
            self.finding = f"{verdict.duplicate_count} ids stood on more than one page"
        self.is_complete = self.finding is None
        self.has_duplicates = self.is_complete and bool(verdict.duplicates)


class PagePrefetcher:
    """Threads that fetch pages ahead of who consumes them: never more than so many, answers in order."""

    def __init__(self, fetch: Fetch, read: "ReadPage", size: int) -> None:
        self._fetch = fetch
        self._read = read
        self._size = size
        self._pool = ThreadPoolExecutor(size, thread_name_prefix="inn8-page")
        self._under_way: deque[tuple[PageRequest, Future[FetchedPage]]] = deque()

    @property
    def is_busy(self) -> bool:
        """Whether a page is under way."""
        return bool(self._under_way)

    def fill(self, guide: Paginator) -> None:
        """Ask for the pages that are known, as many as may be under way."""
        while len(self._under_way) < self._size and (place := guide.next()):
            self._under_way.append((place, self._pool.submit(self._read, self._fetch, place.url, place.number)))

    def next(self) -> tuple[PageRequest, FetchedPage]:
        """The oldest page under way, once it is there. Raises what the fetch of any of them raised, without delay."""
        while True:
            pending = [future for _, future in self._under_way if not future.done()]
            self._raise_failure()
            if self._under_way[0][1] not in pending:
                place, future = self._under_way.popleft()
                return place, future.result()
            wait(pending, return_when=FIRST_COMPLETED)

    def close(self) -> None:
        """Cancel what is under way and wait for the threads to notice."""
        self._fetch.cancelled.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _raise_failure(self) -> None:
        """Raise what a page failed with; an open circuit only if nothing else failed: it is a consequence."""
        failures = [error for _, future in self._under_way if future.done() and (error := future.exception())]
        for error in sorted(failures, key=lambda each: isinstance(each, CircuitOpenError)):
            raise error


ReadPage = Callable[[Fetch, str, int], FetchedPage]
"""Fetches one page for a fetch: by its address and number; runs in one of the fetch's threads."""
