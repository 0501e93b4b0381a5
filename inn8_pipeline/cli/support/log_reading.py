"""Read the part of the sync log that `inn8 log` was asked for, and which ticks of a period it has no sync of."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from inn8_pipeline.cli.support import dagster_modules, missing_ticks
from inn8_pipeline.cli.support.queries import reading
from inn8_pipeline.entities import Entity
from inn8_pipeline.errors import Inn8Error
from inn8_pipeline.lazy_imports import lazy_module
from inn8_pipeline.settings import Environment, now, read_sync
from inn8_pipeline.warehouse.merge.results import Status
from inn8_pipeline.warehouse.sync_log.entry import Trigger

if TYPE_CHECKING:
    from inn8_pipeline.warehouse.sync_log import paused_entities, store
    from inn8_pipeline.warehouse.sync_log.entry import LoggedSync
else:
    paused_entities = lazy_module("inn8_pipeline.warehouse.sync_log.paused_entities")
    store = lazy_module("inn8_pipeline.warehouse.sync_log.store")

MOST_COUNTED = 10_000
"""How many syncs of a period the first line counts: the ticks of about a month."""
TIME_TO_MAKE_GOOD = timedelta(days=1)
"""For how long after a period syncs are looked at that made good what failed in it."""


@dataclass(frozen=True, slots=True)
class LogQuestion:
    """Which part of the sync log was asked for: a period has a start, and may have an end."""

    tenant_ids: Sequence[str]
    entities: Sequence[Entity]
    from_at: datetime | None
    end: datetime | None
    status: Status | None
    triggers: Sequence[Trigger] | None
    limit: int

    @property
    def expects_ticks(self) -> bool:
        """True if the syncs of ticks in a period are among those that were asked for."""
        has_ticks = self.triggers is None or Trigger.TICK in self.triggers
        return self.from_at is not None and self.status is None and has_ticks

    @property
    def filter(self) -> "store.SyncLogFilter":
        """What to read: the syncs of the period, and those after it that may have made good what failed in it."""
        return store.SyncLogFilter(
            status=self.status,
            triggers=self.triggers,
            from_at=self.from_at,
            before=self.end and self.end + TIME_TO_MAKE_GOOD,
            limit=max(self.limit, MOST_COUNTED) if self.from_at else self.limit,
        )

    @property
    def is_part(self) -> bool:
        """True if the syncs were asked for by status, by what started them, or of a period."""
        return bool(self.status or self.triggers or self.from_at)


@dataclass(frozen=True, slots=True)
class LogAnswer:
    """What the sync log has.

    Attributes:
        counted: The syncs that were asked for, newest first.
        with_later: The same and those after the period.
        has_more: Whether there may be older ones.
        ticks: The ticks of the period; None if they do not matter.
        has_pauses: Whether an entity is paused, as far as the warehouse knows.

    """

    counted: "Sequence[LoggedSync]"
    with_later: "Sequence[LoggedSync]"
    has_more: bool
    ticks: missing_ticks.Ticks | None
    has_pauses: bool


def read(environment: Environment, asked: LogQuestion) -> LogAnswer:
    """Return what the sync log has, and the ticks of a period of which it has no sync."""
    wanted, first, end = asked.filter, asked.from_at, asked.end
    with reading(environment, "reading the sync log") as connection:
        syncs = [*store.read(connection, asked.tenant_ids, asked.entities, wanted)]
        has_pauses = paused_entities.has_any(connection, asked.tenant_ids, [each.name for each in asked.entities])
        earlier = (
            store.have_ticks(connection, asked.tenant_ids, asked.entities, first)
            if first and asked.expects_ticks
            else {}
        )
    counted = [sync for sync in syncs if end is None or (sync.entry.started_at or end) < end]
    has_more = len(syncs) == wanted.limit
    from_at = syncs[-1].entry.started_at if has_more else first
    ticks = _ticks(environment, syncs, earlier, (from_at, min(end or now(), now()))) if from_at and earlier else None
    return LogAnswer(counted, syncs, has_more, ticks, has_pauses)


def _ticks(
    environment: Environment,
    syncs: "Sequence[LoggedSync]",
    earlier: Mapping[missing_ticks.Key, bool],
    period: tuple[datetime, datetime],
) -> missing_ticks.Ticks:
    """Return the ticks of the period. If some are missing, Dagster is loaded, because it knows the pauses."""
    ticks = missing_ticks.find(syncs, earlier, period, read_sync(environment))
    if ticks.are_unknown:
        with suppress(Inn8Error), dagster_modules.instance.guarded_instance(environment) as instance:
            pauses = {
                (tenant_id, name): pause
                for tenant_id in {tenant_id for tenant_id, _ in earlier}
                for name, pause in dagster_modules.pauses.read(instance, tenant_id).items()
            }
            return ticks.with_pauses(lambda key, at: key in pauses and pauses[key].holds(at))
    return ticks
