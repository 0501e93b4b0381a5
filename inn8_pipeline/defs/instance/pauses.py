"""Keep in Dagster's storage which entities are paused: no tick and no sweep syncs them until somebody resumes them.

Schedules, sensors, checks and `inn8 pause` reach it on every machine, also while the warehouse is away. The warehouse
has a copy for readers in SQL, `inn8.paused_entities`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

import dagster as dg
import msgspec

from inn8_pipeline.entities import ENTITIES, Entity
from inn8_pipeline.errors import Inn8Error
from inn8_pipeline.lazy_imports import lazy_module
from inn8_pipeline.settings import moment, now

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from inn8_pipeline.warehouse.sync_log import paused_entities
else:
    paused_entities = lazy_module("inn8_pipeline.warehouse.sync_log.paused_entities")


@dataclass(frozen=True, slots=True)
class Pause:
    """The last pause of an entity. `resumed_at` is None while it lasts."""

    since_at: datetime
    by: str
    reason: str
    resumed_at: datetime | None = None

    @property
    def lasts(self) -> bool:
        """True if nobody has resumed the entity."""
        return self.resumed_at is None

    def holds(self, at: datetime) -> bool:
        """Return whether the entity was paused at the instant."""
        return self.since_at <= at and (self.resumed_at is None or at < self.resumed_at)

    def __str__(self) -> str:
        """Return since when the entity is paused (in UTC), by whom and why."""
        return self.text("UTC")

    def text(self, timezone: str | None) -> str:
        """Return the same with the time in this zone too; without a time zone, in that of the terminal."""
        return f"paused since {moment(self.since_at, timezone)} by {self.by}: {self.reason}"


def read(instance: dg.DagsterInstance, tenant_id: str) -> Mapping[str, Pause]:
    """Return the last pause of each of the tenant's entities that was ever paused, by the name of the entity."""
    keys = {_key(tenant_id, entity): entity.name for entity in ENTITIES}
    stored = instance.daemon_cursor_storage.get_cursor_values(set(keys))
    found = {keys[key]: _decoded(text) for key, text in stored.items()}
    return {name: pause for name, pause in found.items() if pause is not None}


def lasting(instance: dg.DagsterInstance, tenant_id: str) -> Mapping[str, Pause]:
    """Return the pause of each of the tenant's entities that is paused now."""
    return {name: pause for name, pause in read(instance, tenant_id).items() if pause.lasts}


def pause(instance: dg.DagsterInstance, tenant_id: str, entity: Entity, by: str, reason: str) -> Pause:
    """Pause an entity, and return its pause: the one that lasts already, if it is paused."""
    before = lasting(instance, tenant_id).get(entity.name)
    if before is not None:
        return before
    made = Pause(now(), by, reason)
    _write(instance, tenant_id, entity, made)
    return made


def resume(instance: dg.DagsterInstance, tenant_id: str, entity: Entity) -> Pause | None:
    """Resume an entity, and return the pause that has ended; None if it was not paused."""
    before = lasting(instance, tenant_id).get(entity.name)
    if before is None:
        return None
    ended = replace(before, resumed_at=now())
    _write(instance, tenant_id, entity, ended)
    return ended


def copy_or_warn(
    instance: dg.DagsterInstance, engine: "Callable[[], Engine]", tenant_id: str, warn: Callable[[str], object]
) -> None:
    """Copy the pauses to the warehouse, or warn that this failed: pausing must also work while the warehouse is away.

    `engine` opens the warehouse, and may raise the error of its setting.
    """
    try:
        copy_to_warehouse(instance, engine(), tenant_id)
    except Inn8Error as error:
        warn(f"inn8.paused_entities does not show it yet; `watch_freshness` will write it. {error}")


def copy_to_warehouse(instance: dg.DagsterInstance, engine: "Engine", tenant_id: str) -> None:
    """Let `inn8.paused_entities` have the pauses that last. The sensor `watch_freshness` does that too.

    Raises:
        WarehouseError: The warehouse cannot be reached or written.

    """
    found = lasting(instance, tenant_id)
    rows = [paused_entities.PausedEntity(name, each.since_at, each.by, each.reason) for name, each in found.items()]
    paused_entities.write(engine, tenant_id, rows)


def _key(tenant_id: str, entity: Entity) -> str:
    return f"inn8/pause/{tenant_id}/{entity}"


def _write(instance: dg.DagsterInstance, tenant_id: str, entity: Entity, made: Pause) -> None:
    instance.daemon_cursor_storage.set_cursor_values({_key(tenant_id, entity): msgspec.json.encode(made).decode()})


def _decoded(text: str) -> Pause | None:
    try:
        return msgspec.json.decode(text, type=Pause)
    except msgspec.MsgspecError:
        return None
