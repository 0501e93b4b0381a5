"""Keep `inn8.paused_entities` like the pauses in Dagster's storage, so that readers see them in SQL."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import sql
from sqlalchemy import Connection, Engine

from inn8_pipeline.warehouse.database import execute, transaction


@dataclass(frozen=True, slots=True)
class PausedEntity:
    """An entity that is paused: since when, by whom, and why."""

    entity: str
    paused_at: datetime
    paused_by: str
    reason: str


_ANY = sql.SQL(
    """
    select exists (select from inn8.paused_entities
                    where tenant_id = any (%(tenants)s) and entity = any (%(entities)s)) as is_any
    """
)
_READ = sql.SQL("select entity, paused_at, paused_by, reason from inn8.pauses where tenant_id = %(tenant)s")
_DELETE = sql.SQL("delete from inn8.pauses where tenant_id = %(tenant)s and entity <> all(%(entities)s)")
_WRITE = sql.SQL("""
    insert into inn8.pauses (tenant_id, entity, paused_at, paused_by, reason)
    values (%(tenant)s, %(entity)s, %(paused_at)s, %(paused_by)s, %(reason)s)
    on conflict (tenant_id, entity)
    do update set paused_at = excluded.paused_at, paused_by = excluded.paused_by, reason = excluded.reason
""")


def has_any(connection: Connection, tenant_ids: Sequence[str], entities: Sequence[str]) -> bool:
    """Return whether one of the tenants' entities is paused, as far as the warehouse knows."""
    (row,) = execute(connection, _ANY, tenants=list(tenant_ids), entities=list(entities))
    return bool(row["is_any"])


def write(engine: Engine, tenant_id: str, paused: Collection[PausedEntity]) -> None:
    """Store that exactly these entities of the tenant are paused. If they are the stored ones, write nothing."""
    with transaction(engine, "storing which entities are paused") as connection:
        stored = {PausedEntity(**row) for row in execute(connection, _READ, tenant=tenant_id)}
        if stored == set(paused):
            return
        execute(connection, _DELETE, tenant=tenant_id, entities=[each.entity for each in paused])
        for each in paused:
            execute(
                connection,
                _WRITE,
                tenant=tenant_id,
                entity=each.entity,
                paused_at=each.paused_at,
                paused_by=each.paused_by,
                reason=each.reason,
            )
