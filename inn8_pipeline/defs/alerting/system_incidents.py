"""Find incidents of what the syncs run on: the queue, the disk, connections, and schedules and sensors that are off.

A schedule that is off reports nothing itself; the sensors that alert go on and find it. A dead daemon, and an address
that accepts no alerts, cannot be posted: `heartbeat` is for those.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import dagster as dg

from inn8_pipeline.defs import names
from inn8_pipeline.defs.alerting import incident_subjects
from inn8_pipeline.defs.alerting.incident_subjects import Subject
from inn8_pipeline.defs.alerting.incidents import Finding, Found, Incident
from inn8_pipeline.defs.alerting.messages import url
from inn8_pipeline.defs.instance import capacity, instigators, pauses
from inn8_pipeline.defs.instance.capacity import CapacityError
from inn8_pipeline.defs.instance.late_internals import (
    InstigatorState,
    InstigatorStatus,
    ScheduleInstigatorData,
    TickStatus,
)
from inn8_pipeline.defs.names import Tenant
from inn8_pipeline.defs.schedules.schedules import TICK_SCHEDULE, entities_of
from inn8_pipeline.defs.watching import doctor_check
from inn8_pipeline.settings.model import MINUTES_FOR_A_SYNC

QUEUE, DISK, CONNECTIONS = "queue of runs", "disk of DAGSTER_HOME", "connections of Postgres"


def find(instance: dg.DagsterInstance, most_wait: timedelta, timezone: str, ui_url: str, at: datetime) -> Found:
    """Return the findings of the queue and of the disk."""

    def finding(check: Callable[[], str], path: str) -> Finding:
        try:
            check()
        except CapacityError as error:
            return Finding(Incident(str(error), is_error=True, began_at=at, url=url(ui_url, path)))
        return Finding()

    return {
        incident_subjects.of_system(QUEUE): finding(lambda: capacity.check_runs(instance, most_wait, timezone), "runs"),
        incident_subjects.of_system(DISK): finding(lambda: capacity.check_disk(Path(instance.root_directory)), ""),
    }


def find_connections(instance: dg.DagsterInstance, tenants: Sequence[Tenant], ui_url: str, at: datetime) -> Found:
    """Return the finding of the connections, as the newest evaluation of the check `doctor` has it.

    Connecting here would keep the alerts from being posted while a server hangs.
    """
    key = doctor_check.key_of(tenants)
    record = instance.event_log_storage.get_latest_asset_check_execution_by_key([key]).get(key)
    if record is None or not isinstance(record.evaluation, dg.AssetCheckEvaluation):
        return {}
    text = doctor_check.failed_in(record.evaluation).get("connections")
    link = url(ui_url, f"assets/{'/'.join(key.asset_key.path)}?view=checks")
    incident = Incident(text, is_error=True, began_at=at, url=link) if text else None
    return {incident_subjects.of_system(CONNECTIONS): Finding(incident)}


def find_sensors(
    instance: dg.DagsterInstance, sensors: Collection[dg.SensorDefinition], ui_url: str, at: datetime
) -> Found:
    """Return the finding of each sensor that the daemon knows: it is off, or its last evaluation failed."""
    known = instigators.sensors(instance)
    return dict(_findings(instance, known, sensors, url(ui_url, "automation"), at))


def _findings(
    instance: dg.DagsterInstance,
    known: dict[str, InstigatorState],
    sensors: Collection[dg.SensorDefinition],
    link: str,
    at: datetime,
) -> Iterator[tuple[Subject, Finding]]:
    for sensor in sensors:
        stored = known.get(sensor.name)
        if stored is None:
            continue
        problem = _problem(instance, sensor, stored)
        incident = Incident(problem, is_error=True, began_at=at, url=link) if problem else None
        yield incident_subjects.of_sensor(sensor.name), Finding(incident)


def _problem(instance: dg.DagsterInstance, sensor: dg.SensorDefinition, stored: InstigatorState) -> str:
    """Return what is wrong with a sensor that should be on; empty if nothing is."""
    if stored.status is InstigatorStatus.STOPPED:
        is_wanted = sensor.default_status is dg.DefaultSensorStatus.RUNNING
        return "It was turned off. Turn it on in the Dagster UI, under Automation." if is_wanted else ""
    ticks = instance.get_ticks(stored.instigator_origin_id, stored.selector_id, limit=1)
    if ticks and ticks[0].status is TickStatus.FAILURE:
        return "Its last evaluation failed, and it is tried again. The Dagster UI shows the error, under Automation."
    return ""


def find_schedules_off(
    instance: dg.DagsterInstance,
    schedules: Collection[dg.ScheduleDefinition],
    tenants: Sequence[Tenant],
    ui_url: str,
    at: datetime,
) -> Found:
    """Return the finding of each schedule that is off."""
    known, link = instigators.schedules(instance), url(ui_url, "automation")
    stopped = {name for name, stored in known.items() if stored.status is InstigatorStatus.STOPPED}
    off = [each.name for each in schedules if each.name in stopped]
    return {incident_subjects.of_schedule(name): _turned_off(instance, name, tenants, link, at) for name in off}


def tenants_without_ticks(
    instance: dg.DagsterInstance, tenants: Sequence[Tenant], tick_minutes: int, at: datetime
) -> Collection[Tenant]:
    """Return the tenants of which no tick is due: their schedule is off, or on again and its next tick is not over.

    Stale data of these needs no message of its own. None is returned if nobody reports that the schedule is off,
    because the sensor that would is off itself.
    """
    reporting = instigators.sensors(instance).get(names.ALERT_FAILED_RUNS)
    if reporting is not None and reporting.status is InstigatorStatus.STOPPED:
        return ()
    known, since = instigators.schedules(instance), at - timedelta(minutes=tick_minutes + MINUTES_FOR_A_SYNC)
    states = {tenant: known.get(tenant.name(TICK_SCHEDULE)) for tenant in tenants}
    return [tenant for tenant, stored in states.items() if stored is not None and _has_no_tick(stored, since)]


def _has_no_tick(stored: InstigatorState, since: datetime) -> bool:
    """Return whether the schedule is off, or was turned on after this instant."""
    data = stored.instigator_data
    turned_on_at = data.start_timestamp if isinstance(data, ScheduleInstigatorData) else None
    return stored.status is InstigatorStatus.STOPPED or (
        stored.status is InstigatorStatus.RUNNING and (turned_on_at or 0) > since.timestamp()
    )


def _turned_off(instance: dg.DagsterInstance, name: str, tenants: Sequence[Tenant], link: str, at: datetime) -> Finding:
    """Return the incident of a schedule that is off, unless an operator has paused every entity that it syncs.

    Without ticks nothing is synced, which is an error; without sweeps or maintenance the data is fresh.
    """
    synced = {tenant: entities_of(tenant, name) for tenant in tenants}
    for tenant, entities in synced.items():
        paused = pauses.lasting(instance, tenant.tenant_id) if entities else {}
        if entities and all(entity.name in paused for entity in entities):
            return Finding(reason="The schedule is off, and each entity that it syncs is paused.")
    if any(name == tenant.name(TICK_SCHEDULE) for tenant in tenants):
        is_error, consequence = True, _TICK_OFF
    else:
        is_error, consequence = False, _SWEEP_OFF if any(synced.values()) else _MAINTENANCE_OFF
    advice = _ON_PURPOSE if is_error else ""
    text = f"It was turned off: {consequence} Turn it on in the Dagster UI, under Automation.{advice}"
    return Finding(Incident(text, is_error, at, kind="off", url=link))


_TICK_OFF = "nothing is synced, and the data becomes stale."
_SWEEP_OFF = "bookings of earlier days, and rows that INN8 has removed, are not found."
_ON_PURPOSE = " To stop syncs on purpose, leave it on and pause the entities (`inn8 pause`)."
_MAINTENANCE_OFF = "nothing is deleted, and the databases grow."
