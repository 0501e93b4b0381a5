"""Copy sync log entries from Dagster's storage to `inn8.sync_log`, for syncs that have no row there.

Until release 0.1 the sync log was in Dagster's storage alone. `inn8 db upgrade` copies it once, and the weekly
maintenance copies what is still missing.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dagster as dg

from inn8_pipeline.defs.instance.internals import AssetCheckExecutionRecord, PartitionKeyFilter
from inn8_pipeline.defs.names import Tenant
from inn8_pipeline.defs.partitions import window_of_tags
from inn8_pipeline.defs.sync_log import dagster_log, dry_runs, warehouse_log
from inn8_pipeline.entities import ENTITIES, Entity
from inn8_pipeline.lazy_imports import lazy_module
from inn8_pipeline.warehouse.merge.results import Status
from inn8_pipeline.warehouse.sync_log.entry import UNLOGGED, LoggedSync, SyncLogEntry

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from inn8_pipeline.warehouse.sync_log import store
else:
    store = lazy_module("inn8_pipeline.warehouse.sync_log.store")

_PAGE_SIZE = 500


def copy(
    instance: dg.DagsterInstance,
    engine: "Engine",
    tenants: Iterable[Tenant],
    on_table: Callable[[int, int], None] = lambda _done, _total: None,
) -> int:
    """Add a row for each entry of a whole run that has none; return how many were added.

    After each table, `on_table` is called with how many are done and how many there are.
    """
    added = 0
    tables = [(tenant, entity) for tenant in tenants for entity in ENTITIES]
    for number, (tenant, entity) in enumerate(tables, start=1):
        for page in _pages(instance, tenant.log(entity)):
            with store.writing(engine) as connection:
                added += store.add(connection, [*_syncs(instance, tenant, entity, page)])
        on_table(number, len(tables))
    return added


def _pages(instance: dg.DagsterInstance, check: dg.AssetCheckKey) -> Iterator[Sequence[AssetCheckExecutionRecord]]:
    """Yield the history of a check, newest first; the evaluations of single days are left out."""
    cursor = None
    while True:
        page = instance.event_log_storage.get_asset_check_execution_history(
            check, limit=_PAGE_SIZE, cursor=cursor, partition_filter=PartitionKeyFilter(key=None)
        )
        yield page
        if len(page) < _PAGE_SIZE:
            return
        cursor = page[-1].id


def _syncs(
    instance: dg.DagsterInstance, tenant: Tenant, entity: Entity, page: Sequence[AssetCheckExecutionRecord]
) -> Iterator[LoggedSync]:
    ids = sorted({record.run_id for record in page})
    runs = {run.run_id: run for run in instance.get_runs(dg.RunsFilter(run_ids=ids))} if ids else {}
    for record in page:
        run = runs.get(record.run_id)
        if run and dry_runs.is_dry(run):
            continue
        entry = _entry(record, run)
        if entry is not None:
            yield LoggedSync(
                tenant_id=tenant.tenant_id,
                entity=entity.name,
                run_id=record.run_id,
                entry=entry,
                window=window_of_tags(run.tags) if run and entity.has_days else None,
                trigger=warehouse_log.trigger_of(run, tenant.raw_key(entity)) if run else None,
            )


def _entry(record: AssetCheckExecutionRecord, run: dg.DagsterRun | None) -> SyncLogEntry | None:
    """Return the entry that a record holds; None if the sync has none.

    A record without an entry was planned. If its run has ended, the sync failed. If the run is still in progress, there
    is no entry yet. If the run was deleted, there is none either, because it may have been a dry run.
    """
    if isinstance(record.evaluation, dg.AssetCheckEvaluation):
        return dagster_log.entry_of(record.evaluation)
    if run is None or not run.is_finished:
        return None
    planned_at = datetime.fromtimestamp(record.create_timestamp, UTC)
    return SyncLogEntry(Status.FAILED, planned_at, planned_at, description=UNLOGGED)
