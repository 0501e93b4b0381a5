"""Read what the report shows: what syncs did day by day, and the state of rejects, drift and storage.

These are counts, names of properties, reasons and times: no personal data.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from psycopg import sql
from sqlalchemy import Connection

from inn8_pipeline.entities import DAY_COLUMN, ENTITIES
from inn8_pipeline.warehouse.database import execute
from inn8_pipeline.warehouse.schema.tables import SCHEMA


@dataclass(frozen=True, slots=True)
class DayOfSyncs:
    """The syncs of an entity that began on a day (UTC): their statuses, what they brought, how long they took."""

    tenant_id: str
    entity: str
    day: date
    success: int
    partial: int
    no_data: int
    failed: int
    records: float
    inserted: int
    updated: int
    rejected: int
    missing: int
    removed: int
    median_seconds: float
    longest_seconds: float

    @property
    def syncs(self) -> int:
        """The number of syncs that have ended."""
        return self.success + self.partial + self.no_data + self.failed


@dataclass(frozen=True, slots=True)
class Count:
    """A number of something of an entity. `name` and `of` say of what, `order` where it is shown."""

    tenant_id: str
    entity: str
    name: str
    of: str
    number: int
    order: int = 0


@dataclass(frozen=True, slots=True)
class PropertyWithoutColumn:
    """A property that INN8 sends and that no column is made from."""

    tenant_id: str
    entity: str
    name: str
    first_seen_at: datetime
    is_accepted: bool


@dataclass(frozen=True, slots=True)
class Activity:
    """What the report shows. `sizes` are bytes by table, of all tenants."""

    days: tuple[DayOfSyncs, ...]
    lags: tuple[Count, ...]
    rejects: tuple[Count, ...]
    drift: tuple[PropertyWithoutColumn, ...]
    landings: tuple[Count, ...]
    sizes: tuple[tuple[str, int], ...]


def read(connection: Connection, tenant_ids: Sequence[str], since: date) -> Activity:
    """Return the activity of these tenants since a day, and the present state of what it has left."""
    known = {"tenants": list(tenant_ids), "since": since}
    lags = [
        Count(**row)
        for entity in ENTITIES
        if entity.has_days
        for row in execute(
            connection,
            _LAGS.format(
                table=sql.Identifier(SCHEMA, entity.name),
                entity=sql.Literal(entity.name),
                day=sql.Identifier(DAY_COLUMN),
            ),
            **known,
        )
    ]
    return Activity(
        days=tuple(DayOfSyncs(**row) for row in execute(connection, _DAYS, **known)),
        lags=tuple(lags),
        rejects=tuple(Count(**row) for row in execute(connection, _REJECTS, tenants=known["tenants"])),
        drift=tuple(PropertyWithoutColumn(**row) for row in execute(connection, _DRIFT, tenants=known["tenants"])),
        landings=tuple(Count(**row) for row in execute(connection, _LANDINGS, tenants=known["tenants"])),
        sizes=tuple((row["name"], row["bytes"]) for row in execute(connection, _SIZES)),
    )


_DAYS = sql.SQL("""
  select tenant_id, entity, (started_at at time zone 'UTC')::date as day,
         count(*) filter (where status = 'Success') as success,
         count(*) filter (where status = 'PartialSuccess') as partial,
         count(*) filter (where status = 'NoData') as no_data,
         count(*) filter (where status = 'Failed') as failed,
         coalesce(avg(fetched), 0)::float8 as records,
         coalesce(sum(inserted), 0)::bigint as inserted, coalesce(sum(updated), 0)::bigint as updated,
         coalesce(sum(rejected), 0)::bigint as rejected, coalesce(sum(missing), 0)::bigint as missing,
         coalesce(sum(removed), 0)::bigint as removed,
         percentile_cont(0.5) within group (order by extract(epoch from ended_at - started_at))::float8
           as median_seconds,
         max(extract(epoch from ended_at - started_at))::float8 as longest_seconds
    from inn8.sync_log_entries
   where tenant_id = any(%(tenants)s) and started_at >= %(since)s::date::timestamp at time zone 'UTC'
     and ended_at is not null
   group by 1, 2, 3 order by 1, 2, 3
""")
_LAGS = sql.SQL("""
  select tenant_id, {entity} as entity, '' as name, bucket as of, count(*) as number, min("order") as "order"
    from (select tenant_id,
                 case when lag <= 0 then 'same day' when lag = 1 then '1 day' when lag = 2 then '2 days'
                      when lag = 3 then '3 days' when lag <= 7 then '4 to 7 days' when lag <= 30 then '8 to 30 days'
                      else 'later' end as bucket,
                 least(greatest(lag, 0), 31) as "order"
            from (select tenant_id, (created_at at time zone 'UTC')::date - {day} as lag
                    from {table}
                   where tenant_id = any(%(tenants)s)
                     and created_at >= %(since)s::date::timestamp at time zone 'UTC') r) b
   group by 1, 4 order by 1, 6
""")
_REJECTS = sql.SQL("""
  select tenant_id, entity, reason_code as name,
         case when accepted_at is not null then 'accepted'
              when first_seen_at > now() - interval '1 day' then '1 d'
              when first_seen_at > now() - interval '7 days' then '7 d'
              when first_seen_at > now() - interval '30 days' then '30 d' else 'older' end as of,
         count(*) as number
    from inn8.rejected_records where tenant_id = any(%(tenants)s) and resolved_at is null
   group by 1, 2, 3, 4 order by 1, 2, 3, 4
""")
_DRIFT = sql.SQL("""
  select tenant_id, entity, name, first_seen_at, accepted_at is not null as is_accepted
    from inn8.unknown_properties where tenant_id = any(%(tenants)s) order by 1, 2, 3
""")
_LANDINGS = sql.SQL("""
  select tenant_id, entity, 'landings' as name, count(*)::text as of, coalesce(sum(byte_count), 0)::bigint as number
    from inn8_raw.landings where tenant_id = any(%(tenants)s) and completed_at is not null
   group by 1, 2 order by 1, 2
""")
_SIZES = sql.SQL("""
  select n.nspname || '.' || c.relname as name, pg_total_relation_size(c.oid) as bytes
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
   where n.nspname in ('inn8', 'inn8_raw', 'inn8_history') and c.relkind = 'r' order by 2 desc, 1 limit 10
""")
