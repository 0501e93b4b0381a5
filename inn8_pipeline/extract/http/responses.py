"""Classify responses by status: success, transient failure, refusal, or not the API we know.

This is the contract's table of errors, for collections and the token endpoint alike. `retry` retries what is transient.
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
"""Read of a refusal's body, for its top-level keys; the rest is left."""
FIRST_4XX, FIRST_5XX = 400, 500


class TransientError(Exception):
    """An attempt failed in a way that may heal. Internal: `retry` raises a TransientApiError when no retry is left.

    Attributes:
        reason: What INN8 did, in our words.
        retry_after_seconds: The wait that the server asked for, unbounded, or None.

    """

    def __init__(self, reason: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after_seconds = retry_after_seconds


@dataclass(frozen=True, slots=True)
class RequestLabel:
    """A request as an error message may name it: without query and secrets."""

    method: str
    path: str
    page: int = 1

    def __str__(self) -> str:
        """Return `GET /clients`, with the page number beyond the first."""
        return f"{self.method} {self.shown_path}"

    @property
    def shown_path(self) -> str:
        """The path, with the page number beyond the first."""
        return self.path if self.page == 1 else f"{self.path} (page {self.page})"


def exchange(
    http: httpx.Client, request: httpx.Request, label: RequestLabel, max_bytes: int
) -> tuple[httpx.Response, bytes]:
    """Send a request and return the response, which is a 200, with its whole body.

    Raises:
        TransientError: The connection failed, or the status is one that may heal.
        RefusedRequestError: INN8 refused the request (4xx).
        ContractError: Any other status, or a body that is too long or encoded in an unknown way.

    """
    try:
        response = http.send(request, stream=True)
        with contextlib.closing(response):
            return response, _read_success(response, label, max_bytes)
    except httpx.TransportError as error:
        reason = _reason_of(error)
    except BodyBrokenError:
        reason = "cut its response short"
    # Raised out here, so that httpx's error, which holds the request with its secrets, is not even the context.
    raise TransientError(reason)


def _read_success(response: httpx.Response, label: RequestLabel, max_bytes: int) -> bytes:
    """Return the body of a 200; raise the errors of `exchange` for anything else."""
    status = response.status_code
    if status == httpx.codes.OK:
        return _read(response, label, max_bytes)
    if status in {httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_MANY_REQUESTS} or status >= FIRST_5XX:
        reason = f"answered {status}"
        raise TransientError(reason, retry_after(response))
    if status >= FIRST_4XX:
        raise _refusal(response, label)
    raise _redirect(response, label) if response.has_redirect_location else _unexpected(status, label)


def retry_after(response: httpx.Response) -> float | None:
    """Return the seconds that a `Retry-After` asks for, given in seconds or as an HTTP date; None if it is unreadable.

    A date counts from the server's own `Date`, if there is one, because its clock may differ from ours.
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


def _read(response: httpx.Response, label: RequestLabel, max_bytes: int) -> bytes:
    way_out = "If INN8 has changed its responses on purpose, the client must be changed; then rerun."
    try:
        return read_body(response, max_bytes)
    except BodyTooLongError:
        finding = f"is longer than {max_bytes} bytes"
        way_out = "If INN8 sends that much on purpose, raise INN8_MAX_BODY; then rerun."
    except UnknownEncodingError:
        finding = "is compressed otherwise than by gzip, the only encoding we ask for"
    subject = f"The response to {label}"
    raise ContractError(subject, finding, way_out)


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
    try:
        host = shown_host(httpx.URL(response.headers.get("Location", "")))
    except httpx.InvalidURL:
        host = "a host with a strange name"
    finding = f"is a redirect ({response.status_code}) to {host or 'another path'}, which was not followed"
    return ContractError(f"The response to {label}", finding, "Check INN8_BASE_URL; then rerun.")


def content_type(response: httpx.Response) -> str:
    """Return the media type of a response; empty if it does not look like one."""
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
    (httpx.ProtocolError, "broke off, or sent invalid HTTP"),
    (httpx.NetworkError, "broke off the connection"),
)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        # The connection pool raises its errors again "from None", which leaves the context alone.
        error = error.__cause__ or error.__context__
