"""Which page of a collection is next: as the server leads, so far and no further.

Here belong the server's links over a whole fetch, and the bounds on where they may lead. No page is fetched here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

import httpx

from inn8_pipeline.errors import ContractError, RefusedRequestError
from inn8_pipeline.extract.paging.links import PageLinks, page_url, pages_between
from inn8_pipeline.extract.paging.page import Page

MAX_SAME_PAGES = 10
"""Pages with one and the same body in a row, empty ones too, before the server is taken to lead us in circles."""


@dataclass(frozen=True, slots=True)
class FetchedPage:
    """A page as fetched, and what the server said beside it."""

    page: Page
    ids: list[str]
    total: int | None
    links: PageLinks


@dataclass(frozen=True, slots=True)
class PageRequest:
    """A page to fetch; `is_followed` where its successors are not known yet."""

    number: int
    url: str
    is_followed: bool


@dataclass(frozen=True, slots=True)
class PagingOptions:
    """Where a fetch begins, and its bounds; `name` is the collection's, for messages."""

    name: str
    url: str
    pages_at_a_time: int
    max_pages: int


class Paginator:
    """Knows which pages are next: one link at a time, or a whole range once its ends are known."""

    def __init__(self, route: PagingOptions) -> None:
        self._route = route
        self._ahead: Iterator[PageRequest] = iter((PageRequest(1, route.url, is_followed=True),))
        self._seen: set[int] = set()
        self._last_body = 0
        self._same_bodies = 0
        self._asked = 0

    def next(self) -> PageRequest | None:
        """The next page to ask for; None if it is not known yet, or there is none."""
        place = next(self._ahead, None)
        if place is None:
            return None
        if hash(place.url) in self._seen:
            self._refuse(place.number - 1, "links to a page that was fetched before: a loop")
        if place.number > self._route.max_pages:
            self._refuse(place.number - 1, f"has a next page, though {self._route.max_pages} were fetched")
        self._seen.add(hash(place.url))
        self._asked = place.number
        return place

    def learn(self, place: PageRequest, answer: FetchedPage) -> str | None:
        """Take note of where the answer leads. Returns what contradicts the pages before it, or None."""
        self._refuse_circles(answer)
        links = answer.links
        if not place.is_followed:
            return None if links.next_url else "a page before the last one named no next page"
        if links.next_url is None:
            return None
        between = pages_between(links)
        if between is None:
            self._ahead = iter((PageRequest(place.number + 1, links.next_url, is_followed=True),))
            return None
        first, last, template = between
        if place.number + last - first + 1 > self._route.max_pages:
            self._refuse(place.number, f"announces more than {self._route.max_pages} pages")
        self._ahead = _range(place.number + 1 - first, first, last, template)
        return None

    def is_gone(self, refusal: RefusedRequestError) -> bool:
        """Whether a page is missing that the server itself had announced."""
        return refusal.status in {404, 410} and self._asked > 1

    def _refuse_circles(self, answer: FetchedPage) -> None:
        body = hash(answer.page.body)
        self._same_bodies = self._same_bodies + 1 if body == self._last_body else 1
        self._last_body = body
        if self._same_bodies >= MAX_SAME_PAGES and answer.links.next_url:
            self._refuse(answer.page.number, f"is the {MAX_SAME_PAGES}th in a row with the same content")

    def _refuse(self, number: int, finding: str) -> NoReturn:
        subject = f"Page {number} of {self._route.name}"
        raise ContractError(subject, finding)


def _range(offset: int, first: int, last: int, template: httpx.URL) -> Iterator[PageRequest]:
    """The pages from first to last as the server counts them; the last one may name yet another."""
    for number in range(first, last + 1):
        yield PageRequest(number + offset, page_url(template, number), is_followed=number == last)
