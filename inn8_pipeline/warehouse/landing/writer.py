"""Store a landing while it is fetched: its records in chunks, or its pages as they are.

A landing is used only once it is complete. A background thread writes pages while the next ones are fetched.
"""

import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from functools import partial
from types import TracebackType
from typing import Self

import psycopg
from psycopg import sql
from sqlalchemy import Connection, Engine

from inn8_pipeline.entities import Entity, Window
from inn8_pipeline.errors import LandingMissingError
from inn8_pipeline.warehouse import locks
from inn8_pipeline.warehouse.database import execute, guarded, raw
from inn8_pipeline.warehouse.landing import clock_skew, groups, pages
from inn8_pipeline.warehouse.landing.chunks import Chunk, Chunker, ChunkGroup, split
from inn8_pipeline.warehouse.landing.store import Landing, landing_of
from inn8_pipeline.warehouse.landing.write_behind import WriteBehind
from inn8_pipeline.warehouse.schema import migrations

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
WRITTEN_TOGETHER_BYTES = 1024 * 1024
"""Groups of chunks are written together from this size on."""
CANCEL_SECONDS = 5
"""How long the request to cancel a write may take."""
UNOBSERVED = nullcontext()
"""Writes that nobody measures."""
_WRITE_WITHOUT_WAITING = sql.SQL("set synchronous_commit = off")
_WAIT_FOR_THE_DISK = sql.SQL("reset synchronous_commit")
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
    closed by `complete`, at the end of a `with`, or when the writer is garbage-collected. Each write is made within
    `while_writing`.
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
        while_writing: AbstractContextManager[None] = UNOBSERVED,
    ) -> None:
        """Insert the landing. Its `started_at` is the time of the database, before the first page is requested."""
        self._tenant_id = tenant_id
        self._entity = entity
        self._chunker = Chunker() if in_chunks else None
        self._digests: list[bytes] = []
        self._ended: list[ChunkGroup] = []
        self._writes = WriteBehind()
        self._while_writing = while_writing
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
            self._cancel = partial(raw(self._connection).cancel_safe, timeout=CANCEL_SECONDS)
            opened.callback(self._writes.close)
            self._close = weakref.finalize(self, opened.pop_all().close)

    def __enter__(self) -> Self:
        """Return the writer."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections. A landing that is not complete by now will never be."""
        try:
            if kind is not None:
                # If Postgres cannot be reached, the write ends by the time limits of its connection.
                with suppress(psycopg.Error):
                    self._writes.interrupt(self._cancel)
        finally:
            self._close()

    def _open(self, action: str, window: Window | None, run_id: str) -> int:
        with self._transaction(action) as connection:
            clock_skew.check(connection, self._tenant_id, self._entity)
            pages.hold_pages(connection, self._tenant_id)
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
        """Switch to autocommit, so that several groups cost one round trip if they are stored, and four if not.

        Only the completion of the landing waits for the disk, and with it for the pages written before.
        """
        self._connection = self._connection.execution_options(isolation_level="AUTOCOMMIT")
        execute(self._connection, _WRITE_WITHOUT_WAITING)

    def add(self, body: bytes, records: int) -> None:
        """Store a page, except what is stored already. An error of Postgres may be raised only by a later call."""
        self._pages += 1
        self._records += records
        self._bytes += len(body)
        found = split(body) if self._chunker else None
        if self._chunker and found is not None:
            self._add_groups(self._chunker.add(found))
        else:
            self._end_chunks()
            page = Chunk.of(body, records)
            self._write(partial(pages.write_new, pages=[page]))
            self._digests.append(page.digest)

    def repeat(self, landing: Landing) -> None:
        """Store the pages of an earlier landing, all of which have come again."""
        self._pages, self._records, self._bytes = landing.pages, landing.records, landing.bytes
        self._digests = list(landing.digests)

    def _add_groups(self, ended: Iterable[ChunkGroup]) -> None:
        """Write groups several at a time: each statement is a round trip, also if everything is stored already."""
        for group in ended:
            self._ended.append(group)
            if sum(each.bytes for each in self._ended) >= WRITTEN_TOGETHER_BYTES:
                self._write_groups()

    def _write_groups(self) -> None:
        if self._ended:
            self._write(partial(groups.write_new, groups=self._ended))
            self._digests += [group.digest for group in self._ended]
            self._ended = []

    def _end_chunks(self) -> None:
        if self._chunker:
            self._add_groups(self._chunker.end())
            self._write_groups()

    def _write(self, write: Callable[[Connection, str], None]) -> None:
        # Without a reference to the writer, so that the thread is never the last one to hold it.
        self._writes.submit(partial(_write, self._connection, self._tenant_id, self._while_writing, write))

    def complete(  # noqa: PLR0913 (what is known of a fetch)
        self,
        *,
        retries: int,
        has_duplicates: bool,
        waited_seconds: float = 0.0,
        unproven_end: str | None = None,
        unchanged_pages: int = 0,
        on_complete: Callable[[Landing], None] = lambda _: None,
    ) -> Landing:
        """Mark the landing as complete, and return it.

        `on_complete` is called while no session can rewrite or prune pages: no erasure comes between the landing and
        what it writes.

        Raises:
            LandingMissingError: The fetch took so long that retention deleted the landing.
            DatabaseError: The lock of fetches was lost, so pages that the landing relies on may be gone.

        """
        self._end_chunks()
        self._writes.wait()
        self._lock.check()
        with self._while_writing, self._transaction("completing a landing") as connection:
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
        if row is None:
            raise LandingMissingError(
                entity=self._entity.name, wanted=f"this sync: landing {self.id} was pruned before it was complete"
            )
        landing = landing_of(row)
        on_complete(landing)
        self._close()
        return landing

    def _transaction(self, action: str) -> AbstractContextManager[Connection]:
        return _transaction(self._connection, action)


@contextmanager
def _transaction(connection: Connection, action: str) -> Iterator[Connection]:
    with guarded(action), connection.begin():
        yield connection


def _write(
    connection: Connection,
    tenant_id: str,
    while_writing: AbstractContextManager[None],
    write: Callable[[Connection, str], None],
) -> None:
    with while_writing, _transaction(connection, "writing a page"):
        write(connection, tenant_id)
