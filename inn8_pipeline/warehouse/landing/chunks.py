"""Cut the records of a fetch into chunks by their content, so that a landing stores only what is new.

A chunk ends after a record whose checksum ends with zeros, wherever the pages of INN8 end: after an insertion or a
deletion the cuts before and behind it are the same as before. docs/decisions/0033 has the measurements.
"""

import hashlib
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Self

import msgspec

CHUNK_MASK = 31
"""A chunk ends after one record of 32, on average: a change of one record in 100 leaves most chunks as they are."""
MAX_CHUNK_RECORDS = 256
MAX_CHUNK_BYTES = 256 * 1024
GROUP_MASK = 31
"""A group ends after one chunk of 32, on average."""
MAX_GROUP_CHUNKS = 256
MAX_GROUP_BYTES = 4 * 1024 * 1024
DIGEST_BYTES = 16
"""How much of the SHA-256 of a record is kept. Two different records of an id would have the same by chance only."""


def digest_of(record: bytes) -> bytes:
    """Return the digest of a record, over its bytes as sent."""
    return hashlib.sha256(record).digest()[:DIGEST_BYTES]


@dataclass(frozen=True, slots=True)
class Chunk:
    """A JSON array of consecutive records, each verbatim as it was sent."""

    body: bytes = field(repr=False)
    records: int
    digest: bytes
    texts: Sequence[bytes] | None = field(default=None, repr=False, compare=False)

    @classmethod
    def of(cls, body: bytes, records: int, texts: Sequence[bytes] | None = None) -> Self:
        """Return the chunk with its digest. `texts` are the records, if they are known."""
        return cls(body, records, hashlib.sha256(body).digest(), texts)

    def record_digests(self) -> bytes | None:
        """Return the digests of the records, one after the other; None if the body cannot be split.

        Most chunks are stored already, so only those that are new pay for it.
        """
        records = split(self.body) if self.texts is None else self.texts
        return None if records is None else b"".join(map(digest_of, records))


@dataclass(frozen=True, slots=True)
class ChunkGroup:
    """Consecutive chunks, and the sum of their sizes. The digest is that of their digests, one after the other."""

    chunks: Sequence[Chunk]
    digest: bytes
    bytes: int


class Chunker:
    """Cut the records of a fetch into chunks and groups, page by page."""

    def __init__(self) -> None:
        self._records: list[bytes] = []
        self._record_bytes = 0
        self._chunks: list[Chunk] = []
        self._chunk_bytes = 0

    def add(self, records: Sequence[bytes]) -> Iterator[ChunkGroup]:
        """Yield the groups that end within these records, which follow those added before."""
        for record in records:
            self._records.append(record)
            self._record_bytes += len(record)
            if (
                not zlib.crc32(record) & CHUNK_MASK
                or len(self._records) >= MAX_CHUNK_RECORDS
                or self._record_bytes >= MAX_CHUNK_BYTES
            ):
                self._end_chunk()
                if (
                    not self._chunks[-1].digest[-1] & GROUP_MASK
                    or len(self._chunks) >= MAX_GROUP_CHUNKS
                    or self._chunk_bytes >= MAX_GROUP_BYTES
                ):
                    yield self._end_group()

    def end(self) -> Iterator[ChunkGroup]:
        """Yield the group of the records that are left, if there are any."""
        if self._records:
            self._end_chunk()
        if self._chunks:
            yield self._end_group()

    def _end_chunk(self) -> None:
        body = b"[%b]" % b",".join(self._records)
        self._chunks.append(Chunk.of(body, len(self._records), self._records))
        self._chunk_bytes += len(body)
        self._records, self._record_bytes = [], 0

    def _end_group(self) -> ChunkGroup:
        digest = hashlib.sha256(b"".join(chunk.digest for chunk in self._chunks)).digest()
        group = ChunkGroup(self._chunks, digest, self._chunk_bytes)
        self._chunks, self._chunk_bytes = [], 0
        return group


def split(body: bytes) -> Sequence[bytes] | None:
    """Return the records of a page, byte for byte; None if it must be stored as it is, because it cannot be split."""
    try:
        return msgspec.json.decode(body, type=list[msgspec.Raw])
    except (msgspec.DecodeError, RecursionError):
        return None
