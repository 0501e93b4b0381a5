"""Write and read the sync log: one row of `inn8.sync_log` for each sync of an entity.

There is one row per run, entity and window. It is first written with the status `InProgress`. The merge writes the
final status in its own transaction, and no later `Failed` of a step or a sensor replaces it.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import sql
from sqlalchemy import Connection, Engine

from inn8_pipeline.entities import Entity, Window
from inn8_pipeline.warehouse.database import execute, raw, transaction
from inn8_pipeline.warehouse.merge.results import Counts, Status
from inn8_pipeline.warehouse.schema import migrations
from inn8_pipeline.warehouse.schema.comments import SYNC_LOG_COUNTS
from inn8_pipeline.warehouse.schema.views import SYNC_LOG
from inn8_pipeline.warehouse.sync_log.entry import TOTALS, LoggedSync, SyncLogEntry, Trigger

_KEY = ("tenant_id", "run_id", "entity", "from_date", "to_date")
_COLUMNS = tuple(name for name in SYNC_LOG if name != "id")
_NON_KEY = tuple(name for name in _COLUMNS if name not in _KEY)


def _names(names: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, names))


_INSERT = sql.SQL(
    "insert into inn8.sync_log_entries as stored ({names}) values ({values}) on conflict ({key}) do "
).format(names=_names(_COLUMNS), values=sql.SQL(", ").join(map(sql.Placeholder, _COLUMNS)), key=_names(_KEY))
_ADD = _INSERT + sql.SQL("nothing")
_RUNS = sql.SQL("select distinct tenant_id, run_id, entity from inn8.sync_log where run_id = any (%(runs)s)")
_REPLACE = sql.SQL("{name} = excluded.{name}")
# A step that is tried again after its merge was committed adds a merge to the sync.
_APPEND = sql.SQL("{name} = stored.{name} || excluded.{name}")
_WRITE = _INSERT + sql.SQL(
    """
    update set {changes}, updated_at = now()
     where excluded.status not in ('InProgress', 'Failed')
        or stored.status = 'InProgress' and excluded.status = 'Failed'
    """
).format(
    changes=sql.SQL(", ").join(
        (_APPEND if name == "merged_at" else _REPLACE).format(name=sql.Identifier(name)) for name in _NON_KEY
    ),
)
_OF_RUN = sql.SQL(
    """
    select {names} from inn8.sync_log
     where tenant_id = %(tenant)s and run_id = %(run_id)s and entity = %(entity)s
       and from_date is not distinct from %(from_date)s and to_date is not distinct from %(to_date)s
    """
).format(names=_names(SYNC_LOG))
_READ = sql.SQL(
    """
    select {names} from inn8.sync_log
     where tenant_id = any (%(tenants)s) and entity = any (%(entities)s)
       and (%(status)s::text is null or status = %(status)s::text)
       and (%(triggers)s::text[] is null or trigger = any (%(triggers)s::text[]))
       and (%(from_at)s::timestamptz is null or started_at >= %(from_at)s::timestamptz)
       and (%(before)s::timestamptz is null or started_at < %(before)s::timestamptz)
     order by started_at desc, id desc limit %(limit)s
    """
).format(names=_names(SYNC_LOG))

_HAVE_TICKS = sql.SQL(
    """
    select tenant.tenant_id, entity.entity,
           exists (select from inn8.sync_log as logged
                    where logged.tenant_id = tenant.tenant_id and logged.entity = entity.entity
                      and logged.trigger = 'tick' and logged.started_at < %(before)s) as has_ticks
      from unnest(%(tenants)s::text[]) as tenant(tenant_id)
     cross join unnest(%(entities)s::text[]) as entity(entity)
    """
)


@dataclass(frozen=True, slots=True)
class SyncLogFilter:
    """Which syncs to read: by status, by what started them, and by start.

    The start is from `from_at` (inclusive) to `before` (exclusive).
    """

    status: Status | None = None
    triggers: Collection[Trigger] | None = None
    from_at: datetime | None = None
    before: datetime | None = None
    limit: int | None = None


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that writes only the sync log.

    Raises:
        SchemaVersionError: The schema has another version than this code.
        DatabaseError: Postgres cannot be reached or fails.

    """
    with transaction(engine, "writing the sync log") as connection:
        migrations.check(connection)
        yield connection


def write(connection: Connection, sync: LoggedSync) -> LoggedSync:
    """Write the sync's row, and return the row as stored: a later `Failed` does not replace the result of a merge."""
    values = _values(sync)
    execute(connection, _WRITE, **values)
    key = {name: values[name] for name in ("run_id", "entity", "from_date", "to_date")}
    (row,) = execute(connection, _OF_RUN, tenant=sync.tenant_id, **key)
    return _sync(row)


def add(connection: Connection, syncs: Sequence[LoggedSync]) -> int:
    """Write the syncs whose run has no row for the entity yet; return how many were written.

    The window is not compared, because it is not known for runs that were deleted from Dagster's storage.
    """
    found = execute(connection, _RUNS, runs=[sync.run_id for sync in syncs])
    known = {(row["tenant_id"], row["run_id"], row["entity"]) for row in found}
    syncs = [sync for sync in syncs if (sync.tenant_id, sync.run_id, sync.entity) not in known]
    if not syncs:
        return 0
    cursor = raw(connection).cursor()
    cursor.executemany(_ADD, [_values(sync) for sync in syncs])
    return cursor.rowcount


def read(
    connection: Connection, tenant_ids: Sequence[str], entities: Sequence[Entity], wanted: SyncLogFilter
) -> Iterator[LoggedSync]:
    """Yield the syncs of these tenants and entities, newest first."""
    rows = execute(
        connection,
        _READ,
        tenants=list(tenant_ids),
        entities=[entity.name for entity in entities],
        status=wanted.status and str(wanted.status),
        triggers=None if wanted.triggers is None else [str(each) for each in wanted.triggers],
        from_at=wanted.from_at,
        before=wanted.before,
        limit=wanted.limit,
    )
    return map(_sync, rows)


def have_ticks(
    connection: Connection, tenant_ids: Sequence[str], entities: Sequence[Entity], before: datetime
) -> dict[tuple[str, str], bool]:
    """Return whether the log has a sync by a tick before the instant, for each tenant's id and entity's name."""
    names = [entity.name for entity in entities]
    rows = execute(connection, _HAVE_TICKS, tenants=list(tenant_ids), entities=names, before=before)
    return {(row["tenant_id"], row["entity"]): row["has_ticks"] for row in rows}


def _values(sync: LoggedSync) -> dict[str, Any]:
    entry = sync.entry
    counts = {**(entry.counts.as_dict() if entry.counts else {}), **entry.totals}
    return {
        "tenant_id": sync.tenant_id,
        "run_id": sync.run_id,
        "entity": sync.entity,
        "from_date": sync.window and sync.window.from_date,
        "to_date": sync.window and sync.window.to_date,
        "trigger": sync.trigger and str(sync.trigger),
        "status": str(entry.status),
        "needs_action": entry.needs_action,
        "started_at": entry.started_at or entry.ended_at,
        "ended_at": entry.ended_at,
        **{name: counts.get(name) for name in SYNC_LOG_COUNTS},
        "bytes": sync.bytes,
        "retries": sync.retries,
        "waits": sync.waits,
        "waited_seconds": sync.waited_seconds,
        "unchanged_pages": sync.unchanged_pages,
        "repaired": counts.get("repaired"),
        "landing_id": sync.landing_id,
        "merged_at": list(sync.merged_at) or None,
        "message": entry.description,
    }


def _sync(row: Mapping[str, Any]) -> LoggedSync:
    has_counts = row["fetched"] is not None
    entry = SyncLogEntry(
        status=Status(row["status"]),
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        counts=Counts(**{name: row[name] for name in SYNC_LOG_COUNTS if name not in TOTALS}) if has_counts else None,
        totals={name: row[name] for name in TOTALS if row[name] is not None},
        description=row["message"],
        needs_action=row["needs_action"],
    )
    return LoggedSync(
        tenant_id=row["tenant_id"],
        entity=row["entity"],
        run_id=row["run_id"],
        entry=entry,
        window=Window(row["from_date"], row["to_date"]) if row["from_date"] else None,
        trigger=row["trigger"] and Trigger(row["trigger"]),
        landing_id=row["landing_id"],
        bytes=row["bytes"],
        retries=row["retries"],
        waits=row["waits"],
        waited_seconds=row["waited_seconds"],
        unchanged_pages=row["unchanged_pages"],
        merged_at=row["merged_at"] or (),
    )
