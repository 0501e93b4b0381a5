"""Landings: what INN8 said, verbatim. Pages are written once each; a landing counts only when it is complete.

Here belong writing and reading back. What a landing is merged into is `merge`'s, when one may go is `retention`'s.
"""

import hashlib
import weakref
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy import Connection, Engine, Row, bindparam, func, insert, select, text, update

from inn8_pipeline.entities import ENTITIES, Entity, Window
from inn8_pipeline.errors import LandingMissingError
from inn8_pipeline.warehouse import locks
from inn8_pipeline.warehouse.database import guarded, raw, transaction
from inn8_pipeline.warehouse.prefetch import ahead
from inn8_pipeline.warehouse.schema import migrations
from inn8_pipeline.warehouse.schema.tables import landings, pages

PAGES_AHEAD = 2
"""Pages read back before they are asked for: memory is that of a few, however many a landing has."""


@dataclass(frozen=True, slots=True)
class Landing:
    """One complete fetch. `records` and `bytes` are over all pages; `window` is None for clients and portfolios."""

    id: int
    tenant_id: str
    entity: Entity
    window: Window | None
    run_id: str
    started_at: datetime
    completed_at: datetime
    digests: tuple[bytes, ...] = field(repr=False)
    records: int
    bytes: int
    retries: int
    has_duplicates: bool


def _landing(row: Row[tuple[object, ...]]) -> Landing:
    values = row._mapping  # noqa: SLF001 (SQLAlchemy's public name for it)
    window = Window(values["from_date"], values["to_date"]) if values["from_date"] else None
    return Landing(
        id=values["id"],
        tenant_id=values["tenant_id"],
        entity=ENTITIES.named(values["entity"]),
        window=window,
        run_id=values["run_id"],
        started_at=values["started_at"],
        completed_at=values["completed_at"],
        digests=tuple(bytes(digest) for digest in values["page_digests"]),
        records=values["record_count"],
        bytes=values["byte_count"],
        retries=values["retry_count"],
        has_duplicates=values["has_duplicates"],
    )


class LandingWriter:
    """Takes the pages of one fetch, in order; `complete` makes them count.

    Left without `complete`, the landing is never read: the pages that it wrote are dropped by a later retention. It has
    one connection, closed when the landing is complete or the writer is gone.
    """

    def __init__(self, engine: Engine, tenant_id: str, entity: Entity, window: Window | None, run_id: str) -> None:
        """Open the landing: its `started_at` is the database's time, before the first page is asked for."""
        self._tenant_id = tenant_id
        self._entity = entity
        self._digests: list[bytes] = []
        self._records = 0
        self._bytes = 0
        action = f"opening a landing of {entity}"
        with guarded(action):
            self._connection = engine.connect()
        self._close = weakref.finalize(self, self._connection.close)
        with self._transaction(action) as connection:
            migrations.check(connection)
            hold_pages(connection, tenant_id)
            opened = insert(landings).returning(landings.c.id)
            self.id = connection.scalar(
                opened.values(
                    tenant_id=tenant_id,
                    entity=entity.name,
                    from_date=window and window.from_date,
                    to_date=window and window.to_date,
                    run_id=run_id,
                )
            )
        with guarded(action):
            self._commit_each_statement()

    def _commit_each_statement(self) -> None:
        """A page is looked for, and written where it is new: a round trip each, and none for a transaction around them.

        The landing's completion is what must be on disk; the pages before it are by then. Until the connection is
        closed, nobody may rewrite pages.
        """
        self._connection = self._connection.execution_options(isolation_level="AUTOCOMMIT")
        self._connection.execute(text("set synchronous_commit = off"))
        self._connection.execute(
            text("select pg_advisory_lock_shared(hashtextextended(:key, 0))"), {"key": locks.fetches(self._tenant_id)}
        )
        self._connection.commit()

    def add(self, body: bytes, records: int) -> None:
        """Keep a page, unless the very same bytes are kept already."""
        digest = hashlib.sha256(body).digest()
        with self._transaction("writing a page") as connection:
            known = select(pages.c.byte_count).where(pages.c.tenant_id == self._tenant_id, pages.c.sha256 == digest)
            if connection.scalar(known) is None:
                write_page(connection, self._tenant_id, digest, body, records)
        self._digests.append(digest)
        self._records += records
        self._bytes += len(body)

    def complete(self, *, retries: int, has_duplicates: bool) -> Landing:
        """Make the landing count, and give it back; `LandingMissingError` where it took so long that it was pruned."""
        completed = (
            update(landings)
            .where(landings.c.tenant_id == self._tenant_id, landings.c.id == self.id)
            .values(
                completed_at=func.clock_timestamp(),
                page_digests=self._digests,
                record_count=self._records,
                byte_count=self._bytes,
                retry_count=retries,
                has_duplicates=has_duplicates,
            )
            .returning(landings)
        )
        with self._transaction("completing a landing") as connection:
            connection.execute(text("reset synchronous_commit"))
            row = connection.execute(completed).one_or_none()
        self._close()
        if row is None:
            raise LandingMissingError(
                entity=self._entity.name, wanted=f"landing {self.id}, pruned before it was complete"
            )
        return _landing(row)

    @contextmanager
    def _transaction(self, action: str) -> Iterator[Connection]:
        with guarded(action), self._connection.begin():
            yield self._connection


def hold_pages(connection: Connection, tenant_id: str, *, for_pruning: bool = False) -> None:
    """Until the end of the transaction, open landings of the tenant and prune its pages one after the other.

    A page that is there already is not written again, so none may go while a landing is under way that counts on it.
    """
    shared = "" if for_pruning else "_shared"
    connection.execute(
        text(f"select pg_advisory_xact_lock{shared}(hashtextextended(:name, 0))"), {"name": f"inn8 pages {tenant_id}"}
    )


def write_page(connection: Connection, tenant_id: str, digest: bytes, body: bytes, records: int) -> None:
    """Keep a page under its digest; one that is kept already is left alone."""
    raw(connection).execute(
        """
        insert into inn8_raw.pages (tenant_id, sha256, body, record_count, byte_count)
        values (%s, %s, convert_from(%b, 'UTF8')::json, %s, %s) on conflict do nothing
        """,
        (tenant_id, digest, body, records, len(body)),
    )


def bodies(engine: Engine, landing: Landing) -> Iterator[bytes]:
    """The landing's pages in order: JSON text of an array. `LandingMissingError` where one is gone."""
    return ahead(_read(engine, landing), PAGES_AHEAD)


def _read(engine: Engine, landing: Landing) -> Generator[bytes, None, None]:
    with transaction(engine, "reading a landing") as connection, raw(connection).cursor(binary=True) as cursor:
        for digest in landing.digests:
            cursor.execute(
                "select convert_to(body::text, 'UTF8') from inn8_raw.pages where tenant_id = %s and sha256 = %s",
                (landing.tenant_id, digest),
            )
            page: tuple[bytes] | None = cursor.fetchone()  # type: ignore[assignment]
            if page is None:
                raise LandingMissingError(
                    entity=landing.entity.name, wanted=f"landing {landing.id}, whose pages were pruned"
                )
            yield page[0]


def newest(engine: Engine, tenant_id: str, entity: Entity) -> Landing:
    """The complete landing of a collection that was begun last; `LandingMissingError` where there is none."""
    wanted = (
        select(landings)
        .where(
            landings.c.tenant_id == tenant_id, landings.c.entity == entity.name, landings.c.completed_at.is_not(None)
        )
        .order_by(landings.c.started_at.desc())
        .limit(1)
    )
    with transaction(engine, f"looking for a landing of {entity}") as connection:
        row = connection.execute(wanted).one_or_none()
    if row is None:
        raise LandingMissingError(entity=entity.name, wanted="the collection")
    return _landing(row)


_NEWEST_OF_EACH_DAY = text(
    """
    select day::date, l.id
      from generate_series(cast(:from_date as date), cast(:to_date as date), interval '1 day') as day
      left join lateral (
        select id from inn8_raw.landings
         where tenant_id = :tenant_id and entity = :entity and completed_at is not null
           and from_date <= day and to_date >= day
         order by started_at desc limit 1) l on true
     order by day
    """
)


def newest_of_days(
    engine: Engine, tenant_id: str, entity: Entity, window: Window
) -> list[tuple[Landing, frozenset[date]]]:
    """For each day of the window the newest complete landing that covers it, as landings with their days, oldest first.

    `LandingMissingError` where a day has none.
    """
    scope = {"tenant_id": tenant_id, "entity": entity.name, "from_date": window.from_date, "to_date": window.to_date}
    named = select(landings).where(
        landings.c.tenant_id == tenant_id, landings.c.id.in_(bindparam("ids", expanding=True))
    )
    with transaction(engine, f"looking for landings of {entity}") as connection:
        covered: dict[int | None, set[date]] = {}
        for day, landing_id in connection.execute(_NEWEST_OF_EACH_DAY, scope):
            covered.setdefault(landing_id, set()).add(day)
        bare = covered.pop(None, None)
        if bare:
            raise LandingMissingError(entity=entity.name, wanted=str(min(bare)))
        rows = connection.execute(named, {"ids": list(covered)}).all()
    found = sorted((_landing(row) for row in rows), key=lambda landing: landing.started_at)
    return [(landing, frozenset(covered[landing.id])) for landing in found]
