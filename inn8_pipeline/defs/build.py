"""The definitions, put together from the settings of one tenant."""

import warnings
from collections.abc import Mapping

import dagster as dg

from inn8_pipeline.defs import assets, engines, jobs, maintenance, schedules, sensors
from inn8_pipeline.defs.resources import Inn8, Warehouse
from inn8_pipeline.entities import Entity
from inn8_pipeline.settings import Environment, SyncSettings, read_sync, read_tenant_id


def days_of_trade(settings: SyncSettings) -> dg.DailyPartitionsDefinition:
    """The partitions of transactions: each day since the first one of the settings, today too."""
    return dg.DailyPartitionsDefinition(
        start_date=settings.transactions_from.isoformat(), end_offset=1, timezone=settings.timezone
    )


def build(environment: Environment) -> dg.Definitions:
    """Everything that Dagster is to know. SettingsError where a setting that shapes it is wrong."""
    settings = read_sync(environment)
    tenant_id = read_tenant_id(environment)
    executor = engines.executor(environment)
    return dg.Definitions(
        assets=_assets({Entity.TRANSACTIONS: days_of_trade(settings)}),
        jobs=[
            *(jobs.entity_job(entity, executor) for entity in Entity),
            jobs.all_job(executor),
            maintenance.job(executor),
        ],
        schedules=[*schedules.schedules(settings, tenant_id), maintenance.schedule()],
        sensors=sensors.sensors(),
        resources={"inn8": Inn8(tenant_id=tenant_id), "warehouse": Warehouse()},
        executor=executor,
    )


def _assets(partitions: Mapping[Entity, dg.PartitionsDefinition]) -> list[dg.AssetsDefinition]:
    with warnings.catch_warnings():
        # `backfill_policy` is said to be in beta; the operator can do nothing about it.
        warnings.simplefilter("ignore", dg.BetaWarning)
        return [
            make(entity, partitions.get(entity))
            for entity in Entity
            for make in (assets.raw_asset, assets.table_assets)
        ]
