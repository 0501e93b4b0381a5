"""The jobs of a tenant: one per entity for manual runs and the CLI, plus one for all entities for the schedules."""

import dagster as dg

from inn8_pipeline.defs import names
from inn8_pipeline.defs.instance.internals import UnresolvedAssetJobDefinition
from inn8_pipeline.defs.names import Tenant
from inn8_pipeline.defs.partitions import MAX_DAYS_PER_RUN
from inn8_pipeline.entities import ENTITIES, Entity

MAX_RUNTIME_SECONDS = 2 * 60 * 60
"""Run monitoring ends a run that takes longer. A sync takes seconds, a first load minutes."""
_LIMITS = {names.MAX_RUNTIME_TAG: str(MAX_RUNTIME_SECONDS)}

_WHOLE = "Fetches all {entity} and merges them into their table. Launch it to sync only {entity} now."
_BY_DAY = (
    "Fetches the {entity} of a range of days of trade and merges them. Launch it to load days again: choose the "
    "range of partitions, such as [2026-03-01...2026-03-31]. Dagster splits it into runs of at most "
    f"{MAX_DAYS_PER_RUN} days, which run one after the other, and after the queued runs of the schedules."
)


def entity_job(tenant: Tenant, entity: Entity, executor: dg.ExecutorDefinition) -> UnresolvedAssetJobDefinition:
    """Return the job that syncs one entity."""
    description = (_BY_DAY if entity.has_days else _WHOLE).format(entity=entity)
    return dg.define_asset_job(
        tenant.job_name(entity),
        selection=_selection(tenant, entity),
        description=f"{description} Tenant {tenant.tenant_id}.",
        tags={names.TENANT_TAG: tenant.tenant_id, **_LIMITS},
        executor_def=executor,
    )


def all_job(tenant: Tenant, executor: dg.ExecutorDefinition) -> UnresolvedAssetJobDefinition:
    """Return the job of the schedules, whose runs select one entity each: a Dagster schedule starts runs of one job."""
    return dg.define_asset_job(
        tenant.name(names.JOB),
        selection=_selection(tenant, *ENTITIES),
        description=(
            f"The job that the schedules of tenant {tenant.tenant_id} run: each run selects the assets of one entity. "
            "Do not launch it yourself: launch the job of an entity instead."
        ),
        tags=_LIMITS,
        executor_def=executor,
    )


def _selection(tenant: Tenant, *entities: Entity) -> dg.AssetSelection:
    """Return the assets and `sync_log` checks of the entities. The merge evaluates the other checks."""
    keys = [key for entity in entities for key in tenant.keys(entity)]
    return dg.AssetSelection.assets(*keys).without_checks() | dg.AssetSelection.checks(
        *(tenant.log(entity) for entity in entities)
    )
