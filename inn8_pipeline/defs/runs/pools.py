"""The pools of Dagster that let one run at a time sync an entity."""

from collections.abc import Sequence

from dagster import DagsterInstance

from inn8_pipeline.defs.names import Tenant
from inn8_pipeline.entities import ENTITIES


def register(instance: DagsterInstance, tenants: Sequence[Tenant]) -> None:
    """Give each pool its limit (`pools.default_limit` of dagster.yaml) where it has none.

    Dagster would do it when a queue first has a run of the pool, and launch all queued runs of the pool that once.
    """
    storage = instance.event_log_storage
    if not storage.supports_global_concurrency_limits or not instance.global_op_concurrency_default_limit:
        return
    known = {each.name for each in storage.get_pool_limits()}
    for tenant in tenants:
        for entity in ENTITIES:
            if tenant.pool(entity) not in known:
                storage.initialize_concurrency_limit_to_default(tenant.pool(entity))
