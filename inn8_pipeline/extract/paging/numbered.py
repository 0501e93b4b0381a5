"""Request pages by their number or offset: one at a time, or a whole range once the total is known.

A short page never means the end, because a server may serve fewer records per page than were requested. The end is
reached when all records that the total announces were received, or when a page is empty, or is refused as not there.
"""

from inn8_pipeline.errors import RefusedRequestError
from inn8_pipeline.extract.paging.paginator import (
    FetchedPage,
    PageRequest,
    Paginator,
    PagingOptions,
    may_be_full,
    with_parameter,
)

REFUSED_AFTER_A_SHORT_PAGE = frozenset({400, 422})
"""Statuses with which servers refuse a page that does not exist, but also one beyond the most that they serve."""

FULL_PAGE_NOTE = (
    "The page before it was full, so nobody knows whether more records follow. If INN8 refuses the page after the last "
    "one in this way, add the status to `paging.end_statuses` of the contract file (docs/contract.md)."
)


class NumberedPaginator(Paginator):
    """Request pages by number.

    If the total counts pages, one page more is requested, which must be empty. The same is done if the page with which
    the total has come is full, because more may follow if the total is too small, or counts the records of each page.
    Without a total, pages are fetched one after the other until one is empty or not found.
    """

    def __init__(self, options: PagingOptions) -> None:
        super().__init__(options)
        self._is_announced = True
        self._first_size = self._last_size = 0
        self._last_number = options.max_pages + 1  # the page after the last one
        self._scheduled = iter((PageRequest(1, self._url(1, 0, 0), is_followed=True),))

    def learn(self, request: PageRequest, fetched: FetchedPage) -> str | None:
        """Schedule the pages after this one; return how the page contradicts those before it, or None."""
        count = fetched.page.records
        self._records += count
        self._first_size, self._last_size = self._first_size or count, count
        if count and request.number > self._options.max_pages:
            self._refuse(request.number, f"has records, though {self._options.max_pages} pages were fetched, the bound")
        if not request.is_followed:
            return "a page before the last one is empty" if fetched.pages is not None and not count else None
        if not count:
            is_short = fetched.pages is not None and request.number < fetched.pages
            return "a page before the last one is empty" if is_short else None
        if fetched.pages is not None and request.number > fetched.pages:
            return f"page {request.number} has records, though {fetched.pages} pages were announced"
        if fetched.total is not None and self._records >= fetched.total and not self._may_more_follow(fetched):
            return None
        self._schedule(request.number, fetched)
        return None

    def is_end(self, refusal: RefusedRequestError) -> bool:
        """Return True if the refused page was not announced: then the page before it was the last one."""
        if self._is_announced:
            return False
        if refusal.status in self._options.paging.end_statuses:
            return True
        if refusal.status not in REFUSED_AFTER_A_SHORT_PAGE:
            return False
        if self._may_last_page_be_full(self._requested - 1):
            refusal.add_note(FULL_PAGE_NOTE)
            return False
        return True

    def _may_last_page_be_full(self, number: int) -> bool:
        if number > 1:
            return self._last_size >= self._first_size
        return may_be_full(self._last_size, self._options.page_size)

    def _may_more_follow(self, fetched: FetchedPage) -> bool:
        """Return True if all records of the total have come, and the last page is full."""
        return self._records == fetched.total and self._may_last_page_be_full(fetched.page.number)

    def _schedule(self, number: int, fetched: FetchedPage) -> None:
        more = 0
        if fetched.total is not None:
            more = -(-(fetched.total - self._records) // fetched.page.records)
        elif fetched.pages is not None:
            more = fetched.pages - number
        if number + more > self._options.max_pages:
            self._refuse(number, f"announces more than {self._options.max_pages} pages")
        self._is_announced = more > 0
        following, received, size = max(more, 1), self._records, fetched.page.records
        self._scheduled = iter(
            [
                PageRequest(number + step, self._url(number + step, received, size * (step - 1)), step == following)
                for step in range(1, following + 1)
            ]
        )

    def _url(self, number: int, received: int, requested: int) -> str:  # noqa: ARG002 (for offsets)
        """Return the URL of a page.

        Args:
            number: The number of the page, counted from 1.
            received: The number of records received so far.
            requested: The number of records on the pages that are requested before this one.

        """
        paging = self._options.paging
        return with_parameter(self._options.url, paging.sent_parameter, number - 1 + paging.first_page)


class OffsetPaginator(NumberedPaginator):
    """Request pages by offset: the number of records before them.

    The offsets of a range are computed from the size of the page before it. If a page within the range has another
    size, some records were not requested, or requested twice. Equal counts could hide that, so it is a contradiction.
    """

    def __init__(self, options: PagingOptions) -> None:
        super().__init__(options)
        self._size = 0

    def learn(self, request: PageRequest, fetched: FetchedPage) -> str | None:
        """Schedule the pages after this one; return how the page contradicts those before it, or None."""
        expected, count = self._size, fetched.page.records
        found = super().learn(request, fetched)
        if not request.is_followed and count != expected:
            return f"a page before the last one has {count} records, though the one before it had {expected}"
        self._size = count
        return found

    def _url(self, number: int, received: int, requested: int) -> str:  # noqa: ARG002 (for page numbers)
        return with_parameter(self._options.url, self._options.paging.sent_parameter, received + requested)
