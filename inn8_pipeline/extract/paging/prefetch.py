"""Fetch pages in threads before they are needed: a bounded number at a time, with the results in order."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from threading import Event

from inn8_pipeline.errors import CircuitOpenError
from inn8_pipeline.extract.paging.paginator import FetchedPage, PageRequest, Paginator


class PagePrefetcher:
    """Threads that fetch pages before they are needed, at most `pages_at_a_time` at a time. Results are in order.

    Args:
        read: A function that fetches one page, called in one of the threads. It must end soon after `cancelled` is set.
        cancelled: Set when the prefetcher is closed.
        pages_at_a_time: How many pages may be fetched at the same time.

    """

    def __init__(self, read: Callable[[PageRequest], FetchedPage], cancelled: Event, pages_at_a_time: int) -> None:
        self._read = read
        self._cancelled = cancelled
        self._size = pages_at_a_time
        self._pool = ThreadPoolExecutor(pages_at_a_time, thread_name_prefix="inn8-page")
        self._under_way: deque[tuple[PageRequest, Future[FetchedPage]]] = deque()

    @property
    def is_busy(self) -> bool:
        """True while a page is being fetched."""
        return bool(self._under_way)

    def fill(self, paginator: Paginator) -> None:
        """Start to fetch the next known pages, as many as are allowed at the same time."""
        while len(self._under_way) < self._size and (request := paginator.next()):
            self._under_way.append((request, self._pool.submit(self._read, request)))

    def next(self) -> tuple[PageRequest, FetchedPage]:
        """Wait for the oldest page and return it. If any page fails, raise its error at once."""
        while True:
            pending = [future for _, future in self._under_way if not future.done()]
            self._raise_failure()
            if self._under_way[0][1] not in pending:
                request, future = self._under_way.popleft()
                return request, future.result()
            wait(pending, return_when=FIRST_COMPLETED)

    def close(self) -> None:
        """Cancel the requests in progress and wait until the threads have ended."""
        self._cancelled.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _raise_failure(self) -> None:
        """Raise the error of a failed page. Other errors precede an open circuit, which is their consequence."""
        failures = [error for _, future in self._under_way if future.done() and (error := future.exception())]
        for error in sorted(failures, key=lambda each: isinstance(each, CircuitOpenError)):
            raise error
