"""Build the definitions from the settings: the same ones for each tenant, under the tenant's own names."""

import warnings

import dagster as dg

from inn8_pipeline.defs import names, partitions
from inn8_pipeline.defs.alerting import sensors
from inn8_pipeline.defs.assets import factories
from inn8_pipeline.defs.checks import asset_checks, plausibility
from inn8_pipeline.defs.instance.internals import UnresolvedAssetJobDefinition
from inn8_pipeline.defs.jobs import erasing, maintenance, pausing, reject_job, sync_job
from inn8_pipeline.defs.names import Tenant
from inn8_pipeline.defs.resources import Inn8, Warehouse
from inn8_pipeline.defs.runs import executors
from inn8_pipeline.defs.schedules import schedules
from inn8_pipeline.defs.sync_log import killed_runs
from inn8_pipeline.defs.watching import doctor_check
from inn8_pipeline.entities import ENTITIES
from inn8_pipeline.settings import Environment, SyncSettings, read_sync, read_tenant_ids


def build(environment: Environment) -> dg.Definitions:
    """Return the definitions that Dagster loads.

    Raises:
        SettingsError: A setting that the definitions depend on is invalid.

    """
    settings = read_sync(environment)
    tenants = names.tenants(read_tenant_ids(environment))
    executor = executors.executor(environment)
    all_schedules = [
        *(each for tenant in tenants for each in schedules.schedules(settings, tenant)),
        maintenance.schedule(),
    ]
    all_sensors = [
        killed_runs.sensor(tenants),
        *sensors.sensors(tenants, environment),
        doctor_check.sensor(tenants),
    ]
    return dg.Definitions(
        assets=[each for tenant in tenants for each in _assets(tenant, settings)],
        asset_checks=[
            *(each for tenant in tenants for each in _checks(tenant)),
            doctor_check.check(tenants, all_schedules, all_sensors),
        ],
        jobs=[
            *(each for tenant in tenants for each in _jobs(tenant, executor)),
            maintenance.job(executor),
            *pausing.jobs(tenants, executor),
            reject_job.job(tenants, executor),
            erasing.job(executor),
        ],
        schedules=all_schedules,
        sensors=all_sensors,
        resources={"inn8": Inn8(), "warehouse": Warehouse()},
        executor=executor,
    )


def _jobs(tenant: Tenant, executor: dg.ExecutorDefinition) -> list[UnresolvedAssetJobDefinition]:
    return [*(sync_job.entity_job(tenant, entity, executor) for entity in ENTITIES), sync_job.all_job(tenant, executor)]


def _assets(tenant: Tenant, settings: SyncSettings) -> list[dg.AssetsDefinition]:
    days = partitions.days_of_trade(settings)
    with warnings.catch_warnings():
        # Dagster warns that `backfill_policy` is beta, which the operator can do nothing about.
        warnings.simplefilter("ignore", dg.BetaWarning)
        return [
            make(tenant, entity, settings, days if entity.has_days else None)
            for entity in ENTITIES
            for make in (factories.raw_asset, factories.table_assets)
        ]


def _checks(tenant: Tenant) -> list[dg.AssetChecksDefinition]:
    return [
        *(asset_checks.entity_checks(tenant, entity) for entity in ENTITIES),
        plausibility.plausibility_check(tenant),
    ]
