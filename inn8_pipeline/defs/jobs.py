"""The jobs: one per entity, for hands and the command line, and the one of all assets that the schedules draw from."""

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from inn8_pipeline.defs import names
from inn8_pipeline.defs.names import EntityAssets
from inn8_pipeline.entities import Entity

MAX_RUNTIME_SECONDS = 2 * 60 * 60
"""After which run monitoring ends a run: a sync takes seconds, a first load minutes."""

_TAGS = {names.MAX_RUNTIME_TAG: str(MAX_RUNTIME_SECONDS)}

_DESCRIPTIONS = {
    Entity.CLIENTS: "Fetch all clients and merge them.",
    Entity.PORTFOLIOS: "Fetch all portfolios and merge them.",
    Entity.TRANSACTIONS: "Fetch the transactions of a range of days of trade and merge them.",
}


def entity_job(entity: Entity, executor: dg.ExecutorDefinition) -> UnresolvedAssetJobDefinition:
    """The sync of one entity."""
    return dg.define_asset_job(
        names.job_name(entity),
        selection=dg.AssetSelection.assets(*EntityAssets(entity).keys),
        description=_DESCRIPTIONS[entity],
        tags=_TAGS,
        executor_def=executor,
    )


def all_job(executor: dg.ExecutorDefinition) -> UnresolvedAssetJobDefinition:
    """What the schedules start, one entity a run: a schedule of Dagster's can start runs of one job only."""
    return dg.define_asset_job(
        names.JOB,
        selection=dg.AssetSelection.all(),
        description="What the schedules start: each of their runs selects the assets of one entity.",
        tags=_TAGS,
        executor_def=executor,
    )
