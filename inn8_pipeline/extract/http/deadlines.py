"""Bound the time of a whole attempt, and allow it to be cancelled.

The timeouts of HTTP libraries start again with every byte, so a server that sends single bytes could prolong an attempt
for ever. This transport applies the deadline and the cancellation of the attempt to every read.
"""

import ssl
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Event
from typing import Any

import httpcore
import httpx

SLICE_SECONDS = 0.1
"""How often a waiting read checks whether its attempt was cancelled."""


class _Limit:
    """The time limit of this thread's attempt, and the event that ends the attempt earlier."""

    def __init__(self, seconds: float, cancelled: Event) -> None:
        self.ends_at = time.monotonic() + seconds
        self.cancelled = cancelled

    def next_wait_seconds(self, timeout: float) -> float:
        """Return how long the next wait may be; zero or less if the time is up."""
        if self.cancelled.is_set():
            return 0.0
        return min(self.ends_at - time.monotonic(), timeout, SLICE_SECONDS)


_LIMIT: ContextVar[_Limit | None] = ContextVar("limit", default=None)


@contextmanager
def time_limit(seconds: float, cancelled: Event) -> Iterator[None]:
    """Let reads of this thread through `DeadlineTransport` time out after `seconds`, or once `cancelled` is set."""
    token = _LIMIT.set(_Limit(seconds, cancelled))
    try:
        yield
    finally:
        _LIMIT.reset(token)


class _DeadlineStream(httpcore.NetworkStream):
    """A connection whose reads time out at the attempt's deadline."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        limit = _LIMIT.get()
        if limit is None or timeout is None:
            return self._stream.read(max_bytes, timeout)
        gives_up_at = time.monotonic() + timeout
        while (wait := limit.next_wait_seconds(gives_up_at - time.monotonic())) > 0:
            try:
                return self._stream.read(max_bytes, wait)
            except httpcore.ReadTimeout:
                continue
        raise httpcore.ReadTimeout

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, timeout)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _DeadlineStream(self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 (so declared by the base class)
        return self._stream.get_extra_info(info)


class _DeadlineBackend(httpcore.NetworkBackend):
    """Open connections that obey the attempt's deadline."""

    def __init__(self) -> None:
        self._backend = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        return _DeadlineStream(self._backend.connect_tcp(host, port, timeout, local_address, socket_options))

    def sleep(self, seconds: float) -> None:
        self._backend.sleep(seconds)


class _Stream(httpx.SyncByteStream):
    """The body of a response; httpcore's errors are raised as httpx's."""

    def __init__(self, parts: Any) -> None:  # noqa: ANN401 (httpcore declares no type that has both halves)
        self._parts = parts

    def __iter__(self) -> Iterator[bytes]:
        with _errors_of_httpx():
            yield from self._parts

    def close(self) -> None:
        self._parts.close()


class DeadlineTransport(httpx.BaseTransport):
    """A transport of httpx over a pool of connections, with each read bounded by `time_limit`.

    httpx has no public way to give its own transport a network backend. The transport uses no proxy, because the
    environment must not decide where the credentials are sent.
    """

    def __init__(self, tls: ssl.SSLContext | None, connections: int) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=tls,
            max_connections=connections,
            max_keepalive_connections=connections,
            keepalive_expiry=5.0,
            network_backend=_DeadlineBackend(),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request and return the response with its body unread."""
        url = request.url
        target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        bare = httpcore.Request(
            request.method,
            target,
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        with _errors_of_httpx():
            response = self._pool.handle_request(bare)
        return httpx.Response(
            response.status, headers=response.headers, stream=_Stream(response.stream), extensions=response.extensions
        )

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()


_TRANSLATIONS: tuple[tuple[type[Exception], type[httpx.TransportError]], ...] = (
    (httpcore.ConnectTimeout, httpx.ConnectTimeout),
    (httpcore.WriteTimeout, httpx.WriteTimeout),
    (httpcore.PoolTimeout, httpx.PoolTimeout),
    (httpcore.TimeoutException, httpx.ReadTimeout),
    (httpcore.ConnectError, httpx.ConnectError),
    (httpcore.WriteError, httpx.WriteError),
    (httpcore.NetworkError, httpx.ReadError),
    (httpcore.LocalProtocolError, httpx.LocalProtocolError),
    (httpcore.ProtocolError, httpx.RemoteProtocolError),
    (httpcore.UnsupportedProtocol, httpx.UnsupportedProtocol),
)


@contextmanager
def _errors_of_httpx() -> Iterator[None]:
    """Raise httpcore's errors as httpx's, as httpx's own transport does."""
    try:
        yield
    except tuple(known for known, _ in _TRANSLATIONS) as error:
        translated = next(ours for known, ours in _TRANSLATIONS if isinstance(error, known))
        raise translated(str(error)) from error
