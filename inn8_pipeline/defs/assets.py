"""The assets: what INN8 said (raw), and the tables made of it. Each is a sentence: read, transform, write, report."""

from collections.abc import Callable, Iterator
from datetime import date
from typing import TYPE_CHECKING, Any

import dagster as dg

from inn8_pipeline.deferred import deferred
from inn8_pipeline.defs import catalog, metadata
from inn8_pipeline.defs.checks import asset_checks
from inn8_pipeline.defs.names import Tenant
from inn8_pipeline.defs.partitions import MAX_DAYS_PER_RUN
from inn8_pipeline.defs.resources import Inn8, Warehouse
from inn8_pipeline.defs.sync_log import entries
from inn8_pipeline.entities import Entity, Window
from inn8_pipeline.errors import NoDaysError
from inn8_pipeline.settings import Environment, SyncSettings, read_sync

if TYPE_CHECKING:
    from inn8_pipeline import sync
    from inn8_pipeline.warehouse.landing.store import Landing
    from inn8_pipeline.warehouse.merge.session import MergeOptions
else:
    sync = deferred("inn8_pipeline.sync")


def raw_asset(
    tenant: Tenant, entity: Entity, settings: SyncSettings, partitions: dg.PartitionsDefinition | None
) -> dg.AssetsDefinition:
    """The asset of an entity's landings."""
    key = tenant.key(entity)

    @dg.multi_asset(
        name=tenant.name(f"raw_{entity}"),
        specs=[catalog.raw_spec(tenant, entity, settings)],
        pool=tenant.pool(entity),
        partitions_def=partitions,
        backfill_policy=_backfill_policy(partitions),
    )
    def raw(context: dg.AssetExecutionContext, inn8: Inn8, warehouse: Warehouse) -> dg.MaterializeResult[None]:
        days = days_of(context)
        with entries.LogFailures(context, key, days):
            to = sync.Destination(warehouse.engine(), tenant.tenant_id, context.run.run_id)
            with inn8.client(tenant.tenant_id, to.engine, warn=context.log.warning) as client:
                landing = sync.land(client, to, entity, window_of(entity, days))
        context.log.info(metadata.landed(landing))
        return dg.MaterializeResult(metadata=metadata.of_landing(landing))

    return raw


def table_assets(
    tenant: Tenant, entity: Entity, settings: SyncSettings, partitions: dg.PartitionsDefinition | None
) -> dg.AssetsDefinition:
    """The asset of an entity's table; of transactions, that of the securities that ride on them too."""
    key = tenant.key(entity)

    @dg.multi_asset(
        name=tenant.name(f"merge_{entity}"),
        specs=catalog.table_specs(tenant, entity, settings),
        check_specs=[entries.spec(key)],
        pool=tenant.pool(entity),
        partitions_def=partitions,
        backfill_policy=_backfill_policy(partitions),
        can_subset=True,
        config_schema=_config_schema(tenant),
    )
    def tables(context: dg.AssetExecutionContext, warehouse: Warehouse) -> Iterator[dg.MaterializeResult[None]]:
        days = days_of(context)
        with entries.LogFailures(context, key, days):
            now_set = read_sync(Environment())
            to = sync.Destination(warehouse.engine(), tenant.tenant_id, context.run.run_id, now_set.chunk_size)
            sources = sync.landings_of(to, entity, window_of(entity, days))
            rules = _rules(to, context.op_execution_context.op_config, now_set)
            outcome = sync.merge(to, sources, rules, on_wait=lambda: context.log.warning(metadata.waits(entity)))
        context.log.info(metadata.merged(outcome))
        for line in metadata.surprised(outcome.drift_found):
            context.log.warning(line)
        whole, by_day = entries.entries(outcome, days)
        entries.write(context, key, whole, by_day)
        asset_checks.log_after_merge(context, tenant, entity, to.engine)
        for day, of_day in metadata.of_days(outcome, days).items():
            context.add_asset_metadata(of_day, asset_key=key, partition_key=day)
        for table, of_table in metadata.of_tables(entity, outcome).items():
            if tenant.key(table) in context.selected_asset_keys:
                yield dg.MaterializeResult(asset_key=tenant.key(table), metadata=of_table)

    return tables


def _config_schema(tenant: Tenant) -> dict[str, dg.Field]:
    """What one run may do that no other may; as the launchpad shows it."""
    ours = dg.Enum(tenant.name("Tenant"), [dg.EnumValue(tenant.tenant_id)])
    return {
        "tenant_id": dg.Field(
            ours,
            default_value=tenant.tenant_id,
            description="The tenant whose data this is: shown, so that a configuration of another one is refused.",
        ),
        "allow_removals": dg.Field(
            bool,
            default_value=False,
            description=(
                "Mark rows as missing however many INN8 no longer sends (the bound is INN8_MAX_REMOVED_PERCENT): for "
                "the one run after it really removed that many."
            ),
        ),
        "allow_rejects": dg.Field(
            bool,
            default_value=False,
            description=(
                "Go on however many records are refused (the bound is INN8_MAX_REJECTED_PERCENT): for the one run in "
                "which that many really are faulty."
            ),
        ),
    }


def _backfill_policy(partitions: dg.PartitionsDefinition | None) -> dg.BackfillPolicy | None:
    return dg.BackfillPolicy.multi_run(MAX_DAYS_PER_RUN) if partitions else None


def days_of(context: dg.AssetExecutionContext) -> tuple[str, ...]:
    """The days of trade that the run is for, in order; none where none were chosen, or the entity has none."""
    return tuple(context.partition_keys) if context.assets_def.partitions_def and context.run.is_partitioned else ()


def window_of(entity: Entity, days: tuple[str, ...]) -> Window | None:
    """The days as a window, for Dagster gives a run a contiguous range; NoDaysError where some had to be chosen."""
    if not days and entity.has_days:
        raise NoDaysError(entity.name)
    return Window(date.fromisoformat(days[0]), date.fromisoformat(days[-1])) if days else None


def _rules(
    to: "sync.Destination", config: dict[str, Any], settings: SyncSettings
) -> "Callable[[Landing], MergeOptions]":
    """What a merge goes by. A landing of another run is rebuilt from, and merged even if nothing changed."""
    from inn8_pipeline.transform import TRANSFORM_VERSION
    from inn8_pipeline.warehouse.merge.deletions import RemovalLimit
    from inn8_pipeline.warehouse.merge.session import MergeOptions, RejectLimit

    return lambda landing: MergeOptions(
        transform_version=TRANSFORM_VERSION,
        history=settings.history() if landing.window else None,
        may_repeat=landing.run_id == to.run_id,
        reject_limit=RejectLimit(percent=100 if config["allow_rejects"] else settings.max_rejected_percent),
        removal_limit=RemovalLimit(settings.max_removed_percent, is_overridden=config["allow_removals"]),
        lock_seconds=settings.lock_seconds,
    )
