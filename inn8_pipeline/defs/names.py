"""The names of asset keys, checks, jobs, pools and tags in Dagster."""

from dataclasses import dataclass

import dagster as dg

from inn8_pipeline.entities import Entity

ALERT_FAILED_CHECKS, ALERT_FAILED_RUNS = "alert_failed_checks", "alert_failed_runs"
"""The names of the sensors that alert."""
WATCH_SYSTEM = "watch_system"

SYNC_LOG = "sync_log"
FRESHNESS = "freshness"
RECONCILIATION = "reconciliation"
PLAUSIBILITY = "plausibility"
DOCTOR = "doctor"
CHECK_ALIASES = {"conservation": RECONCILIATION}
"""Check names of release 0.1 and their present names. For one release they are evaluated too, without alerts."""
GROUP = "inn8"
JOB = "inn8_sync"
ERASE_JOB = "inn8_erase"
"""The job in whose runs `inn8 erase` is recorded."""

TENANT_TAG = "inn8/tenant"
"""The tenant of an asset, or of a run. Runs of ticks do not have it: `SCHEDULED_TAG` names their tenant too."""
SCHEDULED_TAG = "inn8/scheduled"
"""Tag of a run of a schedule: `tenant/entity` for a tick, `tenant/schedule` for a sweep."""
TICK_TAG = "inn8/tick"
"""Tag of a run of a tick: its tenant. With `dagster.yaml`, one run per value executes at a time."""
TICK_AT_TAG = ".dagster/inn8_tick_at"
"""Tag of a run of a tick: when the tick was due, in UTC. The UI hides tags with this prefix."""
FORMER_TICK_AT_TAG = "inn8/tick_at"
"""The tag in runs of earlier releases."""
TRIGGER_TAG = "inn8/trigger"
"""Tag of a run of `inn8 backfill`, with the value `backfill`."""
COMPARE_TAG = "inn8/compare"
"""Tag of a run of `inn8 sync --full`, with the value `values`: it compares all values, as a sweep does."""

PROCESS_TAG = ".dagster/inn8_run_process"
"""Tag of a run that has begun: its process and machine. The UI hides tags with this prefix."""

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
    """The names of one tenant's assets, jobs and pools.

    The names of the default tenant have no prefix; the names of other tenants begin with their id. Thus nothing of the
    first tenant is renamed, and none of its history is lost, when a second tenant is added.
    """

    tenant_id: str
    is_default: bool = True

    def raw_key(self, entity: Entity) -> dg.AssetKey:
        """Return the asset key of an entity's landings."""
        return self._key(f"raw_{entity}")

    def key(self, table: Entity | str) -> dg.AssetKey:
        """Return the asset key of a table, given as its entity or by name."""
        return self._key(str(table))

    def keys(self, entity: Entity) -> list[dg.AssetKey]:
        """Return the asset keys that the entity's job selects: the landings, then the tables."""
        return [self.raw_key(entity), *(self.key(table) for table in entity.tables)]

    def log(self, entity: Entity) -> dg.AssetCheckKey:
        """Return the key of the check that is the entity's sync log."""
        return dg.AssetCheckKey(self.key(entity), SYNC_LOG)

    def job_name(self, entity: Entity) -> str:
        """Return the name of the job that syncs one entity."""
        return self.name(f"{entity}_sync")

    def pool(self, entity: Entity) -> str:
        """Return the name of the pool that limits the entity to one run at a time."""
        return self.name(str(entity))

    def name(self, base: str) -> str:
        """Return the tenant's name of a job, schedule, op or pool: with the tenant's prefix, if it has one."""
        return base if self.is_default else f"{self.tenant_id}__{base}"

    def _key(self, name: str) -> dg.AssetKey:
        return dg.AssetKey(name if self.is_default else [self.tenant_id, name])


def tenants(tenant_ids: tuple[str, ...]) -> tuple[Tenant, ...]:
    """Return a `Tenant` for each id, in order; the first is the default tenant."""
    return tuple(Tenant(tenant_id, is_default=not number) for number, tenant_id in enumerate(tenant_ids))
