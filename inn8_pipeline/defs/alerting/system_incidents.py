"""Find incidents of what the syncs run on: a queue that does not move, a full disk, sensors that are off or fail.

A dead daemon, and an address that accepts no alerts, cannot be posted: `heartbeat` is for those.
"""

from collections.abc import Callable, Collection, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import dagster as dg

from inn8_pipeline.defs.alerting import incident_subjects
from inn8_pipeline.defs.alerting.incident_subjects import Subject
from inn8_pipeline.defs.alerting.incidents import Finding, Found, Incident
from inn8_pipeline.defs.alerting.messages import url
from inn8_pipeline.defs.instance import capacity
from inn8_pipeline.defs.instance.capacity import CapacityError
from inn8_pipeline.defs.instance.internals import InstigatorType
from inn8_pipeline.defs.instance.late_internals import InstigatorState, InstigatorStatus, TickStatus

QUEUE, DISK = "queue of runs", "disk of DAGSTER_HOME"


def find(instance: dg.DagsterInstance, most_wait: timedelta, ui_url: str, at: datetime) -> Found:
    """Return the findings of the queue and of the disk."""

    def finding(check: Callable[[], str], path: str) -> Finding:
        try:
            check()
        except CapacityError as error:
            return Finding(Incident(str(error), is_error=True, began_at=at, url=url(ui_url, path)))
        return Finding()

    return {
        incident_subjects.of_system(QUEUE): finding(lambda: capacity.check_runs(instance, most_wait), "runs"),
        incident_subjects.of_system(DISK): finding(lambda: capacity.check_disk(Path(instance.root_directory)), ""),
    }


def find_sensors(
    instance: dg.DagsterInstance, sensors: Collection[dg.SensorDefinition], ui_url: str, at: datetime
) -> Found:
    """Return the finding of each sensor that the daemon knows: it is off, or its last evaluation failed."""
    known = {each.name: each for each in instance.all_instigator_state(instigator_type=InstigatorType.SENSOR)}
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
