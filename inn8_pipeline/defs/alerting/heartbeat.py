"""The heartbeat: call an external service after each complete tick, because a dead daemon cannot report itself."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import dagster as dg

from inn8_pipeline.defs import names
from inn8_pipeline.defs.names import Tenant
from inn8_pipeline.defs.runs import scope
from inn8_pipeline.defs.sync_log.killed_runs import log_of
from inn8_pipeline.entities import ENTITIES
from inn8_pipeline.errors import NotifyError
from inn8_pipeline.lazy_imports import lazy_module
from inn8_pipeline.settings import Environment, now, read_heartbeat_url, read_sync, tenant_variable

if TYPE_CHECKING:
    from inn8_pipeline import notify
    from inn8_pipeline.defs.alerting import cursors
    from inn8_pipeline.defs.instance import pauses
else:
    cursors = lazy_module("inn8_pipeline.defs.alerting.cursors")
    notify = lazy_module("inn8_pipeline.notify")
    pauses = lazy_module("inn8_pipeline.defs.instance.pauses")

MAX_RUNS = 100
"""The number of newest scheduled runs that are searched for a complete tick."""


def heartbeat(tenants: Sequence[Tenant], status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    """Return the sensor; `status` is its status until somebody turns it on or off in the UI."""

    @dg.sensor(
        name="heartbeat",
        minimum_interval_seconds=30,
        default_status=status,
        description=(
            "Calls INN8_HEARTBEAT_URL once after each tick whose syncs have all ended without an error. A monitoring "
            "service that expects the call notices a dead daemon, which cannot report itself. It is on if "
            "INN8_HEARTBEAT_URL is set; keep it on."
        ),
    )
    def call(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        reported = cursors.read(context.cursor)
        environment = Environment()
        refused = _alerts_refused(context.instance, tenants)
        if refused:
            return dg.SkipReason(refused)
        for tenant in tenants:
            url = read_heartbeat_url(environment, tenant.tenant_id)
            after = cursors.instant(reported.get(tenant.tenant_id))
            complete_at = _last_complete_tick(context.instance, tenant, after) if url else None
            if url and complete_at:
                try:
                    notify.ping(url, tenant_variable(environment, tenant.tenant_id, "HEARTBEAT_URL"))
                except NotifyError as error:
                    context.log.warning(str(error))
                else:
                    reported = {**reported, tenant.tenant_id: complete_at.isoformat()}
                    context.update_cursor(cursors.write(reported))
        return dg.SkipReason(f"The heartbeat was last sent for these ticks (by tenant): {reported}.")

    return call


def _alerts_refused(instance: dg.DagsterInstance, tenants: Sequence[Tenant]) -> str:
    """Return why no heartbeat is sent: the webhook has accepted no alert for two ticks; empty if it has.

    An alert about that could not be posted; the service that expects the heartbeat alerts instead.
    """
    most, _ = read_sync(Environment()).freshness_bounds()
    since = cursors.refused_at(instance, tenants)
    if since is None or now() - since <= most:
        return ""
    return f"INN8_ALERT_WEBHOOK has accepted no alert since {since:%Y-%m-%d %H:%M} UTC, so no heartbeat is sent."


def _last_complete_tick(instance: dg.DagsterInstance, tenant: Tenant, after: datetime | None) -> datetime | None:
    """Return the newest tick later than `after` whose runs of all entities have ended without an error.

    An entity that was paused at the time of the tick has no run, and none is expected.
    """
    paused = pauses.read(instance, tenant.tenant_id)
    ticks: dict[datetime, dict[str, dg.DagsterRun]] = {}
    scheduled = dg.RunsFilter(tags={names.TICK_TAG: tenant.tenant_id}, statuses=[dg.DagsterRunStatus.SUCCESS])
    for run in instance.get_runs(scheduled, limit=MAX_RUNS):
        tick_at = _tick_at(run)
        if tick_at is not None and (after is None or tick_at > after):
            ticks.setdefault(tick_at, {}).update((entity, run) for entity in _entities(run, tenant))
    complete = (
        at
        for at, by_entity in ticks.items()
        if all(
            entity.name in by_entity or (entity.name in paused and paused[entity.name].holds(at)) for entity in ENTITIES
        )
    )
    return next((at for at in sorted(complete, reverse=True) if _have_no_errors(instance, ticks[at].values())), None)


def _tick_at(run: dg.DagsterRun) -> datetime | None:
    """Return the instant of the run's tick; None if its tags, which anyone can set at launch, contain no valid one."""
    tick_at = cursors.instant(run.tags.get(names.TICK_AT_TAG, run.tags.get(names.FORMER_TICK_AT_TAG)))
    return tick_at if tick_at is not None and tick_at <= now() else None


def _entities(run: dg.DagsterRun, tenant: Tenant) -> Iterator[str]:
    for _, entity in scope.synced(run, [tenant]):
        yield entity.name


def _have_no_errors(instance: dg.DagsterInstance, ended: Iterable[dg.DagsterRun]) -> bool:
    """Return whether no sync log entry of the runs is an error. A run with held-back removals succeeds, but has one."""
    entries = [entry for run in ended for entry in log_of(instance, run)]
    return all(entry.passed or entry.severity is not dg.AssetCheckSeverity.ERROR for entry in entries)
