"""Decide from the server's links which page of a collection is next, within bounds."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NoReturn

import httpx

from inn8_pipeline.contract import PagingContract
from inn8_pipeline.entities import PAGE_SIZE
from inn8_pipeline.errors import ContractError, RefusedRequestError
from inn8_pipeline.extract.http.conditional import ValidatedPage
from inn8_pipeline.extract.http.seen_responses import SeenResponse
from inn8_pipeline.extract.paging.links import PageLinks, page_url, pages_between
from inn8_pipeline.extract.paging.page import Page

MAX_EMPTY_PAGES = 10
"""The number of consecutive empty pages that is taken for a loop of links."""

MAX_ANNOUNCED_EMPTY_PAGES = 1000
"""The same number if the total announces more records: a server may page first and filter afterwards."""

USUAL_PAGE_SIZES = frozenset({50, 100, 200, 250, 500, 1000, 2000, 5000, 10_000})
"""Usual page sizes of servers. A page with exactly so many records may not be the last one."""


UNSURE_WAY_OUT = (
    "Correct `paging` in the contract file: `next` is the JSON pointer to the cursor or URL. If INN8 leaves it out on "
    "the last page, set `more` or `total.pointer`, or else `next_may_be_absent = true` (docs/contract.md); then rerun."
)


@dataclass(frozen=True, slots=True)
class FetchedPage:
    """A fetched page with its ids, its links and warnings about it.

    `total` is the announced number of records, `pages` the announced number of pages. `doubt` says why more pages may
    follow this one, although it names none. `validated` is the page with its validator, if that is wanted; it is wrong
    if the page had other records before, and the same validator. `seen` is the response with the key of its request, by
    which the next fetch recognizes it; None if something about it is unusual.

    If the response is the same as in the last fetch, its body is not read: the page has neither records nor ids, but
    their number, and `unread` returns the page with them. `unread_bytes` is what its response takes in memory.
    """

    page: Page
    ids: list[str]
    total: int | None
    links: PageLinks
    warnings: tuple[str, ...] = ()
    pages: int | None = None
    doubt: str | None = None
    validated: ValidatedPage | None = None
    is_validator_wrong: bool = False
    seen: tuple[bytes, SeenResponse] | None = None
    unread: "Callable[[], FetchedPage] | None" = field(default=None, repr=False)
    unread_bytes: int = 0

    @property
    def bytes(self) -> int:
        """The size of the records, decompressed."""
        return self.seen[1].bytes if self.unread and self.seen else len(self.page.body)

    def read(self) -> "FetchedPage":
        """Return the page with its records and ids."""
        return self.unread() if self.unread else self


@dataclass(frozen=True, slots=True)
class PageRequest:
    """A page to fetch. With `is_followed`, its response decides which pages come after it."""

    number: int
    url: str
    is_followed: bool


@dataclass(frozen=True, slots=True)
class PagingOptions:
    """The first URL of a fetch, and its bounds. `name` and `total_name` are for messages."""

    name: str
    url: str
    pages_at_a_time: int
    max_pages: int
    is_total_exact: bool = True
    max_records: int = 20_000_000
    paging: PagingContract = field(default_factory=PagingContract)
    page_size: int = PAGE_SIZE
    total_name: str = "X-Total-Count"


class Paginator:
    """Decide which pages to fetch: the page of the next link, or a whole range once the last page is known."""

    def __init__(self, options: PagingOptions) -> None:
        self._options = options
        self._scheduled: Iterator[PageRequest] = iter((PageRequest(1, options.url, is_followed=True),))
        self._seen: set[int] = set()
        self._records = 0
        self._empty_pages = 0
        self._requested = 0
        self._last_number = options.max_pages
        self.unproven_end: FetchedPage | None = None
        """The first page, if nothing in its response shows that it is the only one."""

    def next(self) -> PageRequest | None:
        """Return the next page to fetch; None if it is not known yet, or if there is none."""
        request = next(self._scheduled, None)
        if request is None:
            return None
        if hash(request.url) in self._seen:
            self._refuse(request.number - 1, "links to a page that was fetched before: a loop")
        if request.number > self._last_number:
            self._refuse(request.number - 1, f"has a next page, though {self._options.max_pages} were fetched")
        self._seen.add(hash(request.url))
        self._requested = request.number
        return request

    def learn(self, request: PageRequest, fetched: FetchedPage) -> str | None:
        """Use the links of a page; return how they contradict the pages before it, or None."""
        self._records += fetched.page.records
        self._refuse_loop(fetched)
        links = fetched.links
        if not request.is_followed:
            return None if links.next_url else "a page before the last one named no next page"
        if links.next_url is None:
            return self._end(request.number, fetched)
        between = pages_between(links)
        if between is None:
            self._scheduled = iter((PageRequest(request.number + 1, links.next_url, is_followed=True),))
            return None
        first, last, template = between
        if request.number + last - first + 1 > self._options.max_pages:
            self._refuse(request.number, f"announces more than {self._options.max_pages} pages")
        self._scheduled = _range(request.number + 1 - first, first, last, template)
        return None

    def is_end(self, refusal: RefusedRequestError) -> bool:  # noqa: ARG002 (decided by the style)
        """Return True if the refusal of a page means that the page before it was the last one."""
        return False

    def is_gone(self, refusal: RefusedRequestError) -> bool:
        """Return True if the server refused a page that it had announced, as not found."""
        return refusal.status in {404, 410} and self._requested > 1

    def _end(self, number: int, fetched: FetchedPage) -> str | None:
        """Return how a page without a next one contradicts the announced pages. Refuse it if more pages may follow."""
        if fetched.pages is not None and max(fetched.pages, 1) != number:
            return f"page {number} named no next page, though the {self._options.total_name} was {fetched.pages} pages"
        is_counted = fetched.pages is not None or (fetched.total is not None and self._options.is_total_exact)
        if fetched.links.is_end_unsure and number == 1 and fetched.page.records and not is_counted:
            where = self._options.paging.next_pointer
            if not where:
                self.unproven_end = fetched
                return None
            finding = f"has nothing at {where}, where the contract says that the next page is named"
            self._refuse(number, f"{finding}, so nobody knows whether more pages follow", UNSURE_WAY_OUT)
        return None

    def _refuse_loop(self, fetched: FetchedPage) -> None:
        """Raise a ContractError for an endless row of empty pages. `consistency` finds repeated pages with records."""
        self._empty_pages = 0 if fetched.page.records else self._empty_pages + 1
        more_is_announced = fetched.total is not None and fetched.total > self._records
        bound = MAX_ANNOUNCED_EMPTY_PAGES if more_is_announced else MAX_EMPTY_PAGES
        if self._empty_pages >= bound and fetched.links.next_url:
            self._refuse(fetched.page.number, f"is the {bound}th empty one in a row")

    def _refuse(self, number: int, finding: str, way_out: str | None = None) -> NoReturn:
        subject = f"Page {number} of {self._options.name}"
        raise ContractError(subject, finding, way_out) if way_out else ContractError(subject, finding)


def may_be_full(records: int, page_size: int) -> bool:
    """Return True if a page with so many records may be a full one, so that more records may follow it."""
    return records >= page_size or records in USUAL_PAGE_SIZES


def with_parameter(url: str, name: str, value: int) -> str:
    """Return the URL with this query parameter."""
    return str(httpx.URL(url).copy_merge_params({name: str(value)}))


def _range(offset: int, first: int, last: int, template: str) -> Iterator[PageRequest]:
    """Yield the pages from `first` to `last`, in the server's numbers. The last one may link to yet another page."""
    for number in range(first, last + 1):
        yield PageRequest(number + offset, page_url(template, number), is_followed=number == last)
