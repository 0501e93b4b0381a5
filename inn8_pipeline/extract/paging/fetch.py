"""One fetch of a collection: its pages in order, and whether they are consistent."""

from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from functools import partial
from threading import Event, Lock

from inn8_pipeline.errors import ContractError, RefusedRequestError
from inn8_pipeline.extract.http.conditional import HEADERS, KnownPages, ValidatedPage, with_ends
from inn8_pipeline.extract.http.seen_responses import SeenResponse, SeenResponses
from inn8_pipeline.extract.paging.consistency import ConsistencyCheck, ConsistencyReport
from inn8_pipeline.extract.paging.end_check import EndCheck
from inn8_pipeline.extract.paging.page import Page
from inn8_pipeline.extract.paging.paginator import FetchedPage, PageRequest, Paginator, PagingOptions
from inn8_pipeline.extract.paging.prefetch import PagePrefetcher
from inn8_pipeline.extract.paging.styles import paginator_of
from inn8_pipeline.extract.timing import PageTiming

WRONG_VALIDATOR = (
    "So INN8 may have answered 304 for pages that had changed, and ticks of the last 24 hours may have missed changes. "
    "The collection is fetched again in full, and nothing is asked for conditionally for a day. Set "
    '`paging.conditional = "no"` in the contract file'
)


MAX_KEPT_BYTES = 64 * 1024 * 1024
"""How much of the responses, as they were sent, is kept in memory at most because they are the same as before."""


class Fetch:
    """One fetch of a collection. Iterate over it once to get its pages in order.

    Up to `pages_at_a_time` pages are fetched at the same time.

    Attributes:
        is_complete: Whether all pages were fetched and are consistent. Read it after the last page; if it is False,
            discard the landing.
        finding: Why the fetch is not complete; None if it is.
        has_duplicates: Whether ids on two pages were accepted, because the previous fetch had the same ones.
        known_pages: The pages of the fetch before, for conditional requests; None if none may be made or prepared.
        unchanged_pages: How many pages INN8 answered with 304.
        unproven_end: Why more pages may follow the last one, as a sentence about page 1; None if it is the last one.
        seen_before: The responses of the last fetch; None if nothing is to be compared with them. Set it before the
            first page is read.
        is_repeat: Whether each response was the same as in the last fetch. Then no page is yielded.
        on_progress: Called after each page, with the number of records so far and the announced total.
        on_page_timing: Called after each page, whether it came or failed, in the thread that requested it. Set it
            before the first page is read.

    """

    def __init__(  # noqa: PLR0913 (all but three are optional, and by name)
        self,
        options: PagingOptions,
        read: "ReadPage",
        warn: Callable[[str], None],
        *,
        number: int = 1,
        known_duplicates: str = "",
        known_pages: KnownPages | None = None,
    ) -> None:
        self.number = number
        self.retries = 0
        self.is_complete = False
        self.has_duplicates = False
        self.unproven_end: str | None = None
        self.finding: str | None = None
        self.duplicates = ""
        self.cancelled = Event()
        self.known_pages = known_pages
        self.unchanged_pages = 0
        self.seen_before: SeenResponses | None = None
        self.is_repeat = False
        self.on_progress: Callable[[int, int | None], None] = lambda _records, _announced: None
        self.on_page_timing: Callable[[PageTiming], None] = _ignore
        self._validated: list[tuple[int, ValidatedPage | None]] = []
        self._options = options
        self._read = read
        self._warn = warn
        self._warnings: set[str] = set()
        self._kept = KeptPages()
        self._seen: dict[bytes, SeenResponse] | None = {}
        self._known_duplicates = known_duplicates
        self._check = ConsistencyCheck(is_total_exact=options.is_total_exact, total_name=options.total_name)
        self._lock = Lock()
        self._pages = self._walk()

    @property
    def records(self) -> int:
        """The number of records of the pages that have come so far."""
        return self._check.records + self._kept.records

    @property
    def announced(self) -> int | None:
        """The total that the pages have announced so far; None if it is not known."""
        return self._check.announced or self._kept.announced

    @property
    def bytes(self) -> int:
        """Bytes of the records of the pages that have come so far, decompressed."""
        return self._check.bytes + self._kept.bytes

    @property
    def is_total_wrong(self) -> bool:
        """True if all pages yielded so far announced the same total, and another number of records came."""
        return self._check.is_total_wrong

    @property
    def validated(self) -> list[ValidatedPage]:
        """The pages that have a validator, for the conditional requests of the next fetch."""
        return with_ends(self._validated)

    @property
    def seen(self) -> SeenResponses | None:
        """The responses, for the next fetch; None if something about them, or about the fetch, is unusual."""
        is_usual = self.is_complete and not (self.has_duplicates or self.unproven_end or self._warnings)
        return self._seen if is_usual else None

    def count_retry(self) -> None:
        """Count one retry. The threads that fetch pages call it."""
        with self._lock:
            self.retries += 1

    def __iter__(self) -> Iterator[Page]:
        """Return the pages, in order, once."""
        return self._pages

    def close(self) -> None:
        """Cancel the requests in progress, and wait until the threads have ended."""
        self.cancelled.set()
        self._pages.close()

    def _walk(self) -> Generator[Page]:
        paginator = paginator_of(self._options)
        prefetcher = PagePrefetcher(partial(self._read, self), self.cancelled, self._options.pages_at_a_time)
        with closing(prefetcher):
            for fetched in self._fetched(prefetcher, paginator):
                if not self._kept.keeps(fetched):
                    yield from map(self._checked, self._kept.take())
                    yield self._checked(fetched)
                self.on_progress(self.records, self.announced)
            if self.seen_before and self._kept.pages == len(self.seen_before) and not self._check.has_finding:
                self.is_repeat = self.is_complete = True
                self._seen = dict(self.seen_before)
                return
            yield from map(self._checked, self._kept.take())
            if paginator.unproven_end:
                self._check_end(paginator.unproven_end.read())
        self._conclude(self._check.report())

    def _checked(self, unread: FetchedPage) -> Page:
        """Return the page with its records, after the checks."""
        fetched = unread.read()
        self._check.add(fetched.page, fetched.ids, fetched.total, fetched.pages)
        self._require_few_records()
        for warning in fetched.warnings:
            self._warn_once(f"Page {fetched.page.number} of {self._options.name}", warning)
        self._doubt(fetched.doubt)
        self._validate(fetched)
        if fetched.seen is None:
            self._seen = None
        elif self._seen is not None:
            self._seen.update([fetched.seen])
        return fetched.page

    def _validate(self, fetched: FetchedPage) -> None:
        """Keep the page's validator. A fetch with a wrong one ends, because each 304 may be wrong: it is repeated."""
        self._validated.append((fetched.page.records, fetched.validated))
        self.unchanged_pages += fetched.validated is not None and fetched.validated.is_unchanged
        if fetched.is_validator_wrong and self.known_pages and self.number == 1:
            self.known_pages.distrust()
            kind = HEADERS[self._options.paging.conditional][0]
            finding = f"page {fetched.page.number} has other records than before, but the same {kind}"
            self._warn_once(f"The collection {self._options.name}", f"{finding}. {WRONG_VALIDATOR}")
            self._check.contradict(finding, must_stop=True)

    def _check_end(self, first: FetchedPage) -> None:
        """Ask for another page, because nothing in the first response shows that there is none."""
        options = self._options
        self._doubt(EndCheck(options.name, options.url, options.page_size, first).run(partial(self._read, self)))

    def _doubt(self, doubt: str | None) -> None:
        """Note why more pages may follow the first one, if there is such a doubt."""
        if doubt:
            self.unproven_end = doubt
            self._warn_once(f"Page 1 of {self._options.name}", doubt)

    def _require_few_records(self) -> None:
        bound = self._options.max_records
        if self._check.records > bound:
            way_out = (
                "Fetch fewer days at a time; if INN8 really has that many, raise `max_records` in "
                "inn8_pipeline/extract/endpoint.py."
            )
            subject = f"The collection {self._options.name}"
            raise ContractError(subject, f"has more than {bound} records, the bound of one fetch", way_out)

    def _fetched(self, prefetcher: PagePrefetcher, paginator: Paginator) -> Iterator[FetchedPage]:
        """Yield the pages in order. End early if a page is repeated or missing, or if there are too many records."""
        prefetcher.fill(paginator)
        while prefetcher.is_busy and not self._check.must_stop():
            try:
                request, fetched = prefetcher.next()
            except RefusedRequestError as refusal:
                if paginator.is_end(refusal):
                    return
                if not paginator.is_gone(refusal) and not self.unchanged_pages:
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
            self.finding = f"{report.duplicate_count} ids were on more than one page"
        self.is_complete = self.finding is None
        self.has_duplicates = self.is_complete and bool(report.duplicates)
        if self.is_complete:
            self._warn_of_what_was_accepted(report)

    def _warn_of_what_was_accepted(self, report: ConsistencyReport) -> None:
        subject = f"The collection {self._options.name}"
        if report.duplicates:
            finding = f"has {report.duplicate_count} ids on more than one page, the same ones in two fetches"
            self._warn_once(subject, f"{finding}: INN8 sends them")
        mismatch = self._check.total_mismatch()
        if mismatch:
            self._warn_once(subject, f"came with a total that does not match: {mismatch}")

    def _warn_once(self, subject: str, warning: str) -> None:
        """Give this warning once per fetch, because ten thousand pages may have the same fault."""
        if warning not in self._warnings:
            self._warnings.add(warning)
            self._warn(f"{subject} {warning}.")


class KeptPages:
    """The first pages of a fetch, as long as each is the same as in the last fetch. They are kept unread.

    If all pages are, none needs to be read. If one is not, all are read, the kept ones first.
    """

    def __init__(self) -> None:
        self.records = 0
        """The number of their records."""
        self.bytes = 0
        """The size of their records, decompressed."""
        self._pages: deque[FetchedPage] = deque()
        self._kept_bytes = 0
        self._is_over = False

    @property
    def pages(self) -> int:
        """The number of pages."""
        return len(self._pages)

    @property
    def announced(self) -> int | None:
        """The total that the first one announced."""
        return self._pages[0].total if self._pages else None

    def keeps(self, fetched: FetchedPage) -> bool:
        """Keep the page if it is the same as in the last fetch, as all before it; return whether it is kept."""
        self._kept_bytes += fetched.unread_bytes
        self._is_over = self._is_over or fetched.unread is None or self._kept_bytes > MAX_KEPT_BYTES
        if not self._is_over:
            self._add(fetched, 1)
            self._pages.append(fetched)
        return not self._is_over

    def take(self) -> Iterator[FetchedPage]:
        """Yield the kept pages, and keep none of them any longer."""
        while self._pages:
            fetched = self._pages.popleft()
            self._add(fetched, -1)
            yield fetched

    def _add(self, fetched: FetchedPage, sign: int) -> None:
        self.records += sign * fetched.page.records
        self.bytes += sign * fetched.bytes


def _ignore(_timing: PageTiming) -> None:
    """Do nothing."""


ReadPage = Callable[[Fetch, PageRequest], FetchedPage]
"""A function that fetches one page for a fetch, in one of its threads."""
