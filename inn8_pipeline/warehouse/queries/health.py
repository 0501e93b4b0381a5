"""Read the numbers that the checks of an entity's data need.

They can be read at any time. The bounds are in `defs.checks.check_rules`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from statistics import median

from psycopg import sql
from sqlalchemy import Connection, Engine

from inn8_pipeline.entities import DAY_COLUMN, UNKNOWN, Column, Entity, Kind, Window
from inn8_pipeline.warehouse.database import execute, snapshot, transaction
from inn8_pipeline.warehouse.merge import drift
from inn8_pipeline.warehouse.merge.drift import UnknownProperty
from inn8_pipeline.warehouse.merge.results import SchemaDrift, StoredCounts
from inn8_pipeline.warehouse.schema.landed_pages import pages_of
from inn8_pipeline.warehouse.schema.tables import SCHEMA

DAYS_COMPARED = 20
WEEKS_COMPARED = 8
REJECTS_SHOWN = 20
LEAST_COMPARED = 4
"""The smallest number of days or weeks from which a usual volume is computed."""

_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class LastMerge:
    """The newest merged landing: the number of records on its stored pages, and the counts of its merge."""

    page_records: int
    merge_counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Volume:
    """The number of records of a landing, or of rows of a day of trade, compared with the usual number.

    `of` says what was counted.
    """

    of: str
    count: int
    usual: float


@dataclass(frozen=True, slots=True)
class OpenReject:
    """A reject by its own number, which says nothing about a person. INN8's id of the record does."""

    reject_id: int
    reason_code: str
    first_seen_at: datetime


@dataclass(frozen=True, slots=True)
class Health:
    """The numbers of one entity. `drift_found` is the drift of the landings that the look-back was merged from."""

    recency: "Recency"
    last_merge: LastMerge | None
    drift_found: SchemaDrift
    volume: Volume | None
    unknown_properties: tuple[UnknownProperty, ...]
    open_rejects: Mapping[str, int] = field(default_factory=dict)
    oldest_reject_at: datetime | None = None
    first_rejects: tuple["OpenReject", ...] = ()
    """The oldest open rejects that nobody has accepted, at most `REJECTS_SHOWN`."""
    blank_properties: tuple[str, ...] = ()
    """The properties with listed values that are `unknown` in every row of the look-back."""


def examine(engine: Engine, tenant_id: str, entity: Entity, recent: Window, holidays: Collection[date] = ()) -> Health:
    """Return all numbers as of one instant of the database.

    Args:
        engine: The warehouse.
        tenant_id: The tenant.
        entity: The entity.
        recent: The days of the look-back; the last of them is today.
        holidays: Days whose numbers of rows are not compared.

    """
    with snapshot(engine, f"examining {entity}") as connection:
        open_rejects = execute(connection, _OPEN_REJECTS, tenant=tenant_id, entity=entity.name).fetchall()
        return Health(
            recency=_recency(connection, tenant_id, entity, recent.to_date),
            last_merge=_last_merge(connection, tenant_id, entity),
            drift_found=_drift(connection, tenant_id, entity, recent),
            volume=_volume(connection, tenant_id, entity, recent.to_date, holidays),
            unknown_properties=tuple(drift.still_sent(connection, tenant_id, entity)),
            open_rejects={row["reason_code"]: row["rejects"] for row in open_rejects},
            oldest_reject_at=min((row["oldest_at"] for row in open_rejects), default=None),
            first_rejects=_first_rejects(connection, tenant_id, entity),
            blank_properties=_blank_properties(connection, tenant_id, entity, recent),
        )


def _first_rejects(connection: Connection, tenant_id: str, entity: Entity) -> tuple[OpenReject, ...]:
    rows = execute(connection, _FIRST_REJECTS, tenant=tenant_id, entity=entity.name, limit=REJECTS_SHOWN)
    return tuple(OpenReject(row["id"], row["reason_code"], row["first_seen_at"]) for row in rows)


def _blank_properties(connection: Connection, tenant_id: str, entity: Entity, recent: Window) -> tuple[str, ...]:
    """Return the choices whose columns are `unknown` in every row; none if there are no rows."""
    choices = {
        column.name: column.source.name
        for column in entity.columns
        if isinstance(column, Column) and column.source.kind is Kind.CHOICE
    }
    filled = [_FILLED.format(name=sql.Identifier(name)) for name in choices]
    statement = _CHOICES.format(
        filled=sql.SQL("").join(filled),
        table=sql.Identifier(SCHEMA, entity.name),
        recent=_IN_LOOK_BACK.format(day=sql.Identifier(DAY_COLUMN)) if entity.has_days else sql.SQL(""),
    )
    row = execute(connection, statement, tenant=tenant_id, unknown=UNKNOWN, from_date=recent.from_date).fetchall()[0]
    return tuple(choices[name] for name in choices if row["has_rows"] and not row[name])


_CHOICES = sql.SQL(
    "select count(*) > 0 as has_rows{filled} from {table} where tenant_id = %(tenant)s and removed_at is null{recent}"
)
_FILLED = sql.SQL(", coalesce(bool_or({name} <> %(unknown)s), false) as {name}")
_IN_LOOK_BACK = sql.SQL(" and {day} >= %(from_date)s")


@dataclass(frozen=True, slots=True)
class Recency:
    """When an entity was last synced, for today's data and for any day. All times are those of the database's clock."""

    now: datetime
    last_synced_at: datetime | None
    last_of_any_day_at: datetime | None


def recency(engine: Engine, tenant_id: str, entity: Entity, today: date) -> Recency:
    """Return when the entity was last synced."""
    with transaction(engine, f"looking at the last sync of {entity}") as connection:
        return _recency(connection, tenant_id, entity, today)


def _recency(connection: Connection, tenant_id: str, entity: Entity, today: date) -> Recency:
    """Return when the entity was last synced.

    For an entity with days, today's data includes yesterday's, because a day that has just begun was not synced yet. A
    backfill of March does not make transactions look fresh.
    """
    days = [today, today - timedelta(days=1)] if entity.has_days else None
    return Recency(
        now=execute(connection, _NOW).fetchall()[0]["now"],
        last_synced_at=_last_synced_at(connection, tenant_id, entity, days),
        last_of_any_day_at=_last_synced_at(connection, tenant_id, entity, None),
    )


def _last_synced_at(
    connection: Connection, tenant_id: str, entity: Entity, days: Sequence[date] | None
) -> datetime | None:
    row = execute(connection, _LAST_SYNCED, tenant=tenant_id, entity=entity.name, days=days).fetchone()
    return None if row is None else row["last_synced_at"]


def _drift(connection: Connection, tenant_id: str, entity: Entity, recent: Window) -> SchemaDrift:
    """Return the drift of all landings together. A landing counts even if a newer one covers some of its days."""
    total = SchemaDrift()
    for row in execute(connection, _COVERING, tenant=tenant_id, entity=entity.name, from_date=recent.from_date):
        total = total.plus(StoredCounts.from_json(row["counts"]).drift)
    return total


def _last_merge(connection: Connection, tenant_id: str, entity: Entity) -> LastMerge | None:
    row = execute(connection, _LAST_MERGE, tenant=tenant_id, entity=entity.name).fetchone()
    if row is None:
        return None
    merged = StoredCounts.from_json(row["counts"]).merged
    return LastMerge(int(row["page_records"]), merged.as_dict() if merged.fetched else {})


def _volume(
    connection: Connection, tenant_id: str, entity: Entity, today: date, holidays: Collection[date]
) -> Volume | None:
    if entity.has_days:
        return _volume_of_day(connection, tenant_id, entity, today, holidays)
    rows = execute(connection, _RECORDS, tenant=tenant_id, entity=entity.name, limit=DAYS_COMPARED + 1)
    counts = [int(row["record_count"]) for row in rows]
    if len(counts) <= LEAST_COMPARED:
        return None
    return Volume("today's last landing", counts[0], median(counts[1:]))


def _volume_of_day(
    connection: Connection, tenant_id: str, entity: Entity, today: date, holidays: Collection[date]
) -> Volume | None:
    """Compare the last working day before yesterday with its weekday in earlier weeks, as bookings arrive late."""
    day = today - timedelta(days=2)
    while day.weekday() >= _SATURDAY or day in holidays:
        day -= timedelta(days=1)
    days = [day - timedelta(weeks=weeks) for weeks in range(WEEKS_COMPARED + 1)]
    days = [each for each in days if each not in holidays]
    statement = _ROWS_OF_DAYS.format(table=sql.Identifier(SCHEMA, entity.name))
    rows = execute(connection, statement, tenant=tenant_id, entity=entity.name, days=days)
    counts = {row["trade_date"]: int(row["rows"]) for row in rows}
    before = [count for known, count in counts.items() if known != day]
    if day not in counts or len(before) < LEAST_COMPARED:
        return None
    return Volume(day.isoformat(), counts[day], median(before))


_NOW = sql.SQL("select now() as now")
_LAST_SYNCED = sql.SQL(
    """
    select max(last_synced_at) as last_synced_at from inn8.sync_state
     where tenant_id = %(tenant)s and entity = %(entity)s
       and (cast(%(days)s as date[]) is null or trade_date = any (cast(%(days)s as date[])))
    """
)
# A landing that repeats another one has no counts of its own, so the counts of the repeated landing are used.
_LAST_MERGE = sql.SQL(
    """
    select m.counts,
           (select coalesce(sum(p.record_count), 0) from (select) as o {pages}
              join inn8_raw.pages p on p.tenant_id = m.tenant_id and p.sha256 = d.sha256) as page_records
      from inn8_raw.landings l
      join inn8_raw.landings m on m.tenant_id = l.tenant_id and m.id = coalesce(l.repeats_id, l.id)
     where l.tenant_id = %(tenant)s and l.entity = %(entity)s and m.merged_at is not null
     order by l.id desc limit 1
    """
).format(pages=pages_of("m"))
# Only the last landing of each day is compared, so that the check warns of a drop for days and not for a few ticks.
_RECORDS = sql.SQL(
    """
    select distinct on (started_at::date) record_count from inn8_raw.landings
     where tenant_id = %(tenant)s and entity = %(entity)s and completed_at is not null
     order by started_at::date desc, id desc limit %(limit)s
    """
)
_COVERING = sql.SQL(
    """
    select l.counts from inn8_raw.landings l
     where l.tenant_id = %(tenant)s and l.id in (
       select landing_id from inn8.sync_coverage
        where tenant_id = %(tenant)s and entity = %(entity)s and (trade_date is null or trade_date >= %(from_date)s))
    """
)
_ROWS_OF_DAYS = sql.SQL(
    """
    select c.trade_date, (select count(*) from {table} t
                           where t.tenant_id = c.tenant_id and t.trade_date = c.trade_date
                             and t.removed_at is null and t.missing_since is null) as rows
      from inn8.sync_coverage c
     where c.tenant_id = %(tenant)s and c.entity = %(entity)s and c.trade_date = any (cast(%(days)s as date[]))
    """
)
_OPEN_REJECTS = sql.SQL(
    """
    select reason_code, count(*) as rejects, min(first_seen_at) as oldest_at from inn8.rejected_records
     where tenant_id = %(tenant)s and entity = %(entity)s and resolved_at is null and accepted_at is null
     group by reason_code order by reason_code
    """
)
_FIRST_REJECTS = sql.SQL(
    """
    select id, reason_code, first_seen_at from inn8.rejected_records
     where tenant_id = %(tenant)s and entity = %(entity)s and resolved_at is null and accepted_at is null
     order by id limit %(limit)s
    """
)
