"""The styles of paging: for each, how to read the links of a response, and which paginator requests the pages.

To add a style, write a function that reads its links, or a paginator; add it to `STYLES`, and its name to
`contract/model.py`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import httpx

from inn8_pipeline.contract import PagingContract
from inn8_pipeline.contract.envelope import MISSING, Envelope, UnreadableValueError
from inn8_pipeline.extract.paging.links import PageLinks, UnreadableLinkError, following_url, page_links
from inn8_pipeline.extract.paging.numbered import NumberedPaginator, OffsetPaginator
from inn8_pipeline.extract.paging.paginator import Paginator, PagingOptions

NO_LINKS = PageLinks()


@dataclass(frozen=True, slots=True)
class PageResponse:
    """The parts of a response that a style reads: the headers, the envelope and the URL that was requested.

    `origin` is the only origin that links may lead to; `parameters` are the query parameters of every request.
    """

    headers: httpx.Headers
    envelope: Envelope
    url: str
    origin: httpx.URL
    parameters: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PagingStyle:
    """How one style reads the links of a response, and the class of its paginator."""

    links: Callable[[PageResponse, PagingContract], PageLinks]
    paginator: type[Paginator]


def paginator_of(options: PagingOptions) -> Paginator:
    """Return the paginator of a fetch."""
    return STYLES[options.paging.style].paginator(options)


def links_of(response: PageResponse, paging: PagingContract) -> PageLinks:
    """Return the URLs of the next and the last page that a response names.

    Raises:
        ForeignLinkError: A link would carry the token to another origin.
        UnreadableLinkError: The header, or the value at a pointer, cannot be read.

    """
    try:
        return STYLES[paging.style].links(response, paging)
    except UnreadableValueError:
        raise UnreadableLinkError(paging.next_pointer) from None


def _no_links(_response: PageResponse, _paging: PagingContract) -> PageLinks:
    return NO_LINKS


def _links_of_header(response: PageResponse, _paging: PagingContract) -> PageLinks:
    return page_links(response.headers.get_list("Link"), response.url, response.origin, response.parameters)


def _link_of_body(response: PageResponse, paging: PagingContract) -> PageLinks:
    target = _next_of_body(response.envelope, paging)
    if isinstance(target, PageLinks):
        return target
    if not isinstance(target, str):
        raise UnreadableLinkError(paging.next_pointer)
    return PageLinks(following_url(target, response.url, response.origin, response.parameters))


def _cursor_of_body(response: PageResponse, paging: PagingContract) -> PageLinks:
    cursor = _next_of_body(response.envelope, paging)
    if isinstance(cursor, PageLinks):
        return cursor
    if isinstance(cursor, bool) or not isinstance(cursor, str | int):
        raise UnreadableLinkError(paging.next_pointer)
    try:
        return PageLinks(str(httpx.URL(response.url).copy_merge_params({paging.sent_parameter: str(cursor)})))
    except httpx.InvalidURL:  # too long
        raise UnreadableLinkError(paging.next_pointer) from None


def _next_of_body(envelope: Envelope, paging: PagingContract) -> object:
    """Return the cursor or URL of the next page, or the links of a page that has none."""
    has_more = None
    if paging.more:
        has_more = envelope.value(paging.more)
        if not isinstance(has_more, bool):
            raise UnreadableLinkError(paging.more)
    if has_more is False:
        return NO_LINKS
    following = envelope.value(paging.next_pointer)
    if following is not MISSING and following is not None and following != "":
        return following
    if has_more:
        raise UnreadableLinkError(paging.next_pointer)
    return PageLinks(is_end_unsure=following is MISSING and not paging.next_may_be_absent)


STYLES: Mapping[str, PagingStyle] = {
    "link": PagingStyle(_links_of_header, Paginator),
    "page": PagingStyle(_no_links, NumberedPaginator),
    "offset": PagingStyle(_no_links, OffsetPaginator),
    "cursor": PagingStyle(_cursor_of_body, Paginator),
    "next_url": PagingStyle(_link_of_body, Paginator),
    "single": PagingStyle(_no_links, Paginator),
}
"""The styles by their name in a contract file."""
