"""Fetch one page: ask for it with a token, and check the response before anything else reads it."""

import re
from functools import partial
from typing import NoReturn

import httpx

from inn8_pipeline.entities import Entity
from inn8_pipeline.errors import ContractError, CredentialsError, RefusedRequestError
from inn8_pipeline.extract.auth import Token, TokenSource
from inn8_pipeline.extract.endpoint import Endpoint
from inn8_pipeline.extract.http.responses import RequestLabel, exchange
from inn8_pipeline.extract.paging.encoding import escape_invalid_utf8
from inn8_pipeline.extract.paging.fetch import Fetch
from inn8_pipeline.extract.paging.links import ForeignLinkError, page_links
from inn8_pipeline.extract.paging.page import NotAPageError, Page, record_ids, strip_bom
from inn8_pipeline.extract.paging.paginator import FetchedPage, PageRequest
from inn8_pipeline.extract.retry import ApiCall, Retrier


class PageReader:
    """Read pages of one collection. Used by all threads of its fetches."""

    def __init__(
        self, collection: Entity, endpoint: Endpoint, http: httpx.Client, tokens: TokenSource, retrier: Retrier
    ) -> None:
        self._collection = collection
        self._endpoint = endpoint
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
        """Make one attempt. A 401 costs one new token and one more request within the same attempt."""
        fetched = self._get(call.label, url, token)
        if fetched is None:
            fetched = self._get(call.label, url, self._tokens.renewed(token, call.cancelled))
        if fetched is None:
            raise CredentialsError(call.label.method, call.label.shown_path, httpx.codes.UNAUTHORIZED)
        return fetched

    def _get(self, label: RequestLabel, url: str, token: Token) -> FetchedPage | None:
        """Return the page, or None where the token was refused."""
        request = self._http.build_request("GET", url, headers={"Authorization": f"Bearer {token.value}"})
        try:
            response, body = exchange(self._http, request, label, self._endpoint.max_body_bytes)
        except RefusedRequestError as refusal:
            if refusal.status != httpx.codes.UNAUTHORIZED:
                raise
            return None
        return self._examine(response, strip_bom(body), url, label.page)

    def _examine(self, response: httpx.Response, body: bytes, url: str, number: int) -> FetchedPage:
        """Return the page with its ids, total and links; raise a ContractError if it is no page or links elsewhere."""
        try:
            body = escape_invalid_utf8(body)
            records, ids = record_ids(body)
            links = page_links(response.headers.get_list("Link"), url, self._origin)
        except NotAPageError as fault:
            self._refuse(number, str(fault))
        except ForeignLinkError as fault:
            self._refuse(number, f"links to {fault.host or 'no address'}: that origin must not get the token")
        return FetchedPage(Page(number, body, records), ids, self._total(response, number), links)

    def _total(self, response: httpx.Response, number: int) -> int | None:
        value = response.headers.get("X-Total-Count")
        if value is not None and not re.fullmatch(r"[0-9]{1,15}", value.strip()):
            self._refuse(number, "has an X-Total-Count that is no number")
        return None if value is None else int(value)

    def _refuse(self, number: int, finding: str) -> NoReturn:
        subject = f"Page {number} of {self._collection}"
        raise ContractError(subject, finding) from None
