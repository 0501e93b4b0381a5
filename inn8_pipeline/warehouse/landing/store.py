"""The landings of a warehouse: what is known of each complete fetch, and which of them a rebuild reads.

`writer` stores them, `pages` stores and reads their records.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from psycopg import sql
from sqlalchemy import Engine

from inn8_pipeline.entities import ENTITIES, Entity, Window
from inn8_pipeline.errors import LandingMissingError
from inn8_pipeline.warehouse.database import execute, transaction


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


def landing_of(row: Mapping[str, Any]) -> Landing:
    """Return the landing of a row of `inn8_raw.landings`."""
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
    return landing_of(row)


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
    landings = sorted(map(landing_of, rows), key=lambda landing: landing.id)
    return [(landing, frozenset(days[landing.id])) for landing in landings]
