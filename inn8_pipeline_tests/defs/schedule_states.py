"""What the daemon stores about a schedule or a sensor: whether it is on, and its ticks."""

from datetime import datetime

import dagster as dg
from dagster._core.remote_origin import ManagedGrpcPythonEnvCodeLocationOrigin, RemoteInstigatorOrigin
from dagster._core.scheduler.instigation import TickData
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster_shared.error import SerializableErrorInfo

from inn8_pipeline.defs.instance.internals import SINGLETON_REPOSITORY_NAME, InstigatorType, RemoteRepositoryOrigin
from inn8_pipeline.defs.instance.late_internals import (
    InstigatorState,
    InstigatorStatus,
    ScheduleInstigatorData,
    SensorInstigatorData,
    TickStatus,
)

LOCATION = ManagedGrpcPythonEnvCodeLocationOrigin(
    LoadableTargetOrigin(module_name="inn8_pipeline.definitions"), location_name="inn8"
)


def record_state(
    instance: dg.DagsterInstance, name: str, status: InstigatorStatus, turned_on_at: datetime | None = None
) -> InstigatorState:
    """Store that the schedule has this status, and since when it is on."""
    data = ScheduleInstigatorData("* * * * *", turned_on_at.timestamp() if turned_on_at else None)
    origin = RemoteInstigatorOrigin(RemoteRepositoryOrigin(LOCATION, SINGLETON_REPOSITORY_NAME), name)
    state = InstigatorState(origin, InstigatorType.SCHEDULE, status, data)
    if instance.get_instigator_state(state.instigator_origin_id, state.selector_id):
        return instance.update_instigator_state(state)
    return instance.add_instigator_state(state)


def record_sensor(
    instance: dg.DagsterInstance, name: str, status: InstigatorStatus, cursor: str | None = None
) -> InstigatorState:
    """Store that the sensor has this status and this cursor."""
    origin = RemoteInstigatorOrigin(RemoteRepositoryOrigin(LOCATION, SINGLETON_REPOSITORY_NAME), name)
    state = InstigatorState(origin, InstigatorType.SENSOR, status, SensorInstigatorData(cursor=cursor))
    if instance.get_instigator_state(state.instigator_origin_id, state.selector_id):
        return instance.update_instigator_state(state)
    return instance.add_instigator_state(state)


def record_tick(instance: dg.DagsterInstance, state: InstigatorState, at: datetime, status: TickStatus) -> None:
    """Store a tick of the schedule."""
    instance.create_tick(
        TickData(
            instigator_origin_id=state.instigator_origin_id,
            instigator_name=state.name,
            instigator_type=state.instigator_type,
            status=status,
            timestamp=at.timestamp(),
            selector_id=state.selector_id,
            error=SerializableErrorInfo("it failed", [], None) if status is TickStatus.FAILURE else None,
        )
    )
