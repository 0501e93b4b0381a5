"""The heartbeat: a call to the outside after each complete tick, because a dead daemon cannot report itself."""

from collections.abc import Sequence

import dagster as dg

from inn8_pipeline.defs import cursors, names
from inn8_pipeline.defs.names import Tenant
from inn8_pipeline.entities import Entity
from inn8_pipeline.errors import NotifyError
from inn8_pipeline.settings import Environment, read_heartbeat_url

RUNS_LOOKED_AT = 100


def heartbeat(tenants: Sequence[Tenant], status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    """The sensor; `status` is whether it is on where nobody has said so in the UI."""

    @dg.sensor(
        name="heartbeat",
        minimum_interval_seconds=30,
        default_status=status,
        description=(
            "Calls INN8_HEARTBEAT_URL once after each tick whose syncs have all ended well. Whoever waits for the call "
            "learns of a dead daemon, which cannot report itself. On as soon as that setting is there."
        ),
    )
    def call(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        from inn8_pipeline import notify

        last = cursors.read(context.cursor)
        for tenant in tenants:
            url = read_heartbeat_url(Environment(), tenant.tenant_id)
            complete_at = _last_complete_tick(context.instance, tenant) if url else None
            if url and complete_at and complete_at > last.get(tenant.tenant_id, ""):
                try:
                    notify.ping(url)
                except NotifyError as error:
                    context.log.warning(str(error))
                else:
                    last = {**last, tenant.tenant_id: complete_at}
                    context.update_cursor(cursors.write(last))
        return dg.SkipReason(f"The last complete ticks that were told: {last}.")

    return call


def _last_complete_tick(instance: dg.DagsterInstance, tenant: Tenant) -> str | None:
    """The newest tick (UTC, ISO 8601) for each of whose entities a run has succeeded."""
    ticks: dict[str, set[str]] = {}
    for run in instance.get_runs(dg.RunsFilter(tags={names.TICK_TAG: tenant.tenant_id}), limit=RUNS_LOOKED_AT):
        if run.is_success and names.TICK_AT_TAG in run.tags:
            ticks.setdefault(run.tags[names.TICK_AT_TAG], set()).add(run.tags[names.SCHEDULED_TAG])
    return max((at for at, entities in ticks.items() if len(entities) == len(Entity)), default=None)
