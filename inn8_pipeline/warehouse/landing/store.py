"""Store and read landings: the records of a fetch, verbatim. Equal chunks of records, or equal pages, are stored once.

A landing is used only once it is complete.
"""

import hashlib
import weakref
from bisect import bisect_left
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from types import TracebackType
from typing import Any, Self, cast

from psycopg import sql
from sqlalchemy import Connection, Engine

from inn8_pipeline.entities import ENTITIES, Entity, Window
from inn8_pipeline.errors import LandingMissingError
from inn8_pipeline.warehouse import locks
from inn8_pipeline.warehouse.database import execute, guarded, raw, transaction
from inn8_pipeline.warehouse.landing import chunks, clock_skew
from inn8_pipeline.warehouse.read_ahead import prefetch
from inn8_pipeline.warehouse.schema import migrations
from inn8_pipeline.warehouse.schema.landed_pages import pages_of

READS_AHEAD = 2
"""How many reads are made in advance. Only a few pages of a landing are in memory at a time."""
READ_BYTES = 256 * 1024
"""Small pages are read together up to this size. A read takes a round trip."""


@dataclass(frozen=True, slots=True)
class Landing:
    """One complete fetch. `records` and `bytes` are sums over all pages; `window` is None for entities without days.

    `digests` are those of the stored pages and groups, `pages` is the number of pages that INN8 has, `unchanged_pages`
    the number of those that were not sent again. `unproven_end` says why more pages may follow the last one; None if it
    is the last one.
    """

    id: int
    tenant_id: str
    entity: Entity
    window: Window | None
    run_id: str
    started_at: datetime
    completed_at: datetime
    digests: tuple[bytes, ...] = field(repr=False)
    pages: int
    records: int
    bytes: int
    retries: int
    waited_seconds: int
    has_duplicates: bool
    unproven_end: str | None
    unchanged_pages: int

    @property
    def proves_absence(self) -> bool:
        """False if INN8 may have records that the landing lacks: pages overlapped, or more of them may follow."""
        return not self.has_duplicates and self.unproven_end is None


def _landing(row: Mapping[str, Any]) -> Landing:
    return Landing(
        id=row["id"],
        tenant_id=row["tenant_id"],
        entity=ENTITIES.named(row["entity"]),
        window=Window(row["from_date"], row["to_date"]) if row["from_date"] else None,
        run_id=row["run_id"],
        started_at=row["started_at"],
        completed_at=row["completed_at"],
        digests=tuple(bytes(digest) for digest in row["page_digests"]),
        pages=len(row["page_digests"]) if row["page_count"] is None else row["page_count"],
        records=row["record_count"],
        bytes=row["byte_count"],
        retries=row["retry_count"],
        waited_seconds=row["waited_seconds"] or 0,
        has_duplicates=row["has_duplicates"],
        unproven_end=row["unproven_end"],
        unchanged_pages=row["unchanged_pages"] or 0,
    )


# Always later than the previous landing: even if the clock was slightly ahead, landings are in the order of their ids.
_OPEN = sql.SQL(
    """
    insert into inn8_raw.landings (tenant_id, entity, from_date, to_date, run_id, started_at)
    select %(tenant)s, %(entity)s, %(from_date)s, %(to_date)s, %(run_id)s,
           greatest(clock_timestamp(), max(started_at) + interval '1 microsecond')
      from inn8_raw.landings where tenant_id = %(tenant)s and entity = %(entity)s
    returning id
    """
)
_WRITE_WITHOUT_WAITING = sql.SQL("set synchronous_commit = off")
_WAIT_FOR_THE_DISK = sql.SQL("reset synchronous_commit")
_IS_STORED = sql.SQL("select from inn8_raw.pages where tenant_id = %(tenant)s and sha256 = %(digest)s")
_IS_GROUP_STORED = sql.SQL(
    """
    select from inn8_raw.page_groups g
     where g.tenant_id = %(tenant)s and g.sha256 = %(digest)s
       and not exists (select from unnest(g.page_digests) as d (sha256)
                        where not exists (select from inn8_raw.pages p
                                           where p.tenant_id = g.tenant_id and p.sha256 = d.sha256))
    """
)
_LACKING = sql.SQL(
    """
    select d.sha256 from unnest(%(digests)s::bytea[]) as d (sha256)
     where not exists (select from inn8_raw.pages p where p.tenant_id = %(tenant)s and p.sha256 = d.sha256)
    """
)
_WRITE_PAGES = sql.SQL(
    """
    insert into inn8_raw.pages (tenant_id, sha256, body, record_count, byte_count)
    select %(tenant)s, n.sha256, convert_from(n.body, 'UTF8')::json, n.records, octet_length(n.body)
      from unnest(%(digests)b::bytea[], %(bodies)b::bytea[], %(records)s::int[]) as n (sha256, body, records)
        on conflict do nothing
    """
)
_WRITE_GROUP = sql.SQL(
    """
    insert into inn8_raw.page_groups (tenant_id, sha256, page_digests)
    values (%(tenant)s, %(digest)s, %(pages)s::bytea[])
        on conflict do nothing
    """
)
_COMPLETE = sql.SQL(
    """
    update inn8_raw.landings
       set completed_at = clock_timestamp(), page_digests = %(digests)s, record_count = %(records)s,
           byte_count = %(bytes)s, retry_count = %(retries)s, has_duplicates = %(has_duplicates)s,
           waited_seconds = %(waited_seconds)s, unproven_end = %(unproven_end)s,
           unchanged_pages = %(unchanged_pages)s, page_count = %(pages)s
     where tenant_id = %(tenant)s and id = %(landing)s
    returning *
    """
)


class LandingWriter:
    """Store the pages of one fetch in order. The landing is used only after `complete`.

    With `in_chunks` their records are stored in chunks that do not end where the pages end; otherwise the pages are
    stored as they are, so that each can be found by its digest.

    A landing that is not completed is never read, and retention deletes its pages later. The writer has a connection
    that writes and one that shares the lock of fetches, so that no session rewrites or prunes pages meanwhile. Both are
    closed by `complete`, at the end of a `with`, or when the writer is garbage-collected.
    """

    def __init__(  # noqa: PLR0913 (where, whose, what, and how)
        self,
        engine: Engine,
        tenant_id: str,
        entity: Entity,
        window: Window | None,
        run_id: str,
        *,
        in_chunks: bool = True,
    ) -> None:
        """Insert the landing. Its `started_at` is the time of the database, before the first page is requested."""
        self._tenant_id = tenant_id
        self._entity = entity
        self._chunker = chunks.Chunker() if in_chunks else None
        self._digests: list[bytes] = []
        self._pages = 0
        self._records = 0
        self._bytes = 0
        action = f"opening a landing of {entity}"
        with ExitStack() as opened:
            with guarded(action):
                self._connection = opened.enter_context(engine.connect())
            with self._transaction(action) as connection:
                migrations.check(connection)
            # Before the landing is inserted, so that without a session that holds it, every incomplete landing failed.
            self._lock = locks.SharedLock(engine, locks.fetches(tenant_id))
            opened.callback(self._lock.close)
            self.id = self._open(action, window, run_id)
            self._close = weakref.finalize(self, opened.pop_all().close)

    def __enter__(self) -> Self:
        """Return the writer."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections. A landing that is not complete by now will never be."""
        self._close()

    def _open(self, action: str, window: Window | None, run_id: str) -> int:
        with self._transaction(action) as connection:
            clock_skew.check(connection, self._tenant_id, self._entity)
            hold_pages(connection, self._tenant_id)
            landing_id = self._insert(connection, window, run_id)
        with guarded(action):
            self._commit_each_statement()
        return landing_id

    def _insert(self, connection: Connection, window: Window | None, run_id: str) -> int:
        opened = execute(
            connection,
            _OPEN,
            tenant=self._tenant_id,
            entity=self._entity.name,
            from_date=window and window.from_date,
            to_date=window and window.to_date,
            run_id=run_id,
        )
        return int(opened.fetchall()[0]["id"])

    def _commit_each_statement(self) -> None:
        """Switch to autocommit, so that a page costs one round trip to look for it, and a second one if it is new.

        Only the completion of the landing waits for the disk, and with it for the pages written before.
        """
        self._connection = self._connection.execution_options(isolation_level="AUTOCOMMIT")
        execute(self._connection, _WRITE_WITHOUT_WAITING)

    def add(self, body: bytes, records: int) -> None:
        """Store a page, except what is stored already."""
        self._pages += 1
        self._records += records
        self._bytes += len(body)
        found = chunks.split(body) if self._chunker else None
        if self._chunker and found is not None:
            self._add_groups(self._chunker.add(found))
        else:
            self._end_chunks()
            self._add_page(body, records)

    def _add_page(self, body: bytes, records: int) -> None:
        digest = hashlib.sha256(body).digest()
        with self._transaction("writing a page") as connection:
            if not execute(connection, _IS_STORED, tenant=self._tenant_id, digest=digest).fetchone():
                write_page(connection, self._tenant_id, digest, body, records)
        self._digests.append(digest)

    def _end_chunks(self) -> None:
        if self._chunker:
            self._add_groups(self._chunker.end())

    def _add_groups(self, groups: Iterable[chunks.ChunkGroup]) -> None:
        for group in groups:
            with self._transaction("writing a page") as connection:
                names = {"tenant": self._tenant_id, "digest": group.digest}
                if not execute(connection, _IS_GROUP_STORED, **names).fetchone():
                    self._write_chunks(connection, group.chunks)
                    digests = [chunk.digest for chunk in group.chunks]
                    execute(connection, _WRITE_GROUP, **names, pages=digests)
            self._digests.append(group.digest)

    def _write_chunks(self, connection: Connection, sent: Sequence[chunks.Chunk]) -> None:
        """Write those of these chunks that are not stored, each once."""
        known = {chunk.digest: chunk for chunk in sent}
        lacking = [row["sha256"] for row in execute(connection, _LACKING, tenant=self._tenant_id, digests=list(known))]
        new = [known[bytes(digest)] for digest in lacking]
        if new:
            execute(
                connection,
                _WRITE_PAGES,
                tenant=self._tenant_id,
                digests=[chunk.digest for chunk in new],
                bodies=[chunk.body for chunk in new],
                records=[chunk.records for chunk in new],
            )

    def complete(
        self,
        *,
        retries: int,
        has_duplicates: bool,
        waited_seconds: float = 0.0,
        unproven_end: str | None = None,
        unchanged_pages: int = 0,
    ) -> Landing:
        """Mark the landing as complete, and return it.

        Raises:
            LandingMissingError: The fetch took so long that retention deleted the landing.
            DatabaseError: The lock of fetches was lost, so pages that the landing relies on may be gone.

        """
        self._end_chunks()
        self._lock.check()
        with self._transaction("completing a landing") as connection:
            execute(connection, _WAIT_FOR_THE_DISK)
            row = execute(
                connection,
                _COMPLETE,
                tenant=self._tenant_id,
                landing=self.id,
                digests=self._digests,
                pages=self._pages,
                records=self._records,
                bytes=self._bytes,
                retries=retries,
                has_duplicates=has_duplicates,
                waited_seconds=round(waited_seconds),
                unproven_end=unproven_end,
                unchanged_pages=unchanged_pages,
            ).fetchone()
        self._close()
        if row is None:
            raise LandingMissingError(
                entity=self._entity.name, wanted=f"this sync: landing {self.id} was pruned before it was complete"
            )
        return _landing(row)

    @contextmanager
    def _transaction(self, action: str) -> Iterator[Connection]:
        with guarded(action), self._connection.begin():
            yield self._connection


def hold_pages(connection: Connection, tenant_id: str, *, for_pruning: bool = False) -> None:
    """Keep the tenant's pages from being pruned until the end of the transaction.

    A page that is stored already is not stored again, so it must not be pruned while a landing that refers to it is
    written. With `for_pruning` no other session may hold the pages meanwhile.
    """
    lock = locks.hold if for_pruning else locks.share
    lock(connection, locks.pages(tenant_id))


_WRITE_PAGE = sql.SQL(
    """
    insert into inn8_raw.pages (tenant_id, sha256, body, record_count, byte_count)
    values (%(tenant)s, %(digest)s, convert_from(%(body)b, 'UTF8')::json, %(records)s, %(bytes)s)
        on conflict do nothing
    """
)


def write_page(connection: Connection, tenant_id: str, digest: bytes, body: bytes, records: int) -> None:
    """Store a page under its digest, unless it is stored already."""
    execute(connection, _WRITE_PAGE, tenant=tenant_id, digest=digest, body=body, records=records, bytes=len(body))


@dataclass(frozen=True, slots=True)
class ReadablePage:
    """A page of a landing as it is stored. `first` is the ordinal of its first record; `bytes` is its size."""

    digest: bytes
    first: int
    records: int
    bytes: int


def bodies(engine: Engine, landing: Landing) -> Iterator[bytes]:
    """Yield the landing's stored pages in order, each the JSON text of an array.

    Raises:
        LandingMissingError: A page was pruned.

    """
    return prefetch(_read(engine, landing, readable_pages(engine, landing)), READS_AHEAD)


# The digests are those of the landing as it was fetched: an erasure since then gives it others, and fewer records.
_PAGES = sql.SQL(
    """
    select d.sha256, p.record_count, p.byte_count
      from (select %(tenant)s::text as tenant_id, %(digests)s::bytea[] as page_digests) l {pages}
      left join inn8_raw.pages p on p.tenant_id = l.tenant_id and p.sha256 = d.sha256
     order by d.place
    """
).format(pages=pages_of("l"))


def readable_pages(engine: Engine, landing: Landing) -> list[ReadablePage]:
    """Return the pages that the landing refers to, itself or by its groups, in order.

    Raises:
        LandingMissingError: A page was pruned.

    """
    with transaction(engine, "reading a landing") as connection:
        rows = execute(connection, _PAGES, tenant=landing.tenant_id, digests=list(landing.digests)).fetchall()
    found: list[ReadablePage] = []
    first = 0
    for row in rows:
        if row["record_count"] is None:
            raise _pruned(landing)
        found.append(ReadablePage(bytes(row["sha256"]), first, row["record_count"], row["byte_count"]))
        first += row["record_count"]
    return found


def _pruned(landing: Landing) -> LandingMissingError:
    return LandingMissingError(
        entity=landing.entity.name, wanted=f"this merge: pages of landing {landing.id} were pruned"
    )


_READ_PAGE = sql.SQL(
    """
    select convert_to(body::text, 'UTF8') as body from inn8_raw.pages
     where tenant_id = %(tenant)s and sha256 = %(digest)s
    """
)


def read_page(connection: Connection, tenant_id: str, digest: bytes) -> bytes | None:
    """Return the JSON text of a page; None if it is not stored."""
    # Binary, because in text format each byte would be sent as two hexadecimal digits.
    with raw(connection).cursor(binary=True) as cursor:
        page = cursor.execute(_READ_PAGE, {"tenant": tenant_id, "digest": digest}).fetchone()
    return None if page is None else cast("bytes", page[0])


_READ_PAGES = sql.SQL(
    """
    select convert_to(p.body::text, 'UTF8') as body
      from unnest(%(digests)s::bytea[]) with ordinality as d (sha256, place)
      join inn8_raw.pages p on p.tenant_id = %(tenant)s and p.sha256 = d.sha256
     order by d.place
    """
)


def _read(engine: Engine, landing: Landing, pages: Sequence[ReadablePage]) -> Generator[bytes, None, None]:
    with transaction(engine, "reading a landing") as connection, raw(connection).cursor(binary=True) as cursor:
        for digests in _reads(pages):
            rows = cursor.execute(_READ_PAGES, {"tenant": landing.tenant_id, "digests": digests}).fetchall()
            if len(rows) < len(digests):
                raise _pruned(landing)
            for (body,) in rows:
                yield cast("bytes", body)


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


def pages_with(engine: Engine, landing: Landing, ordinals: Sequence[int]) -> Iterator[tuple[int, bytes]]:
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


_NEWEST = sql.SQL(
    """
    select * from inn8_raw.landings
     where tenant_id = %(tenant)s and entity = %(entity)s and completed_at is not null
     order by id desc limit 1
    """
)


def newest(engine: Engine, tenant_id: str, entity: Entity) -> Landing:
    """Return the newest complete landing of a collection.

    Raises:
        LandingMissingError: The collection has none.

    """
    with transaction(engine, f"looking for a landing of {entity}") as connection:
        row = execute(connection, _NEWEST, tenant=tenant_id, entity=entity.name).fetchone()
    if row is None:
        raise LandingMissingError(entity=entity.name, wanted="the collection")
    return _landing(row)


_NEWEST_OF_EACH_DAY = sql.SQL(
    """
    select day::date, l.id
      from generate_series(%(from_date)s::date, %(to_date)s::date, interval '1 day') as day
      left join lateral (
        select id from inn8_raw.landings
         where tenant_id = %(tenant)s and entity = %(entity)s and completed_at is not null
           and from_date <= day and to_date >= day
         order by id desc limit 1) l on true
     order by day
    """
)
_NAMED = sql.SQL("select * from inn8_raw.landings where tenant_id = %(tenant)s and id = any (%(ids)s)")


def newest_of_days(
    engine: Engine, tenant_id: str, entity: Entity, window: Window
) -> list[tuple[Landing, frozenset[date]]]:
    """Return the newest complete landing of each day, as pairs of a landing and its days, oldest landing first.

    Raises:
        LandingMissingError: No complete landing covers one of the days.

    """
    with transaction(engine, f"looking for landings of {entity}") as connection:
        found = execute(
            connection,
            _NEWEST_OF_EACH_DAY,
            tenant=tenant_id,
            entity=entity.name,
            from_date=window.from_date,
            to_date=window.to_date,
        )
        days: dict[int | None, set[date]] = {}
        for row in found:
            days.setdefault(row["id"], set()).add(row["day"])
        if None in days:
            raise LandingMissingError(entity=entity.name, wanted=str(min(days[None])))
        rows = execute(connection, _NAMED, tenant=tenant_id, ids=list(days)).fetchall()
    landings = sorted(map(_landing, rows), key=lambda landing: landing.id)
    return [(landing, frozenset(days[landing.id])) for landing in landings]
