"""Store the unknown properties: those that INN8 sends but that no column is made from.

Their names are stored with the first and the last fetch that had them, but no values. An operator can accept a property
that needs no column.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import sql
from sqlalchemy import Connection, Engine

from inn8_pipeline.entities import Entity
from inn8_pipeline.warehouse.database import execute, transaction
from inn8_pipeline.warehouse.merge.context import MergeContext
from inn8_pipeline.warehouse.merge.results import StoredCounts

STILL_SENT_DAYS = 9
"""After this many days without a property, which include a weekly sweep, INN8 no longer sends it."""


@dataclass(frozen=True, slots=True)
class UnknownProperty:
    """A property that no column is made from, named by its path, such as `address.country`."""

    entity: Entity
    name: str
    first_seen_at: datetime
    last_seen_at: datetime
    accepted_at: datetime | None
    accepted_note: str | None


_NOTE = sql.SQL(
    """
    insert into inn8.unknown_properties as k (tenant_id, entity, name, first_seen_at, last_seen_at)
    select %(tenant)s, %(entity)s, name, %(started_at)s, %(started_at)s
      from unnest(%(names)s::text[]) as n (name)
        on conflict (tenant_id, entity, name) do update set
           first_seen_at = least(k.first_seen_at, excluded.first_seen_at), last_seen_at = excluded.last_seen_at
     where k.last_seen_at < excluded.last_seen_at - interval '1 day' or k.first_seen_at > excluded.first_seen_at
    """
)
_STILL_SENT = sql.SQL(
    """
    select name, first_seen_at, last_seen_at, accepted_at, accepted_note
      from inn8.unknown_properties
     where tenant_id = %(tenant)s and entity = %(entity)s and last_seen_at >= now() - make_interval(days => %(days)s)
     order by first_seen_at, name
    """
)
_ACCEPT = sql.SQL(
    """
    update inn8.unknown_properties set accepted_at = now(), accepted_note = %(remark)s
     where tenant_id = %(tenant)s and entity = %(entity)s and name = %(name)s
    """
)


_OF_LAST_MERGE = sql.SQL(
    """
    select counts from inn8_raw.landings
     where tenant_id = %(tenant)s and entity = %(entity)s and id <> %(landing)s and merged_at is not null
     order by as_of_at desc limit 1
    """
)


def of_last_merge(context: MergeContext) -> tuple[str, ...]:
    """Return the unknown properties of the last landing that was merged: records that are the same still have them."""
    row = context.run(_OF_LAST_MERGE).fetchone()
    return () if row is None else StoredCounts.from_json(row["counts"]).drift.properties


def note(context: MergeContext, names: Sequence[str]) -> None:
    """Store the names of the unknown properties of a landing. `last_seen_at` is written at most once a day."""
    if names:
        context.run(_NOTE, names=list(names))


def still_sent(connection: Connection, tenant_id: str, entity: Entity) -> list[UnknownProperty]:
    """Return the unknown properties of the entity that INN8 still sends, including accepted ones, oldest first."""
    found = execute(connection, _STILL_SENT, tenant=tenant_id, entity=entity.name, days=STILL_SENT_DAYS)
    return [UnknownProperty(entity=entity, **row) for row in found]


def accept(engine: Engine, tenant_id: str, entity: Entity, name: str, remark: str) -> bool:
    """Accept a property that needs no column; return False if INN8 never sent such a property."""
    with transaction(engine, "accepting an unknown property") as connection:
        done = execute(connection, _ACCEPT, tenant=tenant_id, entity=entity.name, name=name, remark=remark)
    return done.rowcount == 1
