"""Drift: the properties that INN8 sends and no column is made from, by name, with the first day of each.

Here belong their table, and the operator's word that one of them is known and not wanted. No value is kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, text

from inn8_pipeline.entities import ENTITIES, Entity
from inn8_pipeline.warehouse.database import transaction
from inn8_pipeline.warehouse.merge.staging import MergeContext

STILL_SENT_DAYS = 9
"""A property that was not seen for so long, in no sync and in no weekly sweep, is no longer sent."""


@dataclass(frozen=True, slots=True)
class UnknownProperty:
    """A property by its path, such as `address.country`."""

    entity: Entity
    name: str
    first_seen_at: datetime
    last_seen_at: datetime
    accepted_at: datetime | None
    accepted_note: str | None


def note(scope: MergeContext, names: Sequence[str]) -> None:
    """Remember the names that a landing brought, also one that repeats another; to the day."""
    if names:
        scope.run(
            """
            insert into inn8.unknown_properties as k (tenant_id, entity, name, first_seen_at, last_seen_at)
            select %(tenant)s, %(entity)s, name, %(started_at)s, %(started_at)s
              from unnest(%(names)s::text[]) as n (name)
                on conflict (tenant_id, entity, name) do update set
                   first_seen_at = least(k.first_seen_at, excluded.first_seen_at), last_seen_at = excluded.last_seen_at
             where k.last_seen_at < excluded.last_seen_at - interval '1 day' or k.first_seen_at > excluded.first_seen_at
            """,
            names=list(names),
        )


def still_sent(connection: Connection, tenant_id: str, entity: Entity) -> list[UnknownProperty]:
    """The unknown properties of the entity that INN8 still sends, accepted ones too; the oldest first."""
    found = connection.execute(_STILL_SENT, {"tenant_id": tenant_id, "entity": entity.name, "days": STILL_SENT_DAYS})
    return [UnknownProperty(**{**row, "entity": ENTITIES.named(row["entity"])}) for row in found.mappings()]


def accept(engine: Engine, tenant_id: str, entity: Entity, name: str, remark: str) -> bool:
    """No column is wanted of it: it is no longer told of. False where no such property was ever seen."""
    with transaction(engine, "accepting an unknown property") as connection:
        done = connection.execute(
            _ACCEPT, {"tenant_id": tenant_id, "entity": entity.name, "name": name, "remark": remark}
        )
    return done.rowcount == 1


_STILL_SENT = text(
    """
    select entity, name, first_seen_at, last_seen_at, accepted_at, accepted_note
      from inn8.unknown_properties
     where tenant_id = :tenant_id and entity = :entity
       and last_seen_at >= now() - make_interval(days => :days)
     order by first_seen_at, name
    """
)
_ACCEPT = text(
    """
    update inn8.unknown_properties set accepted_at = now(), accepted_note = :remark
     where tenant_id = :tenant_id and entity = :entity and name = :name
    """
)
