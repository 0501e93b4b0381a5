"""Check that the daemon, schedules and sensors are alive: no scheduled sync runs without them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from dagster import DagsterInstance, ScheduleDefinition, SensorDefinition

from inn8_pipeline.defs.alerting import cursors
from inn8_pipeline.defs.instance.internals import InstigatorType
from inn8_pipeline.defs.instance.late_internals import (
    InstigatorStatus,
    InstigatorTick,
    SensorInstigatorData,
    TickStatus,
)
from inn8_pipeline.defs.names import tenants
from inn8_pipeline.defs.watching.notes import Note
from inn8_pipeline.errors import Inn8Error
from inn8_pipeline.settings import (
    Environment,
    moment,
    now,
    read_alerts,
    read_heartbeat_url,
    read_sync,
    read_tenant_ids,
)

BEAT_SECONDS = 300
"""The greatest age of a daemon's heartbeat. One is sent every 30 s, or at the end of an iteration of its work."""


@dataclass(eq=False)
class NotRunningError(Inn8Error):
    """Something that scheduled syncs need is not running."""

    finding: str
    way_out: str
    consequence: str = "scheduled syncs do not run"

    def __str__(self) -> str:
        """Return what is not running, what it means, and what to do."""
        return f"{self.finding}: {self.consequence}. {self.way_out}"


def check_daemon(
    instance: DagsterInstance,
    schedules: Sequence[ScheduleDefinition],
    sensors: Sequence[SensorDefinition],
    late_after: timedelta,
    timezone: str | None,
) -> str:
    """Return a sentence that says that daemon, schedules and sensors work, or that no daemon was ever started.

    Raises:
        NotRunningError: A daemon has stopped sending heartbeats, or a schedule or sensor is off, late or failing.

    """
    wanted = {each.name for each in schedules} | {each.name for each in sensors}
    beats = {name: beat.timestamp for name, beat in instance.get_daemon_heartbeats().items()}
    silent = [name for name in instance.get_required_daemon_types() if name in beats and _is_old(beats[name])]
    states = [state for state in instance.all_instigator_state() if state.name in wanted]
    last = [(state, instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=1)) for state in states]
    if not beats:
        return Note(
            "no daemon has been started yet: start `dagster-daemon run`, without which nothing is synced on schedule"
        )
    if silent:
        since = datetime.fromtimestamp(min(beats[name] for name in silent), UTC)
        finding = (
            f"Dagster's daemon has sent no heartbeat since {moment(since, timezone)} ({', '.join(silent).lower()})"
        )
        raise NotRunningError(finding, "Restart `dagster-daemon run`; its output says why it stopped.")
    off = [state.name for state in states if state.status is InstigatorStatus.STOPPED]
    if off:
        raise NotRunningError(f"{', '.join(off)} is off", "Turn it on in the Dagster UI, under Automation.")
    _check_ticks({state.name: ticks[0] for state, ticks in last if ticks}, _frequent(schedules), late_after, timezone)
    return f"the daemon is alive, {len(schedules)} schedules and {len(sensors)} sensors are on, and no last tick failed"


def check_heartbeat(instance: DagsterInstance, environment: Environment, timezone: str | None) -> str:
    """Return a sentence that says for which tick the heartbeat was last sent, for each tenant that has its address.

    Raises:
        NotRunningError: That was more than two ticks ago although the sensor has been on for longer.

    """
    expecting = [each for each in read_tenant_ids(environment) if read_heartbeat_url(environment, each)]
    if not expecting:
        return Note(
            "not set: nobody outside notices if this machine, INN8 or Postgres is down. Set INN8_HEARTBEAT_URL to the "
            "address of a service that alerts when it is no longer called; `inn8 alert test` tries it."
        )
    most, _ = read_sync(environment).freshness_bounds()
    sensors = instance.all_instigator_state(instigator_type=InstigatorType.SENSOR)
    data = next((state.instigator_data for state in sensors if state.name == "heartbeat"), None)
    sent = cursors.read(data.cursor if isinstance(data, SensorInstigatorData) else None)
    instants = {each: cursors.instant(sent.get(each)) for each in expecting}
    shown = ", ".join(f"{each} {moment(at, timezone)}" if at else f"{each} never" for each, at in instants.items())
    if any(at is not None and now() - at > most for at in instants.values()):
        raise NotRunningError(
            f"The heartbeat was last sent for the tick of {shown}",
            "A tick counts once the syncs of all entities have ended without an error: `inn8 log` shows which have "
            "not. If all have, `inn8 alert test` tries the address.",
            consequence="the service that expects it alerts",
        )
    return f"last sent for the tick of {shown}"


def check_alerts(instance: DagsterInstance, environment: Environment, timezone: str | None) -> str:
    """Return a sentence that says whether the address of the alerts accepted the last message.

    Raises:
        NotRunningError: It did not.

    """
    if read_alerts(environment).webhook is None:
        return Note(
            "not set: nobody is notified when a problem starts. Set INN8_ALERT_WEBHOOK to the address of a channel; "
            "`inn8 alert test` tries it."
        )
    since = cursors.refused_at(instance, tenants(read_tenant_ids(environment)))
    if since is not None:
        raise NotRunningError(
            f"INN8_ALERT_WEBHOOK has accepted no message since {moment(since, timezone)}",
            "`inn8 alert test` says what it answers. The messages are posted as soon as it accepts them.",
            consequence="nobody is notified of problems",
        )
    return "the last message was accepted, or none was due"


def _frequent(schedules: Sequence[ScheduleDefinition]) -> set[str]:
    """Return the names of the schedules that tick every few minutes."""
    return {each.name for each in schedules if str(each.cron_schedule).startswith("*/")}


def _check_ticks(
    last: Mapping[str, InstigatorTick], frequent: Collection[str], late_after: timedelta, timezone: str | None
) -> None:
    """Check the last tick of each schedule and sensor: one can fail or hang although the daemon sends heartbeats."""
    failed = [name for name, tick in last.items() if tick.status is TickStatus.FAILURE]
    if failed:
        raise NotRunningError(
            f"The last tick of {', '.join(sorted(failed))} failed", "The Dagster UI shows its error, under Automation."
        )
    late = [
        f"{name} ({moment(datetime.fromtimestamp(tick.timestamp, UTC), timezone)})"
        for name, tick in last.items()
        if name in frequent and now().timestamp() - tick.timestamp > late_after.total_seconds()
    ]
    if late:
        raise NotRunningError(
            f"The last tick of {', '.join(sorted(late))} is more than {late_after // timedelta(minutes=1)} minutes old",
            "Restart `dagster-daemon run`; its output says why it hangs.",
        )


def _is_old(timestamp: float) -> bool:
    return now().timestamp() - timestamp > BEAT_SECONDS
