"""Fetch one page: request it with a token, and check the response before anything else reads it."""

import re
from collections.abc import Mapping
from functools import partial
from typing import NoReturn

import httpx

from inn8_pipeline.entities import Entity
from inn8_pipeline.errors import ContractError, CredentialsError, RefusedRequestError
from inn8_pipeline.extract.auth import Token, TokenSource
from inn8_pipeline.extract.endpoint import Endpoint
from inn8_pipeline.extract.http.responses import Expected, RequestLabel, TransientError, exchange, was_cut_off
from inn8_pipeline.extract.paging.encoding import escape_invalid_utf8
from inn8_pipeline.extract.paging.fetch import Fetch
from inn8_pipeline.extract.paging.links import ForeignLinkError, PageLinks, UnreadableLinkError, page_links
from inn8_pipeline.extract.paging.page import NotAPageError, Page, record_ids
from inn8_pipeline.extract.paging.paginator import FetchedPage, PageRequest
from inn8_pipeline.extract.retry import ApiCall, Retrier

SUCCESS = frozenset({200, 203, 204})
EMPTY_PAGE = b"[]"
MARKUP_WAY_OUT = (
    "This is usually a maintenance or login page: open INN8_BASE_URL in a browser, and rerun when INN8 is back."
)


class PageReader:
    """Read pages of one collection. Used by all threads of its fetches.

    `parameters` are the query parameters of every request.
    """

    def __init__(  # noqa: PLR0913 (the parts of a client)
        self,
        collection: Entity,
        parameters: Mapping[str, str],
        *,
        endpoint: Endpoint,
        http: httpx.Client,
        tokens: TokenSource,
        retrier: Retrier,
    ) -> None:
        self._collection = collection
        self._parameters = parameters
        self._expected = Expected(SUCCESS, endpoint.max_body_bytes)
        self._origin = httpx.URL(endpoint.base_url)
        self._http = http
        self._tokens = tokens
        self._retrier = retrier

    def read(self, fetch: Fetch, request: PageRequest) -> FetchedPage:
        """Return the page, after as many attempts as the retry policy allows. Raises the ApiErrors."""
        label = RequestLabel("GET", self._collection.path, request.number)
        call = ApiCall(label, self._collection.name, fetch.cancelled, fetch.count_retry)
        attempt = partial(self._attempt, call, request.url)
        return self._retrier.run(call, partial(self._tokens.token, fetch.cancelled), attempt)

    def _attempt(self, call: ApiCall, url: str, token: Token) -> FetchedPage:
        """Make one attempt. After a 401, renew the token and repeat the request once within the same attempt."""
        fetched = self._get(call.label, url, token)
        if fetched is None:
            fetched = self._get(call.label, url, self._tokens.renewed(token, call.cancelled))
        if fetched is None:
            raise CredentialsError(call.label.method, call.label.shown_path, httpx.codes.UNAUTHORIZED)
        return fetched

    def _get(self, label: RequestLabel, url: str, token: Token) -> FetchedPage | None:
        """Return the page, or None if the token was refused."""
        request = self._http.build_request("GET", url, headers={"Authorization": f"Bearer {token.value}"})
        try:
            response, body = exchange(self._http, request, label, self._expected)
        except RefusedRequestError as refusal:
            if refusal.status != httpx.codes.UNAUTHORIZED:
                raise
            return None
        if response.status_code == httpx.codes.NO_CONTENT:
            body = EMPTY_PAGE
        return self._examine(response, body, url, label.page)

    def _examine(self, response: httpx.Response, sent: bytes, url: str, number: int) -> FetchedPage:
        """Return the page with its ids, total and links; raise a ContractError if it is no page or links elsewhere."""
        try:
            body = escape_invalid_utf8(sent)
            records, ids = record_ids(body)
        except NotAPageError as fault:
            if was_cut_off(response, fault.error):
                reason = "cut its response short"
                raise TransientError(reason) from None
            self._refuse(number, str(fault), MARKUP_WAY_OUT if fault.is_markup else None)
        total, warnings = _total(response)
        if body is not sent:
            warnings.append("has bytes that are not UTF-8; the records that have them are rejected")
        links = self._links(response, url, number)
        return FetchedPage(Page(number, body, records), ids, total, links, tuple(warnings))

    def _links(self, response: httpx.Response, url: str, number: int) -> PageLinks:
        try:
            return page_links(response.headers.get_list("Link"), url, self._origin, self._parameters)
        except ForeignLinkError as fault:
            self._refuse(number, f"links to {fault.difference}, which must not get the token")
        except UnreadableLinkError:
            self._refuse(number, "has a Link header that cannot be read, so nobody knows whether more pages follow")

    def _refuse(self, number: int, finding: str, way_out: str | None = None) -> NoReturn:
        subject = f"Page {number} of {self._collection.name}"
        error = ContractError(subject, finding, way_out) if way_out else ContractError(subject, finding)
        raise error from None


def _total(response: httpx.Response) -> tuple[int | None, list[str]]:
    """Return the announced total, or a warning if it cannot be read."""
    value = response.headers.get("X-Total-Count")
    if value is None:
        return None, []
    if not re.fullmatch(r"[0-9]{1,15}", value.strip()):
        return None, ["has an X-Total-Count that is not a number; it was ignored"]
    return int(value), []
