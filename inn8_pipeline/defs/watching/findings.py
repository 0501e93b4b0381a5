"""The findings that `inn8 doctor` prints and the check `doctor` shows: each with its remedy if something is wrong."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dagster import DagsterInstance, ScheduleDefinition, SensorDefinition

from inn8_pipeline.defs.instance import capacity, mutes, pauses
from inn8_pipeline.defs.watching import liveness, storage_capacity
from inn8_pipeline.defs.watching.notes import Note
from inn8_pipeline.errors import Inn8Error
from inn8_pipeline.settings import Environment, read_sync, read_tenant_ids


@dataclass(frozen=True, slots=True)
class DoctorFinding:
    """The result of one check. `message` says what was found and, if the check failed, what to do.

    `is_note`: whether the check passed, but something is not set up that an operator may expect.
    """

    check: str
    is_ok: bool
    message: str
    is_note: bool = False


@dataclass(frozen=True, slots=True)
class Installation:
    """What is looked at: the instance, the settings, and the schedules and sensors that should be on.

    Times are written in `timezone`, with UTC beside it; without a time zone, in that of the terminal.
    """

    instance: DagsterInstance
    environment: Environment
    schedules: Sequence[ScheduleDefinition]
    sensors: Sequence[SensorDefinition]
    timezone: str | None = None


def examine(watched: Installation) -> Iterator[DoctorFinding]:
    """Yield the finding of each of `CHECKS`. Nothing is requested from INN8."""
    for name, check in CHECKS.items():
        yield found(name, lambda check=check: check(watched))  # type: ignore[misc]


def found(name: str, check: Callable[[], str]) -> DoctorFinding:
    """Return what the check returns, or the error that it raises, as a finding of this name."""
    try:
        message = check()
        return DoctorFinding(name, is_ok=True, message=message, is_note=isinstance(message, Note))
    except Inn8Error as error:
        return DoctorFinding(name, is_ok=False, message=str(error))


def _daemon(watched: Installation) -> str:
    late_after, _ = read_sync(watched.environment).freshness_bounds()
    return liveness.check_daemon(watched.instance, watched.schedules, watched.sensors, late_after, watched.timezone)


def _pauses(watched: Installation) -> str:
    tenant_ids = read_tenant_ids(watched.environment)
    lasting = [
        f"{name} {pause.text(watched.timezone)}; "
        f"`inn8 resume {name}{f' --tenant {tenant_id}' if len(tenant_ids) > 1 else ''}` ends it"
        for tenant_id in tenant_ids
        for name, pause in pauses.lasting(watched.instance, tenant_id).items()
    ]
    return ". ".join(lasting) or "no entity is paused"


def _alerts(watched: Installation) -> str:
    accepted = liveness.check_alerts(watched.instance, watched.environment, watched.timezone)
    mute = mutes.current(watched.instance)
    if mute is None:
        return accepted
    return type(accepted)(f"{accepted}; muted {mute.text(watched.timezone)}; `inn8 alert unmute` ends it")


def _runs(watched: Installation) -> str:
    most_wait, _ = read_sync(watched.environment).freshness_bounds()
    return capacity.check_runs(watched.instance, most_wait, watched.timezone)


CHECKS: Mapping[str, Callable[[Installation], str]] = {
    "the schedule": _daemon,
    "pauses": _pauses,
    "the heartbeat": lambda watched: liveness.check_heartbeat(watched.instance, watched.environment, watched.timezone),
    "the alerts": _alerts,
    "runs": _runs,
    "Dagster's tables": lambda watched: storage_capacity.check_tables(watched.instance, watched.environment),
    "disk": lambda watched: capacity.check_disk(Path(watched.instance.root_directory)),
    "connections": lambda watched: storage_capacity.check_connections(watched.instance, watched.environment),
}
"""The checks by their name, in the order of the findings. Each returns what it found, or raises an `Inn8Error`."""
