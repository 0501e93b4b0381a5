"""What an answer of INN8's means by its status: good, transient, refused, or not the API we know.

Here belongs the contract's table of errors, for collections and the token endpoint alike. How often a transient
failure is tried again is `retry`'s.
"""

import contextlib
import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from socket import gaierror

import httpx

from inn8_pipeline.errors import ContractError, RefusedRequestError
from inn8_pipeline.extract.http.bodies import BodyBrokenError, BodyTooLongError, UnknownEncodingError, read_body
from inn8_pipeline.extract.paging.links import shown_host
from inn8_pipeline.extract.paging.page import top_level_keys

ERROR_BODY_BYTES = 64 * 1024
"""Of a refusal's body, for its keys; the rest is not read."""
FIRST_4XX, FIRST_5XX = 400, 500


class TransientError(Exception):
    """An attempt failed in a way that may heal. Internal: becomes a TransientApiError once the retries are used up.

    `reason` is ours. `retry_after_seconds` is the wait that the server asked for, unbounded, or None.
    """

    def __init__(self, reason: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after_seconds = retry_after_seconds


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked, as an error message may name it: no query, no secret."""

    method: str
    path: str
    page: int = 1

    def __str__(self) -> str:
        """`GET /clients`, with the page beyond the first."""
        return f"{self.method} {self.shown_path}"

    @property
    def shown_path(self) -> str:
        """The path, with the page beyond the first."""
        return self.path if self.page == 1 else f"{self.path} (page {self.page})"


def exchange(http: httpx.Client, sent: httpx.Request, request: Request, max_bytes: int) -> tuple[httpx.Response, bytes]:
    """Send a request, and return the answer, which is a 200, with its whole body.

    Raises TransientError, RefusedRequestError or ContractError for anything else.
    """
    try:
        response = http.send(sent, stream=True)
        with contextlib.closing(response):
            return response, read_answer(response, request, max_bytes)
    except httpx.TransportError as error:
        reason = _reason_of(error)
    except BodyBrokenError:
        reason = "cut its answer short"
    # Raised out here, so that httpx's error, which holds the request with its secrets, is not even the context.
    raise TransientError(reason)


def read_answer(response: httpx.Response, request: Request, max_bytes: int) -> bytes:
    """The body of a 200; an error for anything else, as `exchange` has it."""
    status = response.status_code
    if status == httpx.codes.OK:
        return _read(response, request, max_bytes)
    if status in {httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_MANY_REQUESTS} or status >= FIRST_5XX:
        reason = f"answered {status}"
        raise TransientError(reason, retry_after(response))
    if status >= FIRST_4XX:
        raise _refusal(response, request)
    raise _redirect(response, request) if response.has_redirect_location else _unexpected(status, request)


def retry_after(response: httpx.Response) -> float | None:
    """The seconds that a `Retry-After` asks for, given in seconds or as an HTTP date; None if there is none to read.

    A date counts from the server's own `Date`, if there is one: its clock may not be ours.
    """
    value = response.headers.get("Retry-After", "").strip()
    if re.fullmatch(r"[0-9]+", value):
        return float(value[:12])
    until = _http_date(value)
    if until is None:
        return None
    now = _http_date(response.headers.get("Date", "")) or datetime.now(UTC)
    return max((until - now).total_seconds(), 0.0)


def _http_date(value: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _read(response: httpx.Response, request: Request, max_bytes: int) -> bytes:
    way_out = "If INN8 has changed its answers on purpose, the client must be changed; then rerun."
    try:
        return read_body(response, max_bytes)
    except BodyTooLongError:
        finding = f"is longer than {max_bytes} bytes"
        way_out = "If INN8 sends that much on purpose, raise INN8_MAX_BODY; then rerun."
    except UnknownEncodingError:
        finding = "is compressed in another way than gzip, which alone was asked for"
    subject = f"The answer to {request}"
    raise ContractError(subject, finding, way_out)


def _unexpected(status: int, request: Request) -> ContractError:
    return ContractError(f"The answer to {request}", f"has the status {status}, where 200 was expected")


def _refusal(response: httpx.Response, request: Request) -> RefusedRequestError:
    body = b""
    with contextlib.suppress(BodyTooLongError, UnknownEncodingError, BodyBrokenError, httpx.TransportError):
        body = read_body(response, ERROR_BODY_BYTES)
    declared = response.headers.get("Content-Length", "")
    length = int(declared) if re.fullmatch(r"[0-9]{1,15}", declared) else len(body)
    keys = top_level_keys(body)
    return RefusedRequestError(
        request.method, request.shown_path, response.status_code, content_type(response), length, keys
    )


def _redirect(response: httpx.Response, request: Request) -> ContractError:
    try:
        host = shown_host(httpx.URL(response.headers.get("Location", "")))
    except httpx.InvalidURL:
        host = "a host with a strange name"
    finding = f"is a redirect ({response.status_code}) to {host or 'another path'}, which was not followed"
    return ContractError(f"The answer to {request}", finding, "Check INN8_BASE_URL; then rerun.")


def content_type(response: httpx.Response) -> str:
    """The media type of an answer, if it looks like one."""
    found = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return found if re.fullmatch(r"[a-z0-9.+-]{1,40}/[a-z0-9.+-]{1,60}", found) else ""


def _reason_of(error: httpx.TransportError) -> str:
    causes = list(_causes(error))
    if any(isinstance(each, ssl.SSLError) for each in causes):
        return "offered no TLS connection that is trusted here"
    if any(isinstance(each, gaierror) for each in causes):
        return "has a host name that cannot be resolved"
    for kind, reason in _REASONS:
        if isinstance(error, kind):
            return reason
    return "broke off the connection"


_REASONS: tuple[tuple[type[httpx.TransportError], str], ...] = (
    (httpx.ConnectTimeout, "accepted no connection in time"),
    (httpx.PoolTimeout, "was busy with our other requests for too long"),
    (httpx.TimeoutException, "did not answer in time"),
    (httpx.ConnectError, "could not be reached"),
    (httpx.ProtocolError, "broke off, or answered no sound HTTP"),
    (httpx.NetworkError, "broke off the connection"),
)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        # The connection pool raises its errors again "from None", which leaves the context alone.
        error = error.__cause__ or error.__context__
