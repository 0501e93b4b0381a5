"""Find incidents of schedules: failed ticks, missed ticks, and schedules that no longer tick.

Dagster neither catches up on missed ticks nor reports them in its UI. While the daemon or its database hangs, no sensor
runs either, so afterwards the instants of the last two ticks are compared with the cron expression.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import takewhile

import dagster as dg

from inn8_pipeline.defs.alerting import incident_subjects
from inn8_pipeline.defs.alerting.incidents import AlertState, Finding, Found, Incident, Watched
from inn8_pipeline.defs.alerting.messages import url
from inn8_pipeline.defs.instance.internals import InstigatorType, schedule_execution_time_iterator
from inn8_pipeline.defs.instance.late_internals import InstigatorState, InstigatorStatus, InstigatorTick, TickStatus

GRACE = timedelta(minutes=5)
"""A tick counts as missed this long after it was due. The daemon normally evaluates a tick within seconds."""
MISSED_FOR_ERROR = 4
"""With this many missed ticks, a schedule that no longer ticks is an error: the check `freshness` fails by then."""


def find(
    instance: dg.DagsterInstance,
    schedules: Sequence[dg.ScheduleDefinition],
    ui_url: str,
    state: AlertState,
    at: datetime,
) -> tuple[Found, dict[str, Watched]]:
    """Return the finding of each schedule that the daemon knows, and the schedules that are watched."""
    known = {each.name: each for each in instance.all_instigator_state(instigator_type=InstigatorType.SCHEDULE)}
    found, watched = {}, {}
    for schedule in schedules:
        stored = known.get(schedule.name)
        if stored is None:
            continue
        subject = incident_subjects.of_schedule(schedule.name)
        if stored.status is InstigatorStatus.STOPPED:
            found[subject] = Finding(reason="The schedule was turned off.")
            continue
        watched[schedule.name] = _watched(schedule, state.schedules.get(schedule.name), at)
        incident = _incident(instance, schedule, stored, watched[schedule.name].since, at)
        if incident is not None:
            incident = replace(incident, url=url(ui_url, "automation"))
        found[subject] = Finding(incident)
    return found, watched


def _watched(schedule: dg.ScheduleDefinition, before: Watched | None, at: datetime) -> Watched:
    """Return since when the schedule has its present cron expression, because another one had other ticks."""
    cron = str(schedule.cron_schedule)
    return before if before is not None and before.cron == cron else Watched(cron, at)


def _incident(
    instance: dg.DagsterInstance,
    schedule: dg.ScheduleDefinition,
    stored: InstigatorState,
    since: datetime,
    at: datetime,
) -> Incident | None:
    ticks = instance.get_ticks(stored.instigator_origin_id, stored.selector_id, limit=2)
    times = [max(since, _time(tick)) for tick in ticks]
    newest = times[0] if times else since
    due = list(_due(schedule, newest, at - GRACE))
    if due:
        text = (
            f"No tick since {newest:%Y-%m-%d %H:%M} UTC; {len(due)} were due. Nothing is synced by this schedule. "
            "Check that Dagster's daemon is running and reaches its database (`inn8 doctor`)."
        )
        return Incident(text, is_error=len(due) >= MISSED_FOR_ERROR, began_at=at, kind="no tick")
    if ticks and ticks[0].status is TickStatus.FAILURE:
        text = (
            f"The tick of {newest:%Y-%m-%d %H:%M} UTC failed: no run was started. The Dagster UI shows the error under "
            "Automation; the next tick tries again."
        )
        return Incident(text, is_error=True, began_at=at, kind="failed tick")
    missed = list(_due(schedule, times[1], times[0])) if len(times) > 1 else []
    if missed:
        text = (
            f"{len(missed)} ticks were missed between {times[1]:%Y-%m-%d %H:%M} and {times[0]:%Y-%m-%d %H:%M} UTC: "
            "Dagster's daemon or its database was not working. The schedule ticks again, and the days to which "
            "ticks and sweeps look back include what was missed."
        )
        return Incident(text, is_error=False, began_at=at, kind="missed ticks")
    return None


def _time(tick: InstigatorTick) -> datetime:
    """Return the instant that the tick was scheduled for."""
    return datetime.fromtimestamp(tick.timestamp, UTC)


def _due(schedule: dg.ScheduleDefinition, after: datetime, before: datetime) -> Iterator[datetime]:
    """Yield the instants between the two, both excluded, at which the schedule should have ticked."""
    times = schedule_execution_time_iterator(
        after.timestamp() + 1, schedule.cron_schedule, schedule.execution_timezone or "UTC"
    )
    return takewhile(lambda time: time < before, times)
