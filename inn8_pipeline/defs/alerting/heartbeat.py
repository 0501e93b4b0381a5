"""The heartbeat: a call to the outside after each complete tick, because a dead daemon cannot report itself."""

from collections.abc import Iterable, Sequence

import dagster as dg

from inn8_pipeline.defs import names
from inn8_pipeline.defs.alerting import cursors
from inn8_pipeline.defs.names import Tenant
from inn8_pipeline.defs.sync_log.killed_runs import log_of
from inn8_pipeline.entities import ENTITIES
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
            told = last.get(tenant.tenant_id, "")
            complete_at = _last_complete_tick(context.instance, tenant, told) if url else None
            if url and complete_at:
                try:
                    notify.ping(url)
                except NotifyError as error:
                    context.log.warning(str(error))
                else:
                    last = {**last, tenant.tenant_id: complete_at}
                    context.update_cursor(cursors.write(last))
        return dg.SkipReason(f"The last complete ticks that were told: {last}.")

    return call


def _last_complete_tick(instance: dg.DagsterInstance, tenant: Tenant, told: str) -> str | None:
    """The newest tick (UTC, ISO 8601) after the one that was told, for each of whose entities a run has ended well."""
    ticks: dict[str, dict[str, dg.DagsterRun]] = {}
    for run in instance.get_runs(dg.RunsFilter(tags={names.TICK_TAG: tenant.tenant_id}), limit=RUNS_LOOKED_AT):
        if run.is_success and run.tags.get(names.TICK_AT_TAG, "") > told:
            ticks.setdefault(run.tags[names.TICK_AT_TAG], {})[run.tags[names.SCHEDULED_TAG]] = run
    complete = (at for at, runs in ticks.items() if len(runs) == len(ENTITIES))
    return next((at for at in sorted(complete, reverse=True) if _are_well(instance, ticks[at].values())), None)


def _are_well(instance: dg.DagsterInstance, runs: Iterable[dg.DagsterRun]) -> bool:
    """Whether no log of theirs has an error: a run succeeds also where removals were held back."""
    entries = [entry for run in runs for entry in log_of(instance, run)]
    return all(entry.passed or entry.severity is not dg.AssetCheckSeverity.ERROR for entry in entries)
