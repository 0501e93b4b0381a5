"""Receive and decompress the body of a response in bounded memory, however much it is compressed."""

import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx

GZIP = zlib.MAX_WBITS | 16
NO_CODINGS = frozenset({"identity", "none", ""})
MAX_LAYERS = 3
"""The most layers of gzip within gzip: a proxy may compress a body that the server has compressed."""
PART_BYTES = 256 * 1024
"""Bytes to decompress at a time. A decompression bomb exceeds the bound by at most this much."""
PIECE_BYTES = 64 * 1024
"""Compressed bytes that are passed to the decompressor at a time: it copies what is left of them after each part."""


class BodyTooLongError(Exception):
    """The body is longer than the bound."""


class BodyBrokenError(Exception):
    """The body ended early, or cannot be decompressed."""


class UnknownEncodingError(Exception):
    """The body has an encoding that the request does not accept."""


@dataclass(frozen=True, slots=True)
class PackedBody:
    """The whole body of a response as it was sent, in so many layers of gzip."""

    packed: bytes = field(repr=False)
    layers: int

    def unpack(self, max_bytes: int) -> bytes:
        """Return the body, decompressed.

        Raises:
            BodyTooLongError: A layer of it is longer than `max_bytes`, by at most one part.
            BodyBrokenError: It cannot be decompressed, or ends early.

        """
        if not self.layers:
            return self.packed
        parts: Iterator[bytes] = (self.packed[at : at + PIECE_BYTES] for at in range(0, len(self.packed), PIECE_BYTES))
        for _ in range(self.layers):
            parts = _bounded(_gunzip(parts), max_bytes)
        return _joined(parts)


def read_body(response: httpx.Response, max_bytes: int) -> bytes:
    """Return the whole body, decompressed.

    Raises:
        BodyTooLongError: The body is longer than `max_bytes`, compressed or decompressed.
        BodyBrokenError: The body ended early, or cannot be decompressed.
        UnknownEncodingError: The body has another encoding than gzip.
        httpx.TransportError: The connection failed.

    """
    return receive_body(response, max_bytes).unpack(max_bytes)


def receive_body(response: httpx.Response, max_bytes: int) -> PackedBody:
    """Return the whole body as it is sent. The bytes received exceed the bound by at most one part.

    Raises:
        BodyTooLongError: The body is longer than `max_bytes`.
        UnknownEncodingError: The body has another encoding than gzip.
        httpx.TransportError: The connection failed.

    """
    codings = [each.strip().lower() for each in response.headers.get("Content-Encoding", "").split(",")]
    layers = [each for each in codings if each not in NO_CODINGS]
    if len(layers) > MAX_LAYERS or not {"gzip", "x-gzip"}.issuperset(layers):
        raise UnknownEncodingError
    return PackedBody(_joined(_bounded(response.iter_raw(), max_bytes)), len(layers))


def _joined(parts: Iterator[bytes]) -> bytes:
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
