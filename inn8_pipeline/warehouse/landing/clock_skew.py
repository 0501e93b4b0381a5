"""Detect that the database's clock was ahead or is behind, and correct the times in the future that it wrote.

Fetches are ordered by their start, measured by the database's clock. After a fetch in the future, each later one would
count as older, and all of its records would be skipped. Therefore a landing always starts later than the previous one.
If the newest one is further in the future than `CLOCK_TOLERANCE`, syncs fail until the clock is correct or the times
are healed.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from psycopg import sql
from sqlalchemy import Connection, DateTime, Engine, Table

from inn8_pipeline.entities import Entity
from inn8_pipeline.errors import FutureLandingError
from inn8_pipeline.warehouse import locks
from inn8_pipeline.warehouse.database import execute, transaction
from inn8_pipeline.warehouse.landing import CLOCK_TOLERANCE
from inn8_pipeline.warehouse.schema import migrations, tables

_AHEAD = sql.SQL(
    """
    select extract(epoch from max(started_at) - clock_timestamp())::float as seconds from inn8_raw.landings
     where tenant_id = %(tenant)s and entity = %(entity)s
    """
)


def check(connection: Connection, tenant_id: str, entity: Entity) -> None:
    """Check that no landing of the entity began in the future.

    Raises:
        FutureLandingError: A landing began later than now, by more than `CLOCK_TOLERANCE`.

    """
    row = execute(connection, _AHEAD, tenant=tenant_id, entity=entity.name).fetchone()
    seconds = 0.0 if row is None else row["seconds"] or 0.0
    if seconds > CLOCK_TOLERANCE.total_seconds():
        raise FutureLandingError(entity.name, seconds)


@dataclass(frozen=True, slots=True)
class HealedTimes:
    """The numbers of landings that began in the future, and of all times that were moved into the past."""

    landings: int
    instants: int

    @property
    def is_nothing(self) -> bool:
        """True if no time was in the future."""
        return not self.instants


def heal(engine: Engine, tenant_id: str, wait_seconds: float = 600.0) -> HealedTimes:
    """Move the tenant's times that are in the future into the past, in one transaction that locks out all syncs.

    The start of a landing is moved to just before the start of the next one, so that the order of the fetches stays.
    Equal times of rows and rejects are moved with it. Any other time in the future becomes now.

    Raises:
        SyncLockedError: A fetch or a merge held its lock for longer than `wait_seconds`; nothing was changed.

    """
    with transaction(engine, "healing times in the future") as connection:
        migrations.check(connection)
        locks.take_all(connection, tenant_id, wait_seconds)
        execute(connection, _CREATE_MOVED)
        landings = execute(connection, _MOVE_LANDINGS, tenant=tenant_id).rowcount
        moved = sum(
            execute(connection, _move(table, column), tenant=tenant_id).rowcount for table, column in _instants()
        )
    return HealedTimes(landings, moved)


_CREATE_MOVED = sql.SQL(
    """
    create temporary table moved_instants (future timestamptz primary key, past timestamptz not null) on commit drop
    """
)
_MOVE_LANDINGS = sql.SQL(
    """
    insert into moved_instants (future, past)
    select l.started_at,
           coalesce((select min(n.started_at) from inn8_raw.landings n
                      where n.tenant_id = l.tenant_id and n.entity = l.entity and n.id > l.id
                        and n.started_at <= now()), now())
           - row_number() over (order by l.id desc) * interval '1 microsecond'
      from inn8_raw.landings l
     where l.tenant_id = %(tenant)s and l.started_at > now()
        on conflict do nothing
    """
)
_MOVE = sql.SQL(
    """
    update {table} t
       set {column} = coalesce((select m.past from moved_instants m where m.future = t.{column}), now())
     where t.tenant_id = %(tenant)s and t.{column} > now()
    """
)
# No time is compared with the creation of a page or of a reader, and pages are never updated. The times of the request
# budget are meant to be in the future, and the budget ignores those that are too far ahead.
_LEFT_ALONE = {"pages", "request_budgets", "tenant_readers"}


def _instants() -> Iterator[tuple[Table, str]]:
    for table in tables.metadata.sorted_tables:
        if "tenant_id" in table.c and table.name not in _LEFT_ALONE:
            yield from ((table, column.name) for column in table.c if isinstance(column.type, DateTime))


def _move(table: Table, column: str) -> sql.Composed:
    return _MOVE.format(table=sql.Identifier(str(table.schema), table.name), column=sql.Identifier(column))
