"""The sensors that look whether all is well between the syncs: freshness and alerts.

Here belongs what is looked at and how often. What is good is `judgements`'s, which message follows is `alerts`'s.
"""

from collections.abc import Callable, Mapping, Sequence

import dagster as dg
from dagster._core.event_api import PartitionKeyFilter

from inn8_pipeline.defs import alerts, heartbeat, judgements, names, sensors
from inn8_pipeline.defs.alerts import Trouble
from inn8_pipeline.defs.checks import CHECKS
from inn8_pipeline.defs.names import Tenant
from inn8_pipeline.defs.resources import Warehouse
from inn8_pipeline.entities import Entity
from inn8_pipeline.errors import NotifyError
from inn8_pipeline.settings import AlertSettings, Environment, now, read_alerts, read_heartbeat_url, read_sync

SECONDS_BETWEEN_LOOKS = 30
_FRESH = "fresh"
_ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]
_RUNNING, _STOPPED = dg.DefaultSensorStatus.RUNNING, dg.DefaultSensorStatus.STOPPED


def watchers(tenants: Sequence[Tenant], environment: Environment) -> list[dg.SensorDefinition]:
    """All of them; those that tell somebody are off until it is said whom."""
    has_webhook = bool(read_alerts(environment).webhook)
    has_heartbeat = any(read_heartbeat_url(environment, tenant.tenant_id) for tenant in tenants)
    return [
        _freshness(tenants),
        _failed_checks(tenants, _RUNNING if has_webhook else _STOPPED),
        _failed_runs(_RUNNING if has_webhook else _STOPPED),
        heartbeat.heartbeat(tenants, _RUNNING if has_heartbeat else _STOPPED),
    ]


def _freshness(tenants: Sequence[Tenant]) -> dg.SensorDefinition:
    @dg.sensor(
        name="watch_freshness",
        minimum_interval_seconds=SECONDS_BETWEEN_LOOKS,
        default_status=_RUNNING,
        description="Evaluates the check `freshness` whenever its answer changes: no sync need run for that.",
    )
    def watch_freshness(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        found = {
            tenant.key(entity): verdict
            for tenant in tenants
            for entity in Entity
            if (verdict := _recency(tenant, entity)) is not None
        }
        state = {key.to_user_string(): _state(verdict) for key, verdict in found.items()}
        before = alerts.recall(context.cursor or "")
        changed = [
            verdict.evaluation(key, names.FRESHNESS)
            for key, verdict in found.items()
            if before.get(key.to_user_string(), _FRESH) != _state(verdict)
        ]
        return dg.SensorResult(asset_events=changed, cursor=alerts.remember(state))

    return watch_freshness


def _recency(tenant: Tenant, entity: Entity) -> judgements.Verdict | None:
    """How fresh the entity is; None where no sync has ever been merged, so that nothing can be late."""
    from inn8_pipeline.warehouse.health import recency

    settings = read_sync(Environment())
    found = recency(Warehouse().engine(), tenant.tenant_id, entity, settings.today())
    return judgements.judge_freshness(settings, found.now, found.last_synced_at) if found.is_begun else None


def _state(verdict: judgements.Verdict) -> str:
    return _FRESH if verdict.passed else "failed" if verdict.is_error else "late"


def _failed_checks(tenants: Sequence[Tenant], status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    @dg.sensor(
        name="alert_failed_checks",
        minimum_interval_seconds=SECONDS_BETWEEN_LOOKS,
        default_status=status,
        description=(
            "Posts to INN8_ALERT_WEBHOOK when a check has failed, the sync log's too, and when it passes again: one "
            "message each. On as soon as that setting is there."
        ),
    )
    def alert_failed_checks(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        return _tell(context, lambda settings: _check_troubles(context.instance, tenants, settings))

    return alert_failed_checks


def _check_troubles(
    instance: dg.DagsterInstance, tenants: Sequence[Tenant], settings: AlertSettings
) -> Mapping[str, Trouble | None]:
    """What the newest evaluation of each check says; a check that is being evaluated just now says nothing."""
    keys = [
        dg.AssetCheckKey(tenant.key(entity), name)
        for tenant in tenants
        for entity in Entity
        for name in (names.SYNC_LOG, *CHECKS)
    ]
    newest = instance.event_log_storage.get_latest_asset_check_execution_by_key(
        keys, partition_filter=PartitionKeyFilter(key=None)
    )
    return {
        f"{key.asset_key.to_user_string()}, check {key.name}": _trouble_of(record.evaluation, settings)
        for key, record in newest.items()
        if isinstance(record.evaluation, dg.AssetCheckEvaluation)
    }


def _trouble_of(evaluation: dg.AssetCheckEvaluation, settings: AlertSettings) -> Trouble | None:
    is_error = evaluation.severity is dg.AssetCheckSeverity.ERROR
    if evaluation.passed or not (is_error or settings.includes_warnings):
        return None
    link = f" {settings.ui_url}/assets/{'/'.join(evaluation.asset_key.path)}?view=checks" if settings.ui_url else ""
    return Trouble.at(now(), f"{evaluation.description or ''}{link}", is_error=is_error)


def _failed_runs(status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    @dg.sensor(
        name="alert_failed_runs",
        minimum_interval_seconds=SECONDS_BETWEEN_LOOKS,
        default_status=status,
        description=(
            "Posts to INN8_ALERT_WEBHOOK when a run has failed that has no line in a sync log, such as the "
            "maintenance, and when its job succeeds again. On as soon as that setting is there."
        ),
    )
    def alert_failed_runs(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        return _tell(context, lambda settings: _run_troubles(context.instance, _jobs_of(context), settings))

    return alert_failed_runs


def _jobs_of(context: dg.SensorEvaluationContext) -> Sequence[str]:
    return context.repository_def.job_names if context.repository_def else ()


def _run_troubles(
    instance: dg.DagsterInstance, job_names: Sequence[str], settings: AlertSettings
) -> Mapping[str, Trouble | None]:
    """How the newest run of each job ended, of those whose end no sync log tells."""
    found: dict[str, Trouble | None] = {}
    for job_name in job_names:
        for run in instance.get_runs(dg.RunsFilter(job_name=job_name, statuses=_ENDED), limit=1):
            if not sensors.has_sync_log(instance, run):
                link = f" {settings.ui_url}/runs/{run.run_id}" if settings.ui_url else ""
                text = f"Run {run.run_id[:8]} has failed; its events in the Dagster UI tell why.{link}"
                found[f"job {job_name}"] = None if run.is_success else Trouble.at(now(), text, is_error=True)
    return found


def _tell(
    context: dg.SensorEvaluationContext, find: Callable[[AlertSettings], Mapping[str, Trouble | None]]
) -> dg.SkipReason:
    """Post what is new; what could not be posted is posted by the next look."""
    from inn8_pipeline import notify

    settings = read_alerts(Environment())
    if settings.webhook is None:
        return dg.SkipReason("INN8_ALERT_WEBHOOK is not set: nobody is told.")
    webhook, sent = settings.webhook, 0
    try:
        for cursor in alerts.send_all(context.cursor, find(settings), lambda text: notify.post(webhook, text)):
            context.update_cursor(cursor)
            sent += 1
    except NotifyError as error:
        context.log.warning(str(error))
        return dg.SkipReason(str(error))
    return dg.SkipReason(f"{sent} messages sent; {len(alerts.read(context.cursor))} troubles are open.")
