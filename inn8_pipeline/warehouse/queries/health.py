"""How an entity's data stands, read from the warehouse alone: the numbers that the checks beside the sync log judge.

Here belong questions to the tables, asked after a merge or at any other time. Whether an answer is good is `defs`'s.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from statistics import median
from typing import Any

from sqlalchemy import Connection, Engine, Row, exists, select, text

from inn8_pipeline.entities import DAY_COLUMN, UNKNOWN, Column, Entity, Kind, Window
from inn8_pipeline.warehouse.database import transaction
from inn8_pipeline.warehouse.merge import drift
from inn8_pipeline.warehouse.merge.drift import UnknownProperty
from inn8_pipeline.warehouse.merge.results import SchemaDrift, StoredCounts
from inn8_pipeline.warehouse.schema.tables import table_of

DAYS_COMPARED = 20
WEEKS_COMPARED = 8
LEAST_COMPARED = 4
"""Of days or weeks: fewer say nothing about what is usual."""

_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class LastMerge:
    """The newest landing that was merged. `told` are the counts of its merge, `on_pages` the records of its pages."""

    on_pages: int
    told: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Volume:
    """How many there are, and how many there usually are: records of a landing, or rows of a day of trade."""

    of: str
    count: int
    usual: float


@dataclass(frozen=True, slots=True)
class Health:
    """An entity's numbers. `surprises` are those of the landings that the days of the look-back were merged from."""

    recency: "Recency"
    last_merge: LastMerge | None
    drift_found: SchemaDrift
    volume: Volume | None
    unknown_properties: tuple[UnknownProperty, ...]
    open_rejects: Mapping[str, int] = field(default_factory=dict)
    oldest_reject_at: datetime | None = None
    blank_properties: tuple[str, ...] = ()
    """Properties with listed values of which no row of the look-back has one."""


def examine(engine: Engine, tenant_id: str, entity: Entity, recent: Window) -> Health:
    """All of it, as of one instant of the database. `recent` are the days of the look-back, today the last of them."""
    key = {"tenant_id": tenant_id, "entity": entity.name}
    today = recent.to_date
    with transaction(engine, f"examining {entity}") as connection:
        connection.execute(text("set transaction isolation level repeatable read, read only"))
        refused = connection.execute(_OPEN_REJECTS, key).all()
        return Health(
            recency=_recency(connection, key, entity, today),
            last_merge=_last_merge(connection, key),
            drift_found=_surprises(connection, {**key, "from_date": recent.from_date}),
            volume=_volume(connection, key, entity, today),
            unknown_properties=tuple(drift.still_sent(connection, tenant_id, entity)),
            open_rejects={code: count for code, count, _ in refused},
            oldest_reject_at=min((first for _, _, first in refused), default=None),
            blank_properties=_blank_properties(connection, tenant_id, entity, recent),
        )


def _blank_properties(connection: Connection, tenant_id: str, entity: Entity, recent: Window) -> tuple[str, ...]:
    """Return the properties whose columns of choices hold `unknown` in every row; none where there are no rows."""
    rows = table_of(entity)
    present = [rows.c.tenant_id == tenant_id, rows.c.removed_at.is_(None)]
    if entity.has_days:
        present.append(rows.c[DAY_COLUMN] >= recent.from_date)
    choices = {
        column.name: column.source.name
        for column in entity.columns
        if isinstance(column, Column) and column.source.kind is Kind.CHOICE
    }
    has_rows = connection.scalar(select(exists().where(*present)))
    has_value = {name: connection.scalar(select(exists().where(*present, rows.c[name] != UNKNOWN))) for name in choices}
    return tuple(choices[name] for name in choices if has_rows and not has_value[name])


@dataclass(frozen=True, slots=True)
class Recency:
    """When an entity was synced last: for what matters today, and for whatever day; by the database's clock."""

    now: datetime
    last_synced_at: datetime | None
    last_of_any_day_at: datetime | None


def recency(engine: Engine, tenant_id: str, entity: Entity, today: date) -> Recency:
    """How recent the last sync is of what matters today."""
    with transaction(engine, f"looking at the last sync of {entity}") as connection:
        return _recency(connection, {"tenant_id": tenant_id, "entity": entity.name}, entity, today)


def _recency(connection: Connection, key: dict[str, Any], entity: Entity, today: date) -> Recency:
    """Of transactions what matters is today; yesterday too, because a day that has just begun has no sync yet.

    So a backfill of March does not make transactions look fresh.
    """
    days = [today, today - timedelta(days=1)] if entity.has_days else None
    return Recency(
        now=connection.execute(text("select now()")).scalar_one(),
        last_synced_at=connection.scalar(_LAST_SYNCED, {**key, "days": days}),
        last_of_any_day_at=connection.scalar(_LAST_SYNCED, {**key, "days": None}),
    )


def _surprises(connection: Connection, key: dict[str, Any]) -> SchemaDrift:
    """Of several landings added up: each speaks for all its days, also for those that a newer one speaks for too."""
    total = SchemaDrift()
    for (counts,) in connection.execute(_COVERING, key):
        total = total.plus(StoredCounts.from_json(counts).drift)
    return total


def _last_merge(connection: Connection, key: dict[str, Any]) -> LastMerge | None:
    row = connection.execute(_LAST_MERGE, key).one_or_none()
    if row is None:
        return None
    merged = StoredCounts.from_json(row.counts).merged
    return LastMerge(on_pages=row.on_pages, told=merged.as_dict() if merged.fetched else {})


def _volume(connection: Connection, key: dict[str, Any], entity: Entity, today: date) -> Volume | None:
    if entity.has_days:
        return _volume_of_day(connection, key, today)
    counts = [int(row.record_count) for row in connection.execute(_RECORDS, {**key, "limit": DAYS_COMPARED + 1})]
    if len(counts) <= LEAST_COMPARED:
        return None
    return Volume("today's last landing", counts[0], median(counts[1:]))


def _volume_of_day(connection: Connection, key: dict[str, Any], today: date) -> Volume | None:
    """Compare the last weekday before yesterday with the same weekday of the weeks before: bookings come late."""
    day = today - timedelta(days=2)
    while day.weekday() >= _SATURDAY:
        day -= timedelta(days=1)
    days = [day - timedelta(weeks=weeks) for weeks in range(WEEKS_COMPARED + 1)]
    rows: list[Row[Any]] = list(connection.execute(_ROWS_OF_DAYS, {**key, "days": days}))
    counts = {row.trade_date: int(row.rows) for row in rows}
    before = [count for known, count in counts.items() if known != day]
    if day not in counts or len(before) < LEAST_COMPARED:
        return None
    return Volume(day.isoformat(), counts[day], median(before))


_LAST_SYNCED = text(
    """
    select max(last_synced_at) from inn8.sync_state
     where tenant_id = :tenant_id and entity = :entity
       and (cast(:days as date[]) is null or trade_date = any (cast(:days as date[])))
    """
)
# What a landing that was repeated tells, it tells for the newer fetch too.
_LAST_MERGE = text(
    """
    select m.counts,
           (select coalesce(sum(p.record_count), 0) from unnest(m.page_digests) as d (sha256)
              join inn8_raw.pages p on p.tenant_id = m.tenant_id and p.sha256 = d.sha256) as on_pages
      from inn8_raw.landings l
      join inn8_raw.landings m on m.tenant_id = l.tenant_id and m.id = coalesce(l.repeats_id, l.id)
     where l.tenant_id = :tenant_id and l.entity = :entity and m.merged_at is not null
     order by l.id desc limit 1
    """
)
# The last of each day: a drop stays one for days, not for as many ticks.
_RECORDS = text(
    """
    select distinct on (started_at::date) record_count from inn8_raw.landings
     where tenant_id = :tenant_id and entity = :entity and completed_at is not null
     order by started_at::date desc, id desc limit :limit
    """
)
_COVERING = text(
    """
    select l.counts from inn8_raw.landings l
     where l.tenant_id = :tenant_id and l.id in (
       select landing_id from inn8.sync_coverage
        where tenant_id = :tenant_id and entity = :entity and (trade_date is null or trade_date >= :from_date))
    """
)
_ROWS_OF_DAYS = text(
    """
    select c.trade_date, (select count(*) from inn8.transactions t
                           where t.tenant_id = c.tenant_id and t.trade_date = c.trade_date
                             and t.removed_at is null and t.missing_since is null) as rows
      from inn8.sync_coverage c
     where c.tenant_id = :tenant_id and c.entity = :entity and c.trade_date = any (cast(:days as date[]))
    """
)
_OPEN_REJECTS = text(
    """
    select reason_code, count(*), min(first_seen_at) from inn8.rejected_records
     where tenant_id = :tenant_id and entity = :entity and resolved_at is null and accepted_at is null
     group by reason_code order by reason_code
    """
)
