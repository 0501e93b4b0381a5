"""The bytes of one answer, decompressed, within a bound of memory: no body, however it is packed, grows past it.

Here belongs the way from the wire to bytes. What the bytes say is `page`'s and `answers`'s.
"""

import io
import zlib
from collections.abc import Iterator

import httpx

GZIP = zlib.MAX_WBITS | 16
PART_BYTES = 256 * 1024
"""Decompressed at a time: a bomb is noticed after one such part too many."""


class BodyTooLongError(Exception):
    """The body goes on past the bound."""


class BodyBrokenError(Exception):
    """The body ended, or broke, before it was whole."""


class UnknownEncodingError(Exception):
    """The body is encoded in a way that was not asked for."""


def read_body(response: httpx.Response, max_bytes: int) -> bytes:
    """The whole body, decompressed.

    Raises one of the errors above, or httpx's transport errors. Neither the bytes received nor the bytes that they
    decompress to exceed the bound by more than one part.
    """
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    parts = _bounded(response.iter_raw(), max_bytes)
    if encoding in {"gzip", "x-gzip"}:
        return _collect(_gunzip(parts), max_bytes)
    if encoding in {"identity", ""}:
        return _collect(parts, max_bytes)
    raise UnknownEncodingError


def _bounded(parts: Iterator[bytes], max_bytes: int) -> Iterator[bytes]:
    """The parts as received; a packed stream may go on for ever without yielding a byte."""
    received = 0
    for part in parts:
        received += len(part)
        if received > max_bytes:
            raise BodyTooLongError
        yield part


def _collect(parts: Iterator[bytes], max_bytes: int) -> bytes:
    # One buffer: a list of a million parts of one byte each would cost far more than the bytes.
    whole = io.BytesIO()
    for part in parts:
        if whole.tell() + len(part) > max_bytes:
            raise BodyTooLongError
        whole.write(part)
    return whole.getvalue()


def _gunzip(parts: Iterator[bytes]) -> Iterator[bytes]:
    """The decompressed parts, each of them bounded; a stream of several gzip members is one body."""
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
    """All that the packed bytes hold of one member, a bounded part at a time."""
    part = b"x" * PART_BYTES
    while len(part) == PART_BYTES:
        try:
            part = member.decompress(packed, PART_BYTES)
        except zlib.error:
            raise BodyBrokenError from None
        packed = member.unconsumed_tail
        yield part
