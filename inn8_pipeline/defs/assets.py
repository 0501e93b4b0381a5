"""The assets: what INN8 said (raw), and the tables made of it. Each is a sentence: read, transform, write, report."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import TYPE_CHECKING

import dagster as dg
from pydantic import Field

from inn8_pipeline import dictionary
from inn8_pipeline.defs import names, reports, sync_log
from inn8_pipeline.defs.resources import Inn8, Warehouse
from inn8_pipeline.defs.sync import Destination, land, landings_of, merge
from inn8_pipeline.entities import COLLECTIONS, Entity, Window
from inn8_pipeline.errors import NoDaysError
from inn8_pipeline.settings import Environment, SyncSettings, read_sync

if TYPE_CHECKING:
    from collections.abc import Callable

    from inn8_pipeline.warehouse.landing import Landing
    from inn8_pipeline.warehouse.merge import Rules

OWNERS = ["team:data-engineering"]


class SyncConfig(dg.Config):
    """What one run may do that no other may."""

    allow_removals: bool = Field(
        default=False,
        description=(
            "Mark rows as missing however many INN8 no longer sends: for the one run after it really removed that many."
        ),
    )
    allow_rejects: bool = Field(
        default=False,
        description="Go on however many records are refused: for the one run in which that many really are faulty.",
    )


def raw_asset(entity: Entity, partitions: dg.PartitionsDefinition | None) -> dg.AssetsDefinition:
    """The asset of an entity's landings."""
    path = COLLECTIONS[entity].path

    @dg.asset(
        key=names.raw_key(entity),
        description=f"What INN8 said to GET {path}, verbatim: each landing's pages, each page stored once. "
        f"Records: view inn8_raw.{entity}.",
        group_name=names.GROUP,
        kinds={"http", "postgres"},
        owners=OWNERS,
        pool=str(entity),
        partitions_def=partitions,
        backfill_policy=_backfill_policy(partitions),
        metadata={"dagster/table_name": f"inn8_raw.{entity}"},
    )
    def raw(context: dg.AssetExecutionContext, inn8: Inn8, warehouse: Warehouse) -> dg.MaterializeResult[None]:
        days = days_of(context)
        with sync_log.Logged(context, entity, days):
            to = Destination(warehouse.engine(), inn8.tenant_id, context.run.run_id)
            with inn8.client(to.engine, warn=context.log.warning) as client:
                landing = land(client, to, entity, window_of(entity, days))
        context.log.info(reports.landed(landing))
        return dg.MaterializeResult(metadata=reports.of_landing(landing))

    return raw


def table_assets(entity: Entity, partitions: dg.PartitionsDefinition | None) -> dg.AssetsDefinition:
    """The asset of an entity's table; of transactions, that of the securities that ride on them too."""

    @dg.multi_asset(
        name=f"merge_{entity}",
        specs=_specs(entity),
        check_specs=[sync_log.spec(entity)],
        pool=str(entity),
        partitions_def=partitions,
        backfill_policy=_backfill_policy(partitions),
        can_subset=True,
    )
    def tables(
        context: dg.AssetExecutionContext, config: SyncConfig, inn8: Inn8, warehouse: Warehouse
    ) -> Iterator[dg.MaterializeResult[None]]:
        days = days_of(context)
        with sync_log.Logged(context, entity, days):
            settings = read_sync(Environment())
            to = Destination(warehouse.engine(), inn8.tenant_id, context.run.run_id, settings.chunk_size)
            sources = landings_of(to, entity, window_of(entity, days))
            outcome = merge(
                to, sources, _rules(to, config, settings), on_wait=lambda: context.log.warning(reports.waits(entity))
            )
        context.log.info(reports.merged(outcome))
        for line in reports.surprised(outcome.findings):
            context.log.warning(line)
        whole, by_day = sync_log.entries(outcome, days)
        sync_log.write(context, entity, whole, by_day)
        for day, metadata in reports.of_days(outcome, days).items():
            context.add_asset_metadata(metadata, asset_key=names.key(entity), partition_key=day)
        for table, metadata in reports.of_tables(entity, outcome).items():
            if names.key(table) in context.selected_asset_keys:
                yield dg.MaterializeResult(asset_key=names.key(table), metadata=metadata)

    return tables


def _backfill_policy(partitions: dg.PartitionsDefinition | None) -> dg.BackfillPolicy | None:
    return dg.BackfillPolicy.multi_run(names.MAX_DAYS_PER_RUN) if partitions else None


def days_of(context: dg.AssetExecutionContext) -> tuple[str, ...]:
    """The days of trade that the run is for, in order; none where none were chosen, or the entity has none."""
    return tuple(context.partition_keys) if context.assets_def.partitions_def and context.run.is_partitioned else ()


def window_of(entity: Entity, days: tuple[str, ...]) -> Window | None:
    """The days as a window, for Dagster gives a run a contiguous range; NoDaysError where some had to be chosen."""
    if not days and COLLECTIONS[entity].window_parameters:
        raise NoDaysError(entity)
    return Window(date.fromisoformat(days[0]), date.fromisoformat(days[-1])) if days else None


def _rules(to: Destination, config: SyncConfig, settings: SyncSettings) -> "Callable[[Landing], Rules]":
    """What a merge goes by. A landing of another run is rebuilt from, and merged even if nothing changed."""
    from inn8_pipeline.transform import TRANSFORM_VERSION
    from inn8_pipeline.warehouse.merge import RejectLimit, Rules
    from inn8_pipeline.warehouse.removal import RemovalLimit

    return lambda landing: Rules(
        transform_version=TRANSFORM_VERSION,
        history=settings.history() if landing.window else None,
        may_repeat=landing.run_id == to.run_id,
        reject_limit=RejectLimit(percent=100 if config.allow_rejects else settings.max_rejected_percent),
        removal_limit=RemovalLimit(settings.max_removed_percent, is_overridden=config.allow_removals),
        lock_seconds=settings.lock_seconds,
    )


_PARENTS: Mapping[Entity, tuple[str, ...]] = {
    Entity.CLIENTS: (),
    Entity.PORTFOLIOS: ("clients",),
    Entity.TRANSACTIONS: ("portfolios", "securities"),
}


def _specs(entity: Entity) -> list[dg.AssetSpec]:
    specs = [_spec(str(entity), [f"raw_{entity}", *_PARENTS[entity]])]
    if entity is Entity.TRANSACTIONS:
        specs.insert(0, _spec("securities", [f"raw_{entity}"]))
    return specs


def _spec(table: str, deps: list[str]) -> dg.AssetSpec:
    return dg.AssetSpec(
        table,
        deps=deps,
        description=f"{dictionary.TABLES[table]} Table inn8.{table}.",
        group_name=names.GROUP,
        kinds={"pandas", "postgres"},
        owners=OWNERS,
        metadata={
            "dagster/table_name": f"inn8.{table}",
            "dagster/column_schema": dg.TableSchema(
                columns=[
                    dg.TableColumn(name, kind, description=sentence)
                    for name, (kind, sentence) in dictionary.columns_of(table).items()
                ]
            ),
        },
    )
