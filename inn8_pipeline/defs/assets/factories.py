"""Build the assets of an entity: its landings (raw), and the tables that are merged from them."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import dagster as dg

from inn8_pipeline.defs import names
from inn8_pipeline.defs.assets import catalog, metadata
from inn8_pipeline.defs.checks import asset_checks, plausibility
from inn8_pipeline.defs.names import Tenant
from inn8_pipeline.defs.partitions import MAX_DAYS_PER_RUN, window_of_days
from inn8_pipeline.defs.resources import Inn8, Warehouse
from inn8_pipeline.defs.runs.progress import StepProgress
from inn8_pipeline.defs.runs.step_trace import StepTrace
from inn8_pipeline.defs.sync_log import dagster_log, dry_runs, warehouse_log
from inn8_pipeline.defs.sync_log.failures import LogFailures
from inn8_pipeline.defs.sync_log.warehouse_log import MergeRecorder
from inn8_pipeline.entities import Entity, Window
from inn8_pipeline.errors import NoDaysError
from inn8_pipeline.lazy_imports import lazy_module
from inn8_pipeline.settings import Environment, SyncSettings, check_tenants, read_contract, read_sync
from inn8_pipeline.transform import TRANSFORM_VERSION
from inn8_pipeline.warehouse.sync_log.entry import Trigger

if TYPE_CHECKING:
    from inn8_pipeline import sync
    from inn8_pipeline.warehouse.landing.store import Landing
    from inn8_pipeline.warehouse.merge import options
    from inn8_pipeline.warehouse.merge.absence import deletions
    from inn8_pipeline.warehouse.merge.changes import change_limit
else:
    sync = lazy_module("inn8_pipeline.sync")
    change_limit = lazy_module("inn8_pipeline.warehouse.merge.changes.change_limit")
    deletions = lazy_module("inn8_pipeline.warehouse.merge.absence.deletions")
    options = lazy_module("inn8_pipeline.warehouse.merge.options")


def raw_asset(
    tenant: Tenant, entity: Entity, settings: SyncSettings, partitions: dg.PartitionsDefinition | None
) -> dg.AssetsDefinition:
    """Return the asset of an entity's landings, whose step fetches one landing."""

    @dg.multi_asset(
        name=tenant.name(f"raw_{entity}"),
        specs=[catalog.raw_spec(tenant, entity, settings)],
        pool=tenant.pool(entity),
        partitions_def=partitions,
        backfill_policy=_backfill_policy(partitions),
    )
    def raw(context: dg.AssetExecutionContext, inn8: Inn8, warehouse: Warehouse) -> dg.MaterializeResult[None]:
        days = days_of(context)
        with StepTrace(context, tenant, entity, days) as trace, LogFailures(context, tenant, entity, days) as step:
            to = sync.Destination(warehouse.engine(), tenant.tenant_id, context.run.run_id, span=trace.span)
            check_tenants(Environment(), to.engine)
            if warehouse_log.is_logged(context.run, tenant.key(entity)):
                warehouse_log.begin(to.engine, step.sync)
            # A backfill waits for an open circuit: otherwise every further chunk would fail on the circuit that the
            # first failure opened. A tick fails at once, because the next one is due soon.
            waits = bool(days) and names.TICK_TAG not in context.run.tags
            with inn8.client(
                tenant.tenant_id,
                to.engine,
                warn=context.log.warning,
                waits_for_circuit=waits,
                leaves_reserve=step.sync.trigger in {Trigger.BACKFILL, Trigger.SWEEP},
            ) as client:
                # Only a tick asks conditionally; sweeps and manual syncs fetch every page in full.
                landing = sync.land(
                    client,
                    to,
                    entity,
                    window_of(entity, days),
                    may_ask_conditionally=step.sync.trigger is Trigger.TICK and not dry_runs.is_dry(context.run),
                    is_kept=not dry_runs.is_dry(context.run),
                    on_page=StepProgress("fetching", context.log.info),
                )
        context.log.info(metadata.landed(landing))
        return dg.MaterializeResult(metadata=metadata.of_landing(landing))

    return raw


def table_assets(
    tenant: Tenant, entity: Entity, settings: SyncSettings, partitions: dg.PartitionsDefinition | None
) -> dg.AssetsDefinition:
    """Return the assets of an entity's table and of its dimensions. One step merges the landing into all of them."""
    key = tenant.key(entity)

    @dg.multi_asset(
        name=tenant.name(f"merge_{entity}"),
        specs=catalog.table_specs(tenant, entity, settings),
        check_specs=[dagster_log.spec(key)],
        pool=tenant.pool(entity),
        partitions_def=partitions,
        backfill_policy=_backfill_policy(partitions),
        can_subset=True,
        config_schema=_config_schema(tenant),
    )
    def tables(
        context: dg.AssetExecutionContext, warehouse: Warehouse
    ) -> Iterator[dg.Output[None] | dg.MaterializeResult[None]]:
        days, is_dry = days_of(context), dry_runs.is_dry(context.run)
        with StepTrace(context, tenant, entity, days) as trace, LogFailures(context, tenant, entity, days) as step:
            current = read_sync(Environment())
            to = sync.Destination(
                warehouse.engine(), tenant.tenant_id, context.run.run_id, current.chunk_size, trace.span
            )
            check_tenants(Environment(), to.engine)
            sources = sync.landings_of(to, entity, window_of(entity, days))
            contract = read_contract(Environment(), tenant.tenant_id)
            version = contract.of(entity).transform_version(TRANSFORM_VERSION)
            config = context.op_execution_context.op_config
            is_manual = step.sync.trigger is Trigger.MANUAL and names.COMPARE_TAG not in context.run.tags
            is_quick = is_manual or step.sync.trigger is Trigger.TICK
            merge_options = _merge_options(to.run_id, config, current, version, is_dry=is_dry, is_quick=is_quick)
            if step.sync.trigger is Trigger.REBUILD and not is_dry:
                warehouse_log.begin(to.engine, step.sync)
            record = MergeRecorder(step.sync, days, step.began_at)

            def on_wait() -> None:
                record.waits += 1
                context.log.warning(metadata.waits(entity))

            with sync.discarding(to, entity) if is_dry and not dry_runs.keeps_landing(context.run) else nullcontext():
                outcome = sync.merge(
                    to,
                    sources,
                    merge_options,
                    on_wait,
                    contract=contract,
                    on_merged=record.write,
                    on_each=dry_runs.reader_of(to.run_id),
                    on_read=StepProgress("merging", context.log.info),
                )
            trace.merged(record.whole)
        if is_dry:
            dry_runs.log(context, key, record.whole, outcome.changed_columns)
            context.log.warning("%s. %s", dry_runs.TITLE, metadata.merged(outcome))
            return
        context.log.info(metadata.merged(outcome))
        for line in metadata.drift_lines(outcome.drift_found):
            context.log.warning(line)
        dagster_log.write(context, key, record.whole, record.by_day)
        asset_checks.log_after_merge(context, tenant, entity, to.engine)
        plausibility.log_after_sweep(context, tenant, step.sync, to.engine)
        for day, of_day in metadata.of_days(outcome, days).items():
            context.add_asset_metadata(of_day, asset_key=key, partition_key=day)
        if tenant.log(entity) in context.selected_asset_check_keys:
            yield dagster_log.output(key)
        for table, of_table in metadata.of_tables(entity, outcome).items():
            if tenant.key(table) in context.selected_asset_keys:
                yield dg.MaterializeResult(asset_key=tenant.key(table), metadata=of_table)

    return tables


def _config_schema(tenant: Tenant) -> dict[str, dg.Field]:
    """Return the options of a run, which the launchpad shows."""
    only_this = dg.Enum(tenant.name("Tenant"), [dg.EnumValue(tenant.tenant_id)])
    return {
        "tenant_id": dg.Field(
            only_this,
            default_value=tenant.tenant_id,
            description="The tenant of this asset. Leave it as it is: a configuration of another tenant is rejected.",
        ),
        "allow_removals": dg.Field(
            bool,
            default_value=False,
            description=(
                "Mark rows as missing even if they are more than INN8_MAX_REMOVED_PERCENT of those that were present. "
                "For this run only; use it after INN8 has confirmed the removals."
            ),
        ),
        "allow_rejects": dg.Field(
            bool,
            default_value=False,
            description=(
                "Merge even if more records are rejected than INN8_MAX_REJECTED_PERCENT. For this run only; use it "
                "after INN8 has confirmed that so many records are invalid."
            ),
        ),
        dry_runs.OPTION: dg.Field(
            bool,
            default_value=False,
            description=(
                "Do everything but write: the merge is rolled back, and the entry that the sync log would have is an "
                "observation of the table, with the number of rows in which each column would change. The fetch is not "
                "kept."
            ),
        ),
        dry_runs.KEEPS_LANDING: dg.Field(
            bool,
            default_value=False,
            description="Keep the landing of a dry run, so that the same pages can be merged by a rebuild.",
        ),
        "allow_changes": dg.Field(
            bool,
            default_value=False,
            description=(
                "Merge even if a column changes in more rows than INN8_MAX_CHANGED_PERCENT. For this run only; use it "
                "after INN8 has confirmed that so many values have changed."
            ),
        ),
    }


def _backfill_policy(partitions: dg.PartitionsDefinition | None) -> dg.BackfillPolicy | None:
    return dg.BackfillPolicy.multi_run(MAX_DAYS_PER_RUN) if partitions else None


def days_of(context: dg.AssetExecutionContext) -> tuple[str, ...]:
    """Return the run's days of trade in order; empty if none were chosen, or if the entity has none."""
    return tuple(context.partition_keys) if context.assets_def.partitions_def and context.run.is_partitioned else ()


def window_of(entity: Entity, days: tuple[str, ...]) -> Window | None:
    """Return the window to sync; None for an entity without days.

    Raises:
        NoDaysError: The entity has days of trade, and none were chosen.

    """
    if not days and entity.has_days:
        raise NoDaysError(entity.name)
    return window_of_days(days)


def _merge_options(  # noqa: PLR0913 (as many as a merge has)
    run_id: str,
    config: dict[str, Any],
    settings: SyncSettings,
    transform_version: int,
    *,
    is_dry: bool,
    is_quick: bool,
) -> "Callable[[Landing], options.MergeOptions]":
    """Return a function from a landing to its merge options.

    A landing of another run is merged even if nothing has changed, because the run is a rebuild. So is that of a sweep,
    a backfill or `inn8 sync --full`. They compare all values with the table, and repair rows that were edited by hand.
    So does each merge of an entity without days, which no sweep syncs.
    """
    return lambda landing: options.MergeOptions(
        transform_version=transform_version,
        full_window=settings.full_window() if landing.window else None,
        may_repeat=is_quick and landing.run_id == run_id,
        may_skip_same=landing.window is not None,
        reject_limit=options.RejectLimit(percent=100 if config["allow_rejects"] else settings.max_rejected_percent),
        removal_limit=deletions.RemovalLimit(settings.max_removed_percent, is_overridden=config["allow_removals"]),
        change_limit=change_limit.ChangeLimit(settings.max_changed_percent, is_overridden=config["allow_changes"]),
        lock_seconds=settings.lock_seconds,
        is_dry_run=is_dry,
        run_id=run_id,
    )
