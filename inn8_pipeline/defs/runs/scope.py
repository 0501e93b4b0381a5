"""The scope of a run: its tenants and entities, its days of trade, and whether it fetched them."""

from collections.abc import Iterator, Sequence

import dagster as dg

from inn8_pipeline.defs import names
from inn8_pipeline.defs.names import Tenant
from inn8_pipeline.defs.partitions import window_of_tags
from inn8_pipeline.entities import ENTITIES, Entity, Window
from inn8_pipeline.settings import SyncSettings


def synced(run: dg.DagsterRun, tenants: Sequence[Tenant]) -> Iterator[tuple[Tenant, Entity]]:
    """Yield the tenant and the entity of each table that the run syncs."""
    for tenant in tenants:
        for entity in ENTITIES:
            if run.asset_selection:
                is_synced = not run.asset_selection.isdisjoint(tenant.keys(entity))
            else:
                is_synced = run.job_name in {tenant.job_name(entity), tenant.name(names.JOB)}
            if is_synced:
                yield tenant, entity


def is_tick(run: dg.DagsterRun) -> bool:
    """Return whether a tick started the run."""
    return names.TICK_TAG in run.tags


def manual_days(run: dg.DagsterRun) -> Window | None:
    """Return the days of trade of a sweep, backfill or manual run; None for a tick or a run without days."""
    return None if is_tick(run) else window_of_tags(run.tags)


def loaded_days(run: dg.DagsterRun, settings: SyncSettings) -> Window | None:
    """Return the days of trade of a run that are still synced; None if there are none.

    Anyone can launch a run with any tags, so its range can have any length.
    """
    window, full = window_of_tags(run.tags), settings.full_window()
    if window is None or window.to_date < full.from_date or window.from_date > full.to_date:
        return None
    return Window(max(window.from_date, full.from_date), min(window.to_date, full.to_date))


def is_complete_sync(run: dg.DagsterRun, tenant: Tenant, entity: Entity) -> bool:
    """Return whether the run fetched and merged the entity, or continued a run that had fetched it.

    A rebuild merges what was fetched before, so its success does not say that INN8 can be reached.
    """
    if not run.asset_selection or run.parent_run_id:
        return True
    return {tenant.raw_key(entity), tenant.key(entity)} <= run.asset_selection
