"""The sensors that evaluate freshness and that alert about checks, runs and schedules."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

import dagster as dg

from inn8_pipeline.defs import names
from inn8_pipeline.defs.alerting import heartbeat, incident_subjects
from inn8_pipeline.defs.alerting.incident_subjects import Subject
from inn8_pipeline.defs.alerting.incidents import AlertState, Changes, Finding, Incident
from inn8_pipeline.defs.alerting.messages import as_json, message
from inn8_pipeline.defs.checks import check_rules
from inn8_pipeline.defs.names import Tenant
from inn8_pipeline.defs.resources import Warehouse
from inn8_pipeline.entities import ENTITIES
from inn8_pipeline.errors import DatabaseError, NotifyError
from inn8_pipeline.lazy_imports import lazy_module
from inn8_pipeline.settings import (
    AlertSettings,
    Environment,
    now,
    read_alerts,
    read_heartbeat_url,
    read_includes_warnings,
    read_sync,
)

if TYPE_CHECKING:
    from inn8_pipeline import notify
    from inn8_pipeline.defs.alerting import (
        check_incidents,
        cursors,
        run_incidents,
        schedule_incidents,
        system_incidents,
    )
    from inn8_pipeline.defs.instance import mutes, pauses
    from inn8_pipeline.warehouse.queries import health
else:
    check_incidents = lazy_module("inn8_pipeline.defs.alerting.check_incidents")
    cursors = lazy_module("inn8_pipeline.defs.alerting.cursors")
    health = lazy_module("inn8_pipeline.warehouse.queries.health")
    mutes = lazy_module("inn8_pipeline.defs.instance.mutes")
    notify = lazy_module("inn8_pipeline.notify")
    pauses = lazy_module("inn8_pipeline.defs.instance.pauses")
    run_incidents = lazy_module("inn8_pipeline.defs.alerting.run_incidents")
    schedule_incidents = lazy_module("inn8_pipeline.defs.alerting.schedule_incidents")
    system_incidents = lazy_module("inn8_pipeline.defs.alerting.system_incidents")

INTERVAL_SECONDS = 30
_FRESH, _PAUSED = "fresh", "paused"
_RUNNING, _STOPPED = dg.DefaultSensorStatus.RUNNING, dg.DefaultSensorStatus.STOPPED


def sensors(tenants: Sequence[Tenant], environment: Environment) -> list[dg.SensorDefinition]:
    """Return all sensors except `watch_runs`. Sensors that call a URL are off until that URL is set."""
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
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=_RUNNING,
        description=(
            "Evaluates the check `freshness` between syncs, and stores an evaluation when its result changes. Copies "
            "which entities are paused into inn8.paused_entities. Keep it on: without it, stale data is noticed only "
            "by the next sync."
        ),
    )
    def watch_freshness(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        try:
            outcomes = _outcomes(context.instance, tenants)
        except DatabaseError as error:
            return dg.SkipReason(f"{error} The last result of the check stays.")
        _copy_pauses(context, tenants)
        states = {key.to_user_string(): _state(outcome) for key, outcome in outcomes.items()}
        before = cursors.read(context.cursor)
        changed = [
            outcome.evaluation(key, names.FRESHNESS)
            for key, outcome in outcomes.items()
            if before.get(key.to_user_string(), _FRESH) != _state(outcome)
        ]
        return dg.SensorResult(asset_events=changed, cursor=cursors.write(states))

    return watch_freshness


def _copy_pauses(context: dg.SensorEvaluationContext, tenants: Sequence[Tenant]) -> None:
    """Let readers in SQL see which entities are paused, also those that were paused while the warehouse was away."""
    engine = Warehouse().engine()
    try:
        for tenant in tenants:
            pauses.copy_to_warehouse(context.instance, engine, tenant.tenant_id)
    except DatabaseError as error:
        context.log.warning(str(error))


def _outcomes(instance: dg.DagsterInstance, tenants: Sequence[Tenant]) -> dict[dg.AssetKey, check_rules.CheckOutcome]:
    """Return the outcome of `freshness` for each table. Tables into which nothing was ever merged are left out."""
    settings, engine = read_sync(Environment()), Warehouse().engine()
    found = {}
    for tenant in tenants:
        paused = pauses.read(instance, tenant.tenant_id)
        for entity in ENTITIES:
            synced = health.recency(engine, tenant.tenant_id, entity, settings.today())
            if synced.last_of_any_day_at is not None:
                found[tenant.key(entity)] = check_rules.freshness_of(settings, synced, paused.get(entity.name))
    return found


def _state(outcome: check_rules.CheckOutcome) -> str:
    if check_rules.PAUSED in outcome.metadata:
        return _PAUSED
    return _FRESH if outcome.passed else "failed" if outcome.is_error else "late"


def _failed_checks(tenants: Sequence[Tenant], status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    def evaluate(context: dg.SensorEvaluationContext, settings: AlertSettings, state: AlertState) -> AlertState:
        found = check_incidents.find(context.instance, tenants, settings.ui_url, state)
        sync, at = read_sync(Environment()), now()
        most_wait, _ = sync.freshness_bounds()
        of_system = system_incidents.find(context.instance, most_wait, settings.timezone, settings.ui_url, at)
        of_sensors = system_incidents.find_sensors(context.instance, _sensors_of(context), settings.ui_url, at)
        connections = system_incidents.find_connections(context.instance, tenants, settings.ui_url, at)
        quiet = system_incidents.tenants_without_ticks(context.instance, tenants, sync.tick_minutes, at)
        found = check_incidents.without_consequences(found, of_system, quiet)
        return state.updated({**found, **of_system, **of_sensors, **connections}, at)

    description = (
        "Posts to INN8_ALERT_WEBHOOK when a check fails, including the sync log, when runs are stuck, disk or "
        "connections are nearly used up or a sensor is off, and when that is over. It is on if INN8_ALERT_WEBHOOK is "
        "set. Turn it off to silence these alerts."
    )

    def may_pass(context: dg.SensorEvaluationContext, state: AlertState, at: datetime) -> MayPass:
        return check_incidents.may_pass(context.instance, state, at, read_sync(Environment()).tick_minutes)

    return _alert_sensor(names.ALERT_FAILED_CHECKS, status, description, tenants, evaluate, may_pass=may_pass)


def _failed_runs(tenants: Sequence[Tenant], status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    def evaluate(context: dg.SensorEvaluationContext, settings: AlertSettings, state: AlertState) -> AlertState:
        of_runs, until = run_incidents.find(context.instance, tenants, read_sync(Environment()), settings.ui_url, state)
        schedules = context.repository_def.schedule_defs if context.repository_def else ()
        at = now()
        of_schedules, watched = schedule_incidents.find(context.instance, schedules, settings.ui_url, state, at)
        off = system_incidents.find_schedules_off(context.instance, schedules, tenants, settings.ui_url, at)
        other = [each for each in _sensors_of(context) if each.name == names.ALERT_FAILED_CHECKS]
        of_sensors = system_incidents.find_sensors(context.instance, other, settings.ui_url, at)
        state = state.updated({**of_runs, **of_schedules, **off, **of_sensors}, at)
        return replace(state, runs_until=until, schedules=watched)

    description = (
        "Posts to INN8_ALERT_WEBHOOK when days of a backfill or sweep were not loaded, when a run failed that has no "
        "sync log, such as the maintenance, when a schedule is off or missed ticks, and when that is over. It is on if "
        "INN8_ALERT_WEBHOOK is set. Turn it off to silence these alerts."
    )
    return _alert_sensor(names.ALERT_FAILED_RUNS, status, description, tenants, evaluate)


def _sensors_of(context: dg.SensorEvaluationContext) -> Sequence[dg.SensorDefinition]:
    return context.repository_def.sensor_defs if context.repository_def else ()


Evaluate = Callable[[dg.SensorEvaluationContext, AlertSettings, AlertState], AlertState]
MayPass = Callable[[Subject, Incident], bool]


def _never_passes(*_: object) -> MayPass:
    return lambda *_: False


def _alert_sensor(  # noqa: PLR0913 (the parts of a sensor)
    name: str,
    status: dg.DefaultSensorStatus,
    description: str,
    tenants: Sequence[Tenant],
    evaluate: Evaluate,
    *,
    may_pass: Callable[[dg.SensorEvaluationContext, AlertState, datetime], MayPass] = _never_passes,
) -> dg.SensorDefinition:
    """Return a sensor that posts the changes of the incidents that `evaluate` finds, except those that may pass."""

    @dg.sensor(name=name, minimum_interval_seconds=INTERVAL_SECONDS, default_status=status, description=description)
    def alert(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        settings = read_alerts(Environment())
        if settings.webhook is None:
            return dg.SkipReason("INN8_ALERT_WEBHOOK is not set: nothing is posted.")
        before = _without_undefined(context, tenants, cursors.read_alerts(context.cursor, tenants))
        found, at = evaluate(context, settings, before.evaluated(now())), now()
        changes = found.changes(
            at, includes_warnings=_includes_warnings(settings, tenants), may_pass=may_pass(context, found, at)
        )
        mute = mutes.read(context.instance)
        if mute is not None and mute.holds(at):
            state, outcome = found, f"Alerts are muted {mute.text(settings.timezone)}. {len(changes)} changes wait."
        else:
            state, outcome = _post(context, settings, found, changes, at)
        context.update_cursor(cursors.write_alerts(state))
        return dg.SkipReason(outcome)

    return alert


def _includes_warnings(settings: AlertSettings, tenants: Sequence[Tenant]) -> Callable[[Subject], bool]:
    """Return whether warnings about a subject are posted, by its tenant's level; the default level if it has none."""
    environment = Environment()
    levels = {tenant: read_includes_warnings(environment, tenant.tenant_id) for tenant in tenants}

    def decide(subject: Subject) -> bool:
        return levels.get(subject.tenant, settings.includes_warnings) if subject.tenant else settings.includes_warnings

    return decide


def _without_undefined(context: dg.SensorEvaluationContext, tenants: Sequence[Tenant], state: AlertState) -> AlertState:
    """End incidents about a tenant, check, job or schedule that the definitions no longer have."""
    repository = context.repository_def
    if repository is None:
        return state
    gone = [subject for subject in state.open if not incident_subjects.is_defined(subject, tenants, repository)]
    return state.updated(
        dict.fromkeys(gone, Finding(reason="It is no longer defined: the settings have changed.")), now()
    )


def _post(
    context: dg.SensorEvaluationContext, settings: AlertSettings, state: AlertState, changes: Changes, at: datetime
) -> tuple[AlertState, str]:
    """Post the changes as one message; the outcome has it, too. If that fails, a later evaluation posts them."""
    text = message(changes, settings.timezone)
    if changes and settings.webhook:
        try:
            notify.post(settings.webhook, text, settings.payload, [as_json(*each) for each in changes.items()])
        except NotifyError as error:
            context.log.warning(str(error))
            return replace(state, refused_at=state.refused_at or at), str(error)
    outcome = f"{len(changes)} changes were posted; {len(state.open)} incidents are open or have just ended.\n{text}"
    return replace(state, refused_at=None).after_report(changes, at), outcome.rstrip()
