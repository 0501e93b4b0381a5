"""The pages that landings refer to: chunks of records, or whole pages, each stored once under its digest."""

from bisect import bisect_left
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import cast

from psycopg import sql
from sqlalchemy import Connection, Engine

from inn8_pipeline.errors import LandingMissingError
from inn8_pipeline.warehouse import locks
from inn8_pipeline.warehouse.database import execute, raw, transaction
from inn8_pipeline.warehouse.landing.chunks import Chunk
from inn8_pipeline.warehouse.landing.store import Landing
from inn8_pipeline.warehouse.read_ahead import prefetch
from inn8_pipeline.warehouse.schema.landed_pages import NAMED_PAGES

READS_AHEAD = 2
"""How many reads are made in advance. Only a few pages of a landing are in memory at a time."""
READ_BYTES = 1024 * 1024
"""Small pages are read together up to this size. A read takes a round trip."""


def hold_pages(connection: Connection, tenant_id: str, *, for_pruning: bool = False) -> None:
    """Keep the tenant's pages from being pruned until the end of the transaction.

    A page that is stored already is not stored again, so it must not be pruned while a landing that refers to it is
    written. With `for_pruning` no other session may hold the pages meanwhile.
    """
    lock = locks.hold if for_pruning else locks.share
    lock(connection, locks.pages(tenant_id))


# In order: two fetches that insert the same pages at the same time would otherwise wait for each other in a circle.
_LACKING = sql.SQL(
    """
    select d.sha256 from unnest(%(digests)s::bytea[]) as d (sha256)
     where not exists (select from inn8_raw.pages p where p.tenant_id = %(tenant)s and p.sha256 = d.sha256)
     order by d.sha256
    """
)
_WRITE_PAGES = sql.SQL(
    """
    insert into inn8_raw.pages (tenant_id, sha256, body, record_count, byte_count, record_digests)
    select %(tenant)s, n.sha256, convert_from(n.body, 'UTF8')::json, n.records, octet_length(n.body), n.record_digests
      from unnest(%(digests)b::bytea[], %(bodies)b::bytea[], %(records)s::int[], %(record_digests)b::bytea[])
           as n (sha256, body, records, record_digests)
        on conflict do nothing
    """
)


def write_new(connection: Connection, tenant_id: str, pages: Sequence[Chunk]) -> None:
    """Store those of these pages that are not stored, each once."""
    known = {page.digest: page for page in pages}
    lacking = execute(connection, _LACKING, tenant=tenant_id, digests=list(known)).fetchall()
    new = [known[bytes(row["sha256"])] for row in lacking]
    if new:
        execute(
            connection,
            _WRITE_PAGES,
            tenant=tenant_id,
            digests=[page.digest for page in new],
            bodies=[page.body for page in new],
            records=[page.records for page in new],
            record_digests=[page.record_digests() for page in new],
        )


@dataclass(frozen=True, slots=True)
class ReadablePage:
    """A page of a landing as it is stored. `first` is the ordinal of its first record; `bytes` is its size."""

    digest: bytes
    first: int
    records: int
    bytes: int


@dataclass(frozen=True, slots=True)
class LandedPage:
    """The JSON text of an array of records, and the digests of its records one after the other, if they are stored."""

    body: bytes = field(repr=False)
    record_digests: bytes | None = field(default=None, repr=False)


def stored_pages(engine: Engine, landing: Landing) -> Iterator[LandedPage]:
    """Yield the landing's stored pages in order.

    Raises:
        LandingMissingError: A page was pruned.

    """
    return prefetch(_read(engine, landing, readable_pages(engine, landing)), READS_AHEAD)


_PAGES = sql.SQL(
    """
    select d.sha256, p.record_count, p.byte_count
      from {pages}
      left join inn8_raw.pages p on p.tenant_id = l.tenant_id and p.sha256 = d.sha256
     order by d.place
    """
).format(pages=NAMED_PAGES)


def readable_pages(engine: Engine, landing: Landing) -> list[ReadablePage]:
    """Return the pages that the landing refers to, itself or by its groups, in order.

    Raises:
        LandingMissingError: A page was pruned.

    """
    found: list[ReadablePage] = []
    first = 0
    with transaction(engine, "reading a landing") as connection:
        # Row by row, and binary: as dictionaries the rows of two million records took 25 MB.
        cursor = raw(connection).cursor(binary=True)
        values = {"tenant": landing.tenant_id, "digests": list(landing.digests)}
        for digest, records, size in cast("Iterable[tuple[bytes, int | None, int]]", cursor.execute(_PAGES, values)):
            if records is None:
                raise _pruned(landing)
            found.append(ReadablePage(digest, first, records, size))
            first += records
    return found


def _pruned(landing: Landing) -> LandingMissingError:
    return LandingMissingError(
        entity=landing.entity.name, wanted=f"this merge: pages of landing {landing.id} were pruned"
    )


_READ_PAGES = sql.SQL(
    """
    select convert_to(p.body::text, 'UTF8') as body, p.record_digests
      from unnest(%(digests)s::bytea[]) with ordinality as d (sha256, place)
      join inn8_raw.pages p on p.tenant_id = %(tenant)s and p.sha256 = d.sha256
     order by d.place
    """
)


def read_page(connection: Connection, tenant_id: str, digest: bytes) -> bytes | None:
    """Return the JSON text of a page; None if it is not stored."""
    return next((page.body for page in _read_pages(connection, tenant_id, [digest])), None)


def _read_pages(connection: Connection, tenant_id: str, digests: Sequence[bytes]) -> list[LandedPage]:
    """Return pages in this order, without those that are not stored."""
    # Binary, because in text format each byte would be sent as two hexadecimal digits.
    with raw(connection).cursor(binary=True) as cursor:
        rows = cursor.execute(_READ_PAGES, {"tenant": tenant_id, "digests": list(digests)}).fetchall()
    return [LandedPage(*cast("tuple[bytes, bytes | None]", row)) for row in rows]


def _read(engine: Engine, landing: Landing, pages: Sequence[ReadablePage]) -> Generator[LandedPage, None, None]:
    with transaction(engine, "reading a landing") as connection:
        for digests in _reads(pages):
            found = _read_pages(connection, landing.tenant_id, digests)
            if len(found) < len(digests):
                raise _pruned(landing)
            yield from found


def _reads(pages: Sequence[ReadablePage]) -> Iterator[list[bytes]]:
    """Yield the digests of consecutive pages that are read together."""
    digests: list[bytes] = []
    size = 0
    for page in pages:
        if digests and size + page.bytes > READ_BYTES:
            yield digests
            digests, size = [], 0
        digests.append(page.digest)
        size += page.bytes
    if digests:
        yield digests


def pages_with(engine: Engine, landing: Landing, ordinals: Sequence[int]) -> Iterator[tuple[int, LandedPage]]:
    """Yield the stored pages that have one of these records (ascending), each with the ordinal of its first record.

    Raises:
        LandingMissingError: A page was pruned.

    """
    chosen: list[ReadablePage] = []
    for page in readable_pages(engine, landing):
        at = bisect_left(ordinals, page.first)
        if at < len(ordinals) and ordinals[at] < page.first + page.records:
            chosen.append(page)
    read = prefetch(_read(engine, landing, chosen), READS_AHEAD)
    yield from zip((page.first for page in chosen), read, strict=True)
