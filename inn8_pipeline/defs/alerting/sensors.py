"""The sensors that look whether all is well between the syncs: freshness and alerts.

Here belongs how often is looked, and what is remembered. What is good is `judgements`'s, what is wrong `troubles`'s.
"""

from collections.abc import Callable, Sequence

import dagster as dg

from inn8_pipeline.defs import names
from inn8_pipeline.defs.alerting import cursors, detection, heartbeat, incidents
from inn8_pipeline.defs.alerting.incidents import Found
from inn8_pipeline.defs.checks import check_rules
from inn8_pipeline.defs.names import Tenant
from inn8_pipeline.defs.resources import Warehouse
from inn8_pipeline.entities import ENTITIES
from inn8_pipeline.errors import DatabaseError, NotifyError
from inn8_pipeline.settings import AlertSettings, Environment, read_alerts, read_heartbeat_url, read_sync

SECONDS_BETWEEN_LOOKS = 30
_FRESH = "fresh"
_RUNNING, _STOPPED = dg.DefaultSensorStatus.RUNNING, dg.DefaultSensorStatus.STOPPED


def watchers(tenants: Sequence[Tenant], environment: Environment) -> list[dg.SensorDefinition]:
    """All of them; those that tell somebody are off until it is said whom."""
    has_webhook = bool(read_alerts(environment).webhook)
    has_heartbeat = any(read_heartbeat_url(environment, tenant.tenant_id) for tenant in tenants)
    return [
        _freshness(tenants),
        _failed_checks(tenants, _RUNNING if has_webhook else _STOPPED),
        _failed_runs(tenants, _RUNNING if has_webhook else _STOPPED),
        heartbeat.heartbeat(tenants, _RUNNING if has_heartbeat else _STOPPED),
    ]


def _freshness(tenants: Sequence[Tenant]) -> dg.SensorDefinition:
    @dg.sensor(
        name="watch_freshness",
        minimum_interval_seconds=SECONDS_BETWEEN_LOOKS,
        default_status=_RUNNING,
        description="Evaluates the check `freshness` whenever its answer changes: no sync need run for that.",
    )
    def watch_freshness(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        try:
            found = _recency(tenants)
        except DatabaseError as error:
            return dg.SkipReason(f"{error} What was known of freshness stands.")
        state = {key.to_user_string(): _state(verdict) for key, verdict in found.items()}
        before = cursors.read(context.cursor)
        changed = [
            verdict.evaluation(key, names.FRESHNESS)
            for key, verdict in found.items()
            if before.get(key.to_user_string(), _FRESH) != _state(verdict)
        ]
        return dg.SensorResult(asset_events=changed, cursor=cursors.write(state))

    return watch_freshness


def _recency(tenants: Sequence[Tenant]) -> dict[dg.AssetKey, check_rules.CheckOutcome]:
    """How fresh each entity is; without those of which no sync has ever been merged, for nothing can be late there."""
    from inn8_pipeline.warehouse.queries.health import recency

    settings, engine = read_sync(Environment()), Warehouse().engine()
    found = {}
    for tenant in tenants:
        for entity in ENTITIES:
            seen = recency(engine, tenant.tenant_id, entity, settings.today())
            if seen.last_of_any_day_at is not None:
                found[tenant.key(entity)] = check_rules.freshness_of(settings, seen)
    return found


def _state(verdict: check_rules.CheckOutcome) -> str:
    return _FRESH if verdict.passed else "failed" if verdict.is_error else "late"


def _failed_checks(tenants: Sequence[Tenant], status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    def find(context: dg.SensorEvaluationContext, settings: AlertSettings) -> Found:
        return detection.of_checks(context.instance, tenants, settings)

    description = (
        "Posts to INN8_ALERT_WEBHOOK when a check has failed, the sync log's too, and when it passes again. On as "
        "soon as that setting is there."
    )
    return _alerting("alert_failed_checks", status, description, find)


def _failed_runs(tenants: Sequence[Tenant], status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    def find(context: dg.SensorEvaluationContext, settings: AlertSettings) -> Found:
        job_names = context.repository_def.job_names if context.repository_def else ()
        told = incidents.read(context.cursor)
        return {
            **detection.of_jobs(context.instance, job_names, settings),
            **detection.of_days(context.instance, tenants, told, settings),
        }

    description = (
        "Posts to INN8_ALERT_WEBHOOK when a run has failed of which no sync log tells, such as the maintenance, or "
        "days of a backfill or a sweep were not loaded, and when that is mended. On as soon as it is set."
    )
    return _alerting("alert_failed_runs", status, description, find)


Find = Callable[[dg.SensorEvaluationContext, AlertSettings], Found]


def _alerting(name: str, status: dg.DefaultSensorStatus, description: str, find: Find) -> dg.SensorDefinition:
    """A sensor that tells what `find` finds, and when it is over."""

    @dg.sensor(
        name=name,
        minimum_interval_seconds=SECONDS_BETWEEN_LOOKS,
        default_status=status,
        description=description,
    )
    def alert(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        return _tell(context, find)

    return alert


def _tell(context: dg.SensorEvaluationContext, find: Find) -> dg.SkipReason:
    """Post what is new, all of it in one message; what could not be posted is posted by the next look."""
    from inn8_pipeline import notify

    settings = read_alerts(Environment())
    if settings.webhook is None:
        return dg.SkipReason("INN8_ALERT_WEBHOOK is not set: nobody is told.")
    told, found = incidents.read(context.cursor), find(context, settings)
    new = list(incidents.lines(told, found))
    if new:
        try:
            notify.post(settings.webhook, "\n".join(new))
        except NotifyError as error:
            context.log.warning(str(error))
            return dg.SkipReason(str(error))
    still_open = incidents.then(told, found)
    context.update_cursor(incidents.write(still_open))
    return dg.SkipReason(f"{len(new)} lines sent; {len(still_open)} troubles are open.")
