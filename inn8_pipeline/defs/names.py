"""What things are called in Dagster: asset keys, tags, jobs. One place, because the UI, the CLI and tests ask."""

from dataclasses import dataclass

import dagster as dg

from inn8_pipeline.entities import Entity

SYNC_LOG = "sync_log"
GROUP = "inn8"
JOB = "inn8_sync"
SCHEDULED_TAG = "inn8/scheduled"
TICK_TAG = "inn8/tick"
RANGE_START_TAG = "dagster/asset_partition_range_start"
RANGE_END_TAG = "dagster/asset_partition_range_end"
PRIORITY_TAG = "dagster/priority"
MAX_RUNTIME_TAG = "dagster/max_runtime"
MAX_DAYS_PER_RUN = 31
"""Of trade. Dagster's own cost grows with a run's partitions: 2 s for 31 days, 116 s for 2,223."""


def raw_key(entity: Entity) -> dg.AssetKey:
    """The asset of what INN8 said."""
    return dg.AssetKey(f"raw_{entity}")


def key(table: str) -> dg.AssetKey:
    """The asset of a table (an entity's too: Dagster stores no enumeration of ours)."""
    return dg.AssetKey(str(table))


def job_name(entity: Entity) -> str:
    """The job that syncs one entity."""
    return f"{entity}_sync"


@dataclass(frozen=True, slots=True)
class EntityAssets:
    """The assets of one entity, raw first, as its job selects them."""

    entity: Entity

    @property
    def keys(self) -> list[dg.AssetKey]:
        """Raw, then what is made of it."""
        tables = ["securities", "transactions"] if self.entity is Entity.TRANSACTIONS else [str(self.entity)]
        return [raw_key(self.entity), *(key(table) for table in tables)]
