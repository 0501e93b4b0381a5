"""Write the row of a run's sync in `inn8.sync_log`: when it begins, when it ends, or after its process was killed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

import dagster as dg

from inn8_pipeline.defs import names
from inn8_pipeline.defs.names import Tenant
from inn8_pipeline.defs.partitions import window_of_days
from inn8_pipeline.defs.sync_log import dagster_log, dry_runs
from inn8_pipeline.entities import ENTITIES, Entity
from inn8_pipeline.lazy_imports import lazy_module
from inn8_pipeline.settings import Environment, now, read_database, read_other_tenant_ids, read_tenant_ids
from inn8_pipeline.warehouse.merge.results import Status
from inn8_pipeline.warehouse.sync_log.entry import LoggedSync, SyncLogEntry, Trigger

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from inn8_pipeline.sync import Outcome
    from inn8_pipeline.warehouse.landing import retention
    from inn8_pipeline.warehouse.sync_log import store
else:
    retention = lazy_module("inn8_pipeline.warehouse.landing.retention")
    store = lazy_module("inn8_pipeline.warehouse.sync_log.store")

_BACKFILL_TAG = "dagster/backfill"


def sync_of(run: dg.DagsterRun, tenant: Tenant, entity: Entity, days: Sequence[str]) -> LoggedSync:
    """Return the row of a sync in progress: that of an entity in this run."""
    return LoggedSync(
        tenant_id=tenant.tenant_id,
        entity=entity.name,
        run_id=run.run_id,
        entry=SyncLogEntry(Status.IN_PROGRESS, started_at=now()),
        window=window_of_days(days),
        trigger=trigger_of(run, tenant.raw_key(entity)),
    )


def trigger_of(run: dg.DagsterRun, raw_key: dg.AssetKey) -> Trigger:
    """Return what started a run; `rebuild` if it merges without fetching."""
    if run.asset_selection and raw_key not in run.asset_selection:
        return Trigger.REBUILD
    if names.TICK_TAG in run.tags:
        return Trigger.TICK
    if names.SCHEDULED_TAG in run.tags:
        return Trigger.SWEEP
    is_backfill = _BACKFILL_TAG in run.tags or run.tags.get(names.TRIGGER_TAG) == Trigger.BACKFILL
    return Trigger.BACKFILL if is_backfill else Trigger.MANUAL


def is_logged(run: dg.DagsterRun, key: dg.AssetKey) -> bool:
    """Return whether a run has a row for the table: it merges into it, and is not a dry run."""
    return not dry_runs.is_dry(run) and (not run.asset_selection or key in run.asset_selection)


def begin(engine: "Engine", sync: LoggedSync) -> None:
    """Write that the sync is in progress, unless it has a row already."""
    with store.writing(engine) as connection:
        store.write(connection, sync)


@dataclass
class MergeRecorder:
    """Writes how a merged sync ended. `whole` and `by_day` are its entries, once it is written.

    Attributes:
        sync: The sync.
        days: The run's days of trade.
        began_at: When the step that merges began.
        waits: How often a merge waited for another sync.

    """

    sync: LoggedSync
    days: Sequence[str]
    began_at: datetime
    waits: int = 0
    whole: SyncLogEntry = field(init=False)
    by_day: Mapping[str, SyncLogEntry] = field(init=False)

    def write(self, connection: "Connection", outcome: "Outcome") -> None:
        """Write the row, in the transaction of the last merge."""
        self.whole, self.by_day = dagster_log.of_outcome(outcome, self.days, self.sync.run_id, self.began_at)
        fetched = [landing for landing in outcome.landings if landing.run_id == self.sync.run_id]
        done = replace(
            self.sync,
            entry=self.whole,
            merged_at=[each.merged_at for each in outcome.results if each.merged_at],
            landing_id=outcome.landings[-1].id,
            bytes=sum(landing.bytes for landing in fetched),
            retries=sum(landing.retries for landing in fetched),
            waits=self.waits,
            waited_seconds=sum(landing.waited_seconds for landing in fetched),
            unchanged_pages=sum(landing.unchanged_pages for landing in fetched),
        )
        store.write(connection, done)


def write_ended(sync: LoggedSync) -> SyncLogEntry:
    """Write the end of a sync in a transaction of its own, and return the entry that the row now has.

    If the merge was committed before the sync failed, that is the entry of the merge.

    Raises:
        Inn8Error: The warehouse cannot be written. The sensor `watch_runs` tries again.

    """
    with store.writing(read_database(Environment()).engine()) as connection:
        return store.write(connection, sync).entry


def discard_landings(run: dg.DagsterRun, tenant: Tenant, entity: Entity) -> None:
    """Delete what a dry run has fetched of an entity; raise an Inn8Error if the warehouse cannot be written."""
    retention.discard(read_database(Environment()).engine(), tenant.tenant_id, entity, run.run_id)


def known_tables() -> dict[dg.AssetKey, tuple[Tenant, Entity]]:
    """Return the tenant and the entity of each table, by asset key, for the tenants of the settings.

    Former tenants are among them: their runs may still be in progress when a tenant is taken out of the settings.
    """
    environment = Environment()
    former = (names.Tenant(each, is_default=False) for each in read_other_tenant_ids(environment))
    tenants = (*names.tenants(read_tenant_ids(environment)), *former)
    return {tenant.key(entity): (tenant, entity) for tenant in tenants for entity in ENTITIES}
