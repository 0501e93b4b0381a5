"""A tenant's jobs: one per entity, for hands and the command line, and one of all, from which its schedules draw."""

import dagster as dg

from inn8_pipeline.defs import names
from inn8_pipeline.defs.dagster_internals import UnresolvedAssetJobDefinition
from inn8_pipeline.defs.names import Tenant
from inn8_pipeline.defs.partitions import MAX_DAYS_PER_RUN
from inn8_pipeline.entities import ENTITIES, Entity

MAX_RUNTIME_SECONDS = 2 * 60 * 60
"""After which run monitoring ends a run: a sync takes seconds, a first load minutes."""

_WHOLE = "Fetches all {entity} and merges them."
_BY_DAY = (
    "Fetches the {entity} of a range of days of trade and merges them. The window is the range of partitions that is "
    "chosen at launch, such as [2026-03-01...2026-03-31]; a longer one becomes runs of at most "
    f"{MAX_DAYS_PER_RUN} days, one after the other, behind the schedule's own."
)


def entity_job(tenant: Tenant, entity: Entity, executor: dg.ExecutorDefinition) -> UnresolvedAssetJobDefinition:
    """Return the job that syncs one entity."""
    description = (_BY_DAY if entity.has_days else _WHOLE).format(entity=entity)
    return dg.define_asset_job(
        tenant.job_name(entity),
        selection=_selection(tenant, entity),
        description=f"{description} Tenant {tenant.tenant_id}.",
        tags=_tags(tenant),
        executor_def=executor,
    )


def all_job(tenant: Tenant, executor: dg.ExecutorDefinition) -> UnresolvedAssetJobDefinition:
    """What the schedules start, one entity a run: a schedule of Dagster's can start runs of one job only."""
    return dg.define_asset_job(
        tenant.name(names.JOB),
        selection=_selection(tenant, *ENTITIES),
        description=(
            f"What the schedules of tenant {tenant.tenant_id} start: each of their runs selects the assets of one "
            "entity."
        ),
        tags=_tags(tenant),
        executor_def=executor,
    )


def _selection(tenant: Tenant, *entities: Entity) -> dg.AssetSelection:
    """Their assets and sync logs. The other checks are evaluated by the merge, and no steps of these jobs."""
    keys = [key for entity in entities for key in tenant.keys(entity)]
    return dg.AssetSelection.assets(*keys).without_checks() | dg.AssetSelection.checks(
        *(tenant.log(entity) for entity in entities)
    )


def _tags(tenant: Tenant) -> dict[str, str]:
    return {names.TENANT_TAG: tenant.tenant_id, names.MAX_RUNTIME_TAG: str(MAX_RUNTIME_SECONDS)}
