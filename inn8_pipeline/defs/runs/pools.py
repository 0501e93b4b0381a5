"""Register the Dagster pools that limit each entity to one run at a time."""

from collections.abc import Sequence

from dagster import DagsterInstance

from inn8_pipeline.defs.names import Tenant
from inn8_pipeline.entities import ENTITIES


def register(instance: DagsterInstance, tenants: Sequence[Tenant]) -> None:
    """Set the limit of each pool that has none to `pools.default_limit` of dagster.yaml.

    Dagster itself sets it only when the first run of a pool is queued, and that time launches all queued runs of the
    pool at once.
    """
    storage = instance.event_log_storage
    if not storage.supports_global_concurrency_limits or not instance.global_op_concurrency_default_limit:
        return
    known = {each.name for each in storage.get_pool_limits()}
    for tenant in tenants:
        for entity in ENTITIES:
            if tenant.pool(entity) not in known:
                storage.initialize_concurrency_limit_to_default(tenant.pool(entity))
