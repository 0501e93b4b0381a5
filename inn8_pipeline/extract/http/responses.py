"""Classify responses by status: success, transient failure, refusal, or a violation of the contract.

This is the contract's table of errors, for collections and the token endpoint. `retry` retries transient failures.
"""

import contextlib
import re
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from socket import gaierror
from urllib.parse import urljoin

import httpx

from inn8_pipeline.errors import ContractError, RefusedRequestError
from inn8_pipeline.extract.http.bodies import (
    BodyBrokenError,
    BodyTooLongError,
    PackedBody,
    UnknownEncodingError,
    read_body,
    receive_body,
)
from inn8_pipeline.extract.paging.links import origin_difference, shown_path
from inn8_pipeline.extract.paging.page import strip_bom, top_level_keys

ERROR_BODY_BYTES = 64 * 1024
"""How much of the body of a refusal is read, for its top-level keys."""
FIRST_4XX, FIRST_5XX = 400, 500
TRANSIENT_4XX = frozenset({httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_EARLY, httpx.codes.TOO_MANY_REQUESTS})
WITHOUT_BODY = frozenset({httpx.codes.NO_CONTENT, httpx.codes.NOT_MODIFIED})
REDIRECTS = frozenset({301, 302, 307, 308})
REDIRECTS_THAT_KEEP_THE_METHOD = frozenset({307, 308})


class TransientError(Exception):
    """A retry of the attempt may succeed. Internal to `extract`: when no retry is left, a TransientApiError is raised.

    Attributes:
        reason: What INN8 did, without any text of the response.
        retry_after_seconds: The wait that the server requested, without a bound, or None.
        status: The status of the response if that is what was wrong with it, or None.

    """

    def __init__(self, reason: str, retry_after_seconds: float | None = None, *, status: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after_seconds = retry_after_seconds
        self.status = status


@dataclass(frozen=True, slots=True)
class RequestLabel:
    """The description of a request for error messages, without query and secrets."""

    method: str
    path: str
    page: int = 1

    def __str__(self) -> str:
        """Return `GET /clients`, followed by the page number if it is not 1."""
        return f"{self.method} {self.shown_path}"

    @property
    def shown_path(self) -> str:
        """The path, followed by the page number if it is not 1."""
        return self.path if self.page == 1 else f"{self.path} (page {self.page})"


@dataclass(frozen=True, slots=True)
class Expected:
    """The statuses of a successful response, and the largest decompressed body."""

    statuses: frozenset[int]
    max_bytes: int


class ReceivedBody:
    """The whole body of a successful response."""

    def __init__(self, response: httpx.Response, label: RequestLabel, max_bytes: int) -> None:
        self.packed = _receive(response, label, max_bytes)
        self._may_be_empty = response.status_code in WITHOUT_BODY
        self._label = label
        self._max_bytes = max_bytes

    @cached_property
    def text(self) -> bytes:
        """The body, decompressed and without a byte order mark. It is read when it is first asked for.

        Raises:
            TransientError: The body is empty.
            BodyBrokenError: The body cannot be decompressed.
            ContractError: The body is too long.

        """
        try:
            body = strip_bom(self.packed.unpack(self._max_bytes))
        except BodyTooLongError:
            raise _too_long(self._label, self._max_bytes) from None
        if not self._may_be_empty and (not body or body.isspace()):
            reason = "sent an empty response"
            raise TransientError(reason)
        return body


def is_never_known(_response: httpx.Response, _body: PackedBody) -> bool:
    """Return False."""
    return False


def exchange(  # noqa: PLR0913, PLR0917 (a request, and how it is made)
    http: httpx.Client,
    request: httpx.Request,
    label: RequestLabel,
    expected: Expected,
    take_request: Callable[[], None],
    is_known: Callable[[httpx.Response, PackedBody], bool] = is_never_known,
) -> tuple[httpx.Response, ReceivedBody]:
    """Send a request and return the successful response with its whole body. Only that of a 204 or 304 may be empty.

    `take_request` is called before a second request is made, after a redirect. The text of a body that `is_known` is
    not read.

    Raises:
        TransientError: The connection failed, the body is empty or cut off, or the status is a transient one.
        RefusedRequestError: INN8 refused the request (4xx).
        ContractError: Any other status, or a body that is too long or encoded in an unknown way.

    """
    try:
        response = http.send(request, stream=True)
        moved = _moved_by_a_slash(response)
        if moved is not None:
            response.close()
            take_request()
            response = http.send(moved, stream=True)
        with contextlib.closing(response):
            body = _read_success(response, label, expected)
            if not is_known(response, body.packed):
                body.text  # noqa: B018 (read here, so that its errors are raised)
            return response, body
    except httpx.TransportError as error:
        reason = transport_failure(error)
    except BodyBrokenError:
        reason = "cut its response short"
    # Raise outside of the `except`: httpx's error has the request with its secrets, and must not become the context.
    raise TransientError(reason)


def was_cut_off(response: httpx.Response, error: Exception | None) -> bool:
    """Return True if the JSON of a body was cut off by a broken connection, which HTTP could not detect.

    Without a length and without chunks, a body ends where the connection ends. `error` is that of msgspec.
    """
    has_end = "Content-Length" in response.headers or "Transfer-Encoding" in response.headers
    return not has_end and str(error) == "Input data was truncated"


def _moved_by_a_slash(response: httpx.Response) -> httpx.Request | None:
    """Return the redirected request if the redirect only adds or drops a slash at the end of the path, else None.

    Web frameworks send such redirects. They are safe to follow: the origin is the same, and so is the query.
    """
    request = response.request
    allowed = REDIRECTS if request.method == "GET" else REDIRECTS_THAT_KEEP_THE_METHOD
    target = _redirect_target(response) if response.status_code in allowed else None
    if target is None or origin_difference(target, request.url):
        return None
    if target.path == request.url.path or target.path.rstrip("/") != request.url.path.rstrip("/"):
        return None
    url = request.url.copy_with(path=target.path)
    return httpx.Request(
        request.method, url, headers=request.headers, stream=request.stream, extensions=request.extensions
    )


def _redirect_target(response: httpx.Response) -> httpx.URL | None:
    try:
        return httpx.URL(urljoin(str(response.request.url), response.headers.get("Location", "")))
    except (httpx.InvalidURL, ValueError):
        return None


def _read_success(response: httpx.Response, label: RequestLabel, expected: Expected) -> ReceivedBody:
    """Return the body of a successful response; raise the errors of `exchange` for anything else."""
    status = response.status_code
    if status in expected.statuses:
        return ReceivedBody(response, label, expected.max_bytes)
    asks_to_wait = status == httpx.codes.FORBIDDEN and "Retry-After" in response.headers
    if status in TRANSIENT_4XX or status >= FIRST_5XX or asks_to_wait:
        reason = f"answered {status}"
        raise TransientError(reason, retry_after(response), status=status)
    if status >= FIRST_4XX:
        raise _refusal(response, label)
    raise _redirect(response, label) if response.has_redirect_location else _unexpected(status, label)


def retry_after(response: httpx.Response) -> float | None:
    """Return the wait of a `Retry-After` in seconds, sent as seconds or as an HTTP date; None if it cannot be read.

    A date is compared with the server's own `Date` header if there is one, because its clock may differ from ours. If
    there are several headers, the longest wait is returned.
    """
    waits = [wait for value in response.headers.get_list("Retry-After") for wait in _waits(value, response)]
    return max(waits, default=None)


def _waits(value: str, response: httpx.Response) -> list[float]:
    # Servers send fractions of a second, which the standard does not allow, and several headers joined by a proxy.
    numbers = [part.strip() for part in value.split(",")]
    if all(re.fullmatch(r"[0-9]+(\.[0-9]*)?", number) for number in numbers):
        return [float(number[:12]) for number in numbers]
    until = http_date(value)
    if until is None:
        return []
    now = http_date(response.headers.get("Date", "")) or datetime.now(UTC)
    return [max((until - now).total_seconds(), 0.0)]


def http_date(value: str) -> datetime | None:
    """Return the instant that a header names; None if it cannot be read."""
    try:
        found = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _receive(response: httpx.Response, label: RequestLabel, max_bytes: int) -> PackedBody:
    try:
        return receive_body(response, max_bytes)
    except BodyTooLongError:
        error = _too_long(label, max_bytes)
    except UnknownEncodingError:
        way_out = "If INN8 has changed its responses on purpose, the client must be changed; then rerun."
        finding = "is compressed otherwise than by gzip, the only encoding we ask for"
        error = ContractError(f"The response to {label}", finding, way_out)
    raise error


def _too_long(label: RequestLabel, max_bytes: int) -> ContractError:
    way_out = "If INN8 sends that much on purpose, raise INN8_MAX_BODY; then rerun."
    return ContractError(f"The response to {label}", f"is longer than {max_bytes} bytes", way_out)


def _unexpected(status: int, label: RequestLabel) -> ContractError:
    return ContractError(f"The response to {label}", f"has the status {status}, where 200 was expected")


def _refusal(response: httpx.Response, label: RequestLabel) -> RefusedRequestError:
    body = b""
    with contextlib.suppress(BodyTooLongError, UnknownEncodingError, BodyBrokenError, httpx.TransportError):
        body = read_body(response, ERROR_BODY_BYTES)
    declared = response.headers.get("Content-Length", "")
    length = int(declared) if re.fullmatch(r"[0-9]{1,15}", declared) else len(body)
    keys = top_level_keys(body)
    return RefusedRequestError(
        label.method, label.shown_path, response.status_code, content_type(response), length, keys
    )


def _redirect(response: httpx.Response, label: RequestLabel) -> ContractError:
    target = _redirect_target(response)
    if target is None:
        where = "what is not an address"
    else:
        where = origin_difference(target, response.request.url) or shown_path(target)
    finding = f"is a redirect ({response.status_code}) to {where}, which was not followed"
    return ContractError(f"The response to {label}", finding, "Check INN8_BASE_URL; then rerun.")


def content_type(response: httpx.Response) -> str:
    """Return the media type of a response; empty if it does not look like one."""
    found = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return found if re.fullmatch(r"[a-z0-9.+-]{1,40}/[a-z0-9.+-]{1,60}", found) else ""


def transport_failure(error: httpx.TransportError) -> str:
    """Return what INN8, or the network on the way to it, did."""
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
    (httpx.ProtocolError, "broke off, or sent invalid HTTP"),
    (httpx.NetworkError, "broke off the connection"),
)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        # The connection pool raises its errors again "from None", which keeps their context.
        error = error.__cause__ or error.__context__
