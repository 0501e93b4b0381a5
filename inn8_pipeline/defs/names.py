"""What things are called in Dagster: asset keys, tags, jobs. One place, because the UI, the CLI and tests ask."""

from dataclasses import dataclass

import dagster as dg

from inn8_pipeline.entities import Entity

SYNC_LOG = "sync_log"
FRESHNESS = "freshness"
RECONCILIATION = "reconciliation"
CHECK_ALIASES = {"conservation": RECONCILIATION}
"""Check names of release 0.1 and what they are called now. They are evaluated too, for one release, without alerts."""
GROUP = "inn8"
JOB = "inn8_sync"
TENANT_TAG = "inn8/tenant"
SCHEDULED_TAG = "inn8/scheduled"
TICK_TAG = "inn8/tick"
TICK_AT_TAG = "inn8/tick_at"
RANGE_START_TAG = "dagster/asset_partition_range_start"
RANGE_END_TAG = "dagster/asset_partition_range_end"
PARTITION_TAG = "dagster/partition"
PRIORITY_TAG = "dagster/priority"
MAX_RUNTIME_TAG = "dagster/max_runtime"
MAX_RETRIES_TAG = "dagster/max_retries"


def with_aliases(check: str) -> tuple[str, ...]:
    """Return the name of a check and its former names."""
    return (check, *(alias for alias, name in CHECK_ALIASES.items() if name == check))


@dataclass(frozen=True, slots=True)
class Tenant:
    """One tenant's names. The plain one's are as if there were no other; those of the others begin with their id.

    So nothing of the first tenant is renamed, and none of its history lost, when a second one arrives.
    """

    tenant_id: str
    is_default: bool = True

    def raw_key(self, entity: Entity) -> dg.AssetKey:
        """The asset of what INN8 said."""
        return self._key(f"raw_{entity}")

    def key(self, table: Entity | str) -> dg.AssetKey:
        """Return the asset of a table: an entity's, or one that is named."""
        return self._key(str(table))

    def keys(self, entity: Entity) -> list[dg.AssetKey]:
        """The assets of one entity as its job selects them: raw, then what is made of it."""
        return [self.raw_key(entity), *(self.key(table) for table in entity.tables)]

    def log(self, entity: Entity) -> dg.AssetCheckKey:
        """The check that is the entity's sync log."""
        return dg.AssetCheckKey(self.key(entity), SYNC_LOG)

    def job_name(self, entity: Entity) -> str:
        """The job that syncs one entity."""
        return self.name(f"{entity}_sync")

    def pool(self, entity: Entity) -> str:
        """What only one run at a time may hold: a sync of the entity."""
        return self.name(str(entity))

    def name(self, plain: str) -> str:
        """The tenant's job, schedule, operation or pool of this name."""
        return plain if self.is_default else f"{self.tenant_id}__{plain}"

    def _key(self, name: str) -> dg.AssetKey:
        return dg.AssetKey(name if self.is_default else [self.tenant_id, name])


def tenants(tenant_ids: tuple[str, ...]) -> tuple[Tenant, ...]:
    """The tenants of the settings, in their order; the first of them is the plain one."""
    return tuple(Tenant(tenant_id, is_default=not number) for number, tenant_id in enumerate(tenant_ids))
