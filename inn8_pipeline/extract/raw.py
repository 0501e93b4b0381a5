"""Single requests whose whole response is of interest, whatever its status: for `inn8 probe`.

They use the connections, the token, the retries and the budget of a client. Only what may heal is retried; a 401 or a
404 is a result.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from threading import Event

import httpx

from inn8_pipeline.contract import PagingContract
from inn8_pipeline.contract.envelope import Envelope
from inn8_pipeline.extract.auth import TokenSource
from inn8_pipeline.extract.breaker import TOKEN_CIRCUIT
from inn8_pipeline.extract.endpoint import Endpoint
from inn8_pipeline.extract.http.bodies import BodyBrokenError, BodyTooLongError, UnknownEncodingError, read_body
from inn8_pipeline.extract.http.conditional import validator_of
from inn8_pipeline.extract.http.rate_limits import RateLimit, rate_limit
from inn8_pipeline.extract.http.responses import (
    FIRST_5XX,
    TRANSIENT_4XX,
    RequestLabel,
    TransientError,
    retry_after,
    transport_failure,
)
from inn8_pipeline.extract.paging.page import strip_bom
from inn8_pipeline.extract.paging.styles import PageResponse, links_of
from inn8_pipeline.extract.retry import ApiCall, Retrier

RAW_CIRCUIT = "probe"


@dataclass(frozen=True, slots=True)
class RawResponse:
    """One response: its status, its headers by lower-case name, its decompressed body, and how long it took.

    `is_readable` is False if the body is too long or compressed otherwise than by gzip.
    """

    url: str = field(repr=False)
    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    seconds: float
    is_readable: bool = True
    rate_limit: RateLimit | None = None

    def validator(self, kind: str) -> str | None:
        """Return the `etag` or `last-modified` of the response; None if it has none that can be relied on."""
        return validator_of(httpx.Headers(dict(self.headers)), kind)


class RawReader:
    """Make single requests with the parts of a client. Safe to use from several threads."""

    def __init__(self, endpoint: Endpoint, http: httpx.Client, tokens: TokenSource, retrier: Retrier) -> None:
        self._endpoint = endpoint
        self._http = http
        self._tokens = tokens
        self._retrier = retrier
        self._cancelled = Event()

    def get(
        self,
        path: str,
        parameters: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        token: str | None = None,
    ) -> RawResponse:
        """Return the response to a request of this path, with the client's token or another one.

        Raises:
            ApiError: There was no response, or each attempt was answered by a transient failure.

        """
        url = str(httpx.URL(self._endpoint.url(path), params=dict(parameters or {})))
        return self._run(url, headers or {}, token)

    def follow(self, response: RawResponse, paging: PagingContract) -> RawResponse | None:
        """Return the response to the next page that a response links to, or None if it names none.

        Raises:
            ForeignLinkError: The link leads to another origin.
            UnreadableLinkError: The link cannot be read.
            ApiError: As for `get`.

        """
        origin = httpx.URL(self._endpoint.base_url)
        answer = PageResponse(httpx.Headers(dict(response.headers)), Envelope(response.body), response.url, origin, {})
        url = links_of(answer, paging).next_url
        return self._run(url, {}, None) if url else None

    def token_response(self) -> RawResponse:
        """Return the response of the token endpoint, whatever its status."""
        call = ApiCall(RequestLabel("POST", self._endpoint.contract.token.path), TOKEN_CIRCUIT, self._cancelled)
        return self._retrier.run(call, lambda: None, lambda _: self._send(self._tokens.request()))

    def _run(self, url: str, headers: Mapping[str, str], token: str | None) -> RawResponse:
        call = ApiCall(RequestLabel("GET", httpx.URL(url).path), RAW_CIRCUIT, self._cancelled)
        prepare: Callable[[], str] = lambda: token or self._tokens.token(self._cancelled).value  # noqa: E731
        return self._retrier.run(call, prepare, partial(self._attempt, url, headers))

    def _attempt(self, url: str, headers: Mapping[str, str], token: str) -> RawResponse:
        own = {**self._endpoint.contract.headers, **headers, "Authorization": f"Bearer {token}"}
        return self._send(self._http.build_request("GET", url, headers=own))

    def _send(self, request: httpx.Request) -> RawResponse:
        """Return the response, or raise a TransientError outside of the `except`, as `exchange` does."""
        began_at = time.monotonic()
        try:
            with closing(self._http.send(request, stream=True)) as response:
                body, is_readable = self._body(response)
        except httpx.TransportError as error:
            reason = transport_failure(error)
        except BodyBrokenError:
            reason = "cut its response short"
        else:
            status = response.status_code
            if status in TRANSIENT_4XX or status >= FIRST_5XX:
                failure = f"answered {status}"
                raise TransientError(failure, retry_after(response))
            seconds = time.monotonic() - began_at
            limit = rate_limit(response)
            return RawResponse(str(request.url), status, dict(response.headers), body, seconds, is_readable, limit)
        raise TransientError(reason)

    def _body(self, response: httpx.Response) -> tuple[bytes, bool]:
        try:
            return strip_bom(read_body(response, self._endpoint.max_body_bytes)), True
        except (BodyTooLongError, UnknownEncodingError):
            return b"", False
