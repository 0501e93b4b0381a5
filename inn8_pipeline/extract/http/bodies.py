"""Read and decompress the body of a response in bounded memory, however much it is compressed."""

import io
import zlib
from collections.abc import Iterator

import httpx

GZIP = zlib.MAX_WBITS | 16
NO_CODINGS = frozenset({"identity", "none", ""})
MAX_LAYERS = 3
"""The most layers of gzip within gzip: a proxy may compress a body that the server has compressed."""
PART_BYTES = 256 * 1024
"""Bytes to decompress at a time. A decompression bomb exceeds the bound by at most this much."""


class BodyTooLongError(Exception):
    """The body is longer than the bound."""


class BodyBrokenError(Exception):
    """The body ended early, or cannot be decompressed."""


class UnknownEncodingError(Exception):
    """The body has an encoding that the request does not accept."""


def read_body(response: httpx.Response, max_bytes: int) -> bytes:
    """Return the whole body, decompressed.

    Neither the bytes received nor the decompressed bytes exceed the bound by more than one part.

    Raises:
        BodyTooLongError: The body is longer than `max_bytes`, compressed or decompressed.
        BodyBrokenError: The body ended early, or cannot be decompressed.
        UnknownEncodingError: The body has another encoding than gzip.
        httpx.TransportError: The connection failed.

    """
    codings = [each.strip().lower() for each in response.headers.get("Content-Encoding", "").split(",")]
    layers = [each for each in codings if each not in NO_CODINGS]
    if len(layers) > MAX_LAYERS or not {"gzip", "x-gzip"}.issuperset(layers):
        raise UnknownEncodingError
    parts = _bounded(response.iter_raw(), max_bytes)
    for _ in layers:
        parts = _bounded(_gunzip(parts), max_bytes)
    # One buffer, because a list of a million parts of one byte each would need far more memory than the bytes.
    whole = io.BytesIO()
    for part in parts:
        whole.write(part)
    return whole.getvalue()


def _bounded(parts: Iterator[bytes], max_bytes: int) -> Iterator[bytes]:
    """Yield the parts, up to the bound. Compressed parts are bounded too: endless ones may decompress to nothing."""
    received = 0
    for part in parts:
        received += len(part)
        if received > max_bytes:
            raise BodyTooLongError
        yield part


def _gunzip(parts: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the decompressed parts, each of bounded size; a stream of several gzip members is one body."""
    member = zlib.decompressobj(GZIP)
    for part in parts:
        packed = part
        while packed:
            if member.eof:
                member = zlib.decompressobj(GZIP)
            yield from _inflate(member, packed)
            packed = member.unused_data
    if not member.eof:
        raise BodyBrokenError


def _inflate(member: "zlib._Decompress", packed: bytes) -> Iterator[bytes]:
    """Yield the decompressed bytes of one gzip member, in parts of bounded size."""
    part = b"x" * PART_BYTES
    while len(part) == PART_BYTES:
        try:
            part = member.decompress(packed, PART_BYTES)
        except zlib.error:
            raise BodyBrokenError from None
        packed = member.unconsumed_tail
        yield part
