"""One page from INN8: asked for with a token, examined before anything else sees it.

Here belongs what one attempt does. How often there is another is `retry`'s, which page is next `fetch`'s.
"""

import re
from functools import partial
from typing import NoReturn

import httpx

from inn8_pipeline.entities import Entity
from inn8_pipeline.errors import ContractError, CredentialsError, RefusedRequestError
from inn8_pipeline.extract.auth import Token, TokenSource
from inn8_pipeline.extract.endpoint import Endpoint
from inn8_pipeline.extract.http.responses import Request, exchange
from inn8_pipeline.extract.paging.fetch import Fetch
from inn8_pipeline.extract.paging.links import ForeignLinkError, page_links
from inn8_pipeline.extract.paging.page import NotAPageError, Page, record_ids, strip_bom
from inn8_pipeline.extract.paging.paginator import FetchedPage
from inn8_pipeline.extract.retry import Retrier, Task


class PageReader:
    """Reads pages of one collection; used by all threads of its fetches."""

    def __init__(
        self, collection: Entity, endpoint: Endpoint, http: httpx.Client, tokens: TokenSource, retrier: Retrier
    ) -> None:
        self._collection = collection
        self._endpoint = endpoint
        self._origin = httpx.URL(endpoint.base_url)
        self._http = http
        self._tokens = tokens
        self._retrier = retrier

    def read(self, fetch: Fetch, url: str, number: int) -> FetchedPage:
        """The page at the address, after as many attempts as it takes. Raises the ApiErrors."""
        request = Request("GET", self._collection.path, number)
        task = Task(request, self._collection.name, fetch.cancelled, fetch.count_retry)
        return self._retrier.run(task, partial(self._tokens.token, fetch.cancelled), partial(self._attempt, task, url))

    def _attempt(self, task: Task, url: str, token: Token) -> FetchedPage:
        """One attempt. A 401 costs one new token and one more try, which belong to the same attempt."""
        answer = self._get(task.request, url, token)
        if answer is None:
            answer = self._get(task.request, url, self._tokens.renewed(token, task.cancelled))
        if answer is None:
            raise CredentialsError(task.request.method, task.request.shown_path, httpx.codes.UNAUTHORIZED)
        return answer

    def _get(self, request: Request, url: str, token: Token) -> FetchedPage | None:
        """The page, or None where the token was refused."""
        sent = self._http.build_request("GET", url, headers={"Authorization": f"Bearer {token.value}"})
        try:
            response, body = exchange(self._http, sent, request, self._endpoint.max_body_bytes)
        except RefusedRequestError as refusal:
            if refusal.status != httpx.codes.UNAUTHORIZED:
                raise
            return None
        return self._examine(response, strip_bom(body), url, request.page)

    def _examine(self, response: httpx.Response, body: bytes, url: str, number: int) -> FetchedPage:
        """What the answer holds; ContractError if it is no page, or leads elsewhere."""
        try:
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
