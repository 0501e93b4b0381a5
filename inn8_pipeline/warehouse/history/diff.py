"""Read what syncs changed: row by row and column by column, with the old and the new value.

The changes are computed from the history views, so a reader sees only those of its tenant. They are personal data.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg import sql
from psycopg.rows import class_row
from sqlalchemy import Connection

from inn8_pipeline.entities import Column, Dimension, Entity, Window
from inn8_pipeline.warehouse.database import execute, raw
from inn8_pipeline.warehouse.queries.tables import Row
from inn8_pipeline.warehouse.schema.views import history_name


@dataclass(frozen=True, slots=True)
class DiffFilter:
    """Which changes to read: those of these runs or, if `runs` is None, all since an instant.

    `tables` are the names of the tables to read; None for all of the entity. `is_uncommitted`: those that the
    connection's own transaction has made.
    """

    tenant_ids: Sequence[str]
    runs: Sequence[str] | None = None
    since: datetime | None = None
    column: str | None = None
    tables: Collection[str] | None = None
    is_uncommitted: bool = False


@dataclass(frozen=True, slots=True)
class MergedSync:
    """A sync of an entity: its runs, newest first, the days of trade that they have together, if any, and its start."""

    tenant_id: str
    runs: Sequence[str]
    window: Window | None
    started_at: datetime


@dataclass(frozen=True, slots=True)
class ValueChange:
    """One changed column of a row. A row that was inserted or deleted has one change without a column."""

    tenant_id: str
    table_name: str
    external_id: str
    changed_at: datetime
    reason: str
    run_id: str | None
    column_name: str | None
    old: str | None
    new: str | None


_RUNS = sql.SQL(
    """
    select distinct run_id from inn8.sync_log
     where tenant_id = any (%(tenants)s) and entity = any (%(entities)s) and starts_with(run_id, %(prefix)s)
     order by run_id
    """
)
_OF_RUN = sql.SQL(
    """
    select tenant_id, from_date, to_date, started_at from inn8.sync_log
     where tenant_id = any (%(tenants)s) and entity = %(entity)s and run_id = %(run_id)s
     order by tenant_id, from_date
    """
)
# A run without data belongs to a sync of several runs, but alone it changed nothing.
_MERGED = sql.SQL(
    """
    select run_id, trigger, from_date, to_date, started_at, ended_at, status = 'NoData' as is_empty
      from inn8.sync_log
     where tenant_id = %(tenant)s and entity = %(entity)s and status in ('Success', 'PartialSuccess', 'NoData')
     order by started_at desc, id desc limit 1000
    """
)
_CHANGES = sql.SQL(
    """
    select o.tenant_id, {table} as table_name, o.external_id, o.valid_to as changed_at,
           case when n.id is null and o.reason = 'updated' then 'hidden' else o.reason end as reason,
           o.ended_by_run_id as run_id, c.column_name, c.old, c.new
      from {view} o
      left join {view} n on n.tenant_id = o.tenant_id and n.id = o.id and n.valid_from = o.valid_to
      left join lateral (
        select column_name, old, new from (values {compared}) as v (column_name, old, new, is_changed)
         where n.id is not null and is_changed) c on true
     where o.tenant_id = any (%(tenants)s) and o.valid_to is not null
       and (%(runs)s::text[] is null or o.ended_by_run_id = any (%(runs)s))
       and (%(since)s::timestamptz is null or o.valid_to >= %(since)s)
       and (%(column)s::text is null or c.column_name = %(column)s)
     union all
    select n.tenant_id, {table}, n.external_id, n.valid_from, 'inserted', s.run_id, null, null, null
      from {view} n {inserting}
     where n.tenant_id = any (%(tenants)s) and %(column)s::text is null
       and (%(runs)s::text[] is null or s.run_id is not null)
       and (%(since)s::timestamptz is null or n.valid_from >= %(since)s)
       and n.updated_at = n.created_at
       and not exists (select from {view} p where p.tenant_id = n.tenant_id and p.id = n.id
                          and p.valid_to = n.valid_from)
     order by changed_at, tenant_id, external_id, column_name
    """
)
# The sync whose merge began when the row was created: its landing may be of another run, and sync several days.
_BY_SYNC = sql.SQL(
    """
      left join (select e.tenant_id, e.run_id, m.merged_at from inn8.sync_log e
                  cross join lateral unnest(e.merged_at) as m (merged_at)
                  where e.entity = {entity} and (%(runs)s::text[] is null or e.run_id = any (%(runs)s))) s
        on s.tenant_id = n.tenant_id and s.merged_at = n.created_at
    """
)
_BY_THIS_TRANSACTION = sql.SQL("left join unnest(%(runs)s::text[]) as s (run_id) on n.created_at = now()")
_COMPARED = sql.SQL("({name}, o.{shown}::text, n.{shown}::text, o.{column} is distinct from n.{column})")
_BATCH = 2000
_DAY = timedelta(days=1)
_PAUSE = timedelta(hours=1)
"""The longest time between two runs of a sync: a run waits for the ticks that are queued."""
INSERTED, UPDATED = "inserted", "updated"
"""The reasons of a row that did not exist before, and of one with other values."""


def runs_named(
    connection: Connection, tenant_ids: Sequence[str], entities: Sequence[Entity], prefix: str
) -> Sequence[str]:
    """Return the ids of the runs in the sync log that begin with this text."""
    names = [entity.name for entity in entities]
    rows = execute(connection, _RUNS, tenants=list(tenant_ids), entities=names, prefix=prefix)
    return [row["run_id"] for row in rows]


def syncs_of_run(
    connection: Connection, tenant_ids: Sequence[str], entity: Entity, run_id: str
) -> Sequence[MergedSync]:
    """Return the syncs of the entity by this run: one for each tenant that has one."""
    rows = execute(connection, _OF_RUN, tenants=list(tenant_ids), entity=entity.name, run_id=run_id)
    return [
        MergedSync(
            row["tenant_id"],
            [run_id],
            Window(row["from_date"], row["to_date"]) if row["from_date"] else None,
            row["started_at"],
        )
        for row in rows
    ]


def last_syncs(connection: Connection, tenant_ids: Sequence[str], entity: Entity) -> Sequence[MergedSync]:
    """Return each tenant's last merged sync of the entity, with all of its runs."""
    found = []
    for tenant_id in tenant_ids:
        rows = execute(connection, _MERGED, tenant=tenant_id, entity=entity.name).fetchall()
        first = next((number for number, row in enumerate(rows) if not row["is_empty"]), None)
        if first is not None:
            found.append(_joined(tenant_id, rows[first], rows[first + 1 :]))
    return found


def _joined(tenant_id: str, last: Row, earlier: Iterable[Row]) -> MergedSync:
    """Return the sync that ended with this run.

    The sync log has no number for a sync of many days, so the runs before it belong to it while they have the same
    trigger and the adjacent days, and each was followed by the next one within an hour. A tick between two is left out.
    """
    if last["from_date"] is None:
        return MergedSync(tenant_id, [last["run_id"]], None, last["started_at"])
    runs, begin, end, followed_at = [last["run_id"]], last["from_date"], last["to_date"], last["started_at"]
    for row in (each for each in earlier if each["trigger"] == last["trigger"] and each["from_date"] is not None):
        is_adjacent = row["from_date"] - end == _DAY or begin - row["to_date"] == _DAY
        if not is_adjacent or row["ended_at"] is None or followed_at - row["ended_at"] > _PAUSE:
            break
        runs.append(row["run_id"])
        begin, end, followed_at = min(begin, row["from_date"]), max(end, row["to_date"]), row["started_at"]
    return MergedSync(tenant_id, runs, Window(begin, end), followed_at)


def column_names(entity: Entity) -> Sequence[str]:
    """Return the columns of the entity's tables that can differ, as the changes name them."""
    return list(dict.fromkeys(name for each in entity.declarations for name, _ in compared_columns(each)))


def read(connection: Connection, entity: Entity, wanted: DiffFilter) -> Iterator[ValueChange]:
    """Yield the changes of the entity's tables, oldest first, in batches from the server."""
    known: dict[str, Any] = {
        "tenants": list(wanted.tenant_ids),
        "runs": None if wanted.runs is None else list(wanted.runs),
        "since": wanted.since,
        "column": wanted.column,
    }
    declarations = [each for each in entity.declarations if wanted.tables is None or each.name in wanted.tables]
    for declared in declarations:
        with raw(connection).cursor("diff", row_factory=class_row(ValueChange)) as cursor:
            cursor.itersize = _BATCH
            yield from cursor.execute(_statement(entity, declared, wanted), known)


def _statement(entity: Entity, declared: Entity | Dimension, wanted: DiffFilter) -> sql.Composed:
    compared = [
        _COMPARED.format(name=sql.Literal(shown), shown=sql.Identifier(shown), column=sql.Identifier(column))
        for shown, column in compared_columns(declared)
    ]
    return _CHANGES.format(
        table=sql.Literal(declared.name),
        inserting=_BY_THIS_TRANSACTION if wanted.is_uncommitted else _BY_SYNC.format(entity=sql.Literal(entity.name)),
        view=sql.Identifier(*history_name(declared).split(".")),
        compared=sql.SQL(", ").join(compared),
    )


def compared_columns(declared: Entity | Dimension) -> Iterator[tuple[str, str]]:
    """Yield each column that is shown and the one that is compared: for a parent, its INN8 id and our key."""
    yield "external_id", "external_id"
    for column in declared.columns:
        yield (column.name if isinstance(column, Column) else column.staged), column.name
    if isinstance(declared, Entity):
        yield "missing_since", "missing_since"
        yield "removed_at", "removed_at"
