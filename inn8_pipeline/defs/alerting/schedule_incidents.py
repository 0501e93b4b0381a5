"""Find incidents of schedules: failed ticks, missed ticks, and schedules that no longer tick.

Dagster neither catches up on missed ticks nor reports them in its UI. While the daemon or its database hangs, no sensor
runs either, so afterwards the instants of the last two ticks are compared with the cron expression. `system_incidents`
finds schedules that are off.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import Self

import dagster as dg

from inn8_pipeline.defs.alerting import incident_subjects
from inn8_pipeline.defs.alerting.incidents import AlertState, Finding, Found, Incident, Watched
from inn8_pipeline.defs.alerting.messages import url
from inn8_pipeline.defs.instance import instigators
from inn8_pipeline.defs.instance.internals import schedule_execution_time_iterator
from inn8_pipeline.defs.instance.late_internals import InstigatorState, InstigatorStatus, InstigatorTick, TickStatus
from inn8_pipeline.settings.model import MINUTES_FOR_A_SYNC, TICKS_TO_FAIL

GRACE = timedelta(minutes=MINUTES_FOR_A_SYNC)
"""A tick counts as missed this long after it was due. The daemon normally evaluates a tick within seconds."""
SOON = timedelta(hours=1)
"""The next tick of a schedule is soon if it is due within this time."""
MISSED_FOR_ERROR = TICKS_TO_FAIL
"""With this many missed ticks, a schedule that no longer ticks is an error: the check `freshness` fails by then."""


def find(
    instance: dg.DagsterInstance,
    schedules: Sequence[dg.ScheduleDefinition],
    ui_url: str,
    state: AlertState,
    at: datetime,
) -> tuple[Found, dict[str, Watched]]:
    """Return the finding of each schedule that is on and that the daemon knows, and the schedules that are watched."""
    known = instigators.schedules(instance)
    found, watched = {}, {}
    for schedule in schedules:
        stored = known.get(schedule.name)
        if stored is None or stored.status is InstigatorStatus.STOPPED:
            continue
        subject = incident_subjects.of_schedule(schedule.name)
        watched[schedule.name] = _watched(schedule, state.schedules.get(schedule.name), at)
        ticks = _Ticks.of(instance, schedule, stored, watched[schedule.name].since, at)
        incident = ticks.incident(state.resumed_at)
        if incident is not None:
            found[subject] = Finding(replace(incident, url=url(ui_url, "automation")))
        elif ticks.missed:
            found[subject] = _gap(ticks, watched[schedule.name], is_open=_is_open(state, subject))
            watched[schedule.name] = replace(watched[schedule.name], resumed_at=ticks.newest)
        elif not ticks.due:
            found[subject] = Finding()
    return found, watched


def _is_open(state: AlertState, subject: incident_subjects.Subject) -> bool:
    return subject in state.open and state.open[subject].over_at is None


def _gap(ticks: "_Ticks", watched: Watched, *, is_open: bool) -> Finding:
    """Return the end of an incident: of the open one, or of one that no evaluation has seen, once."""
    if is_open or watched.resumed_at == ticks.newest:
        return Finding(reason=ticks.missed_text())
    is_error = len(ticks.missed) >= MISSED_FOR_ERROR
    gap = Incident(ticks.missed_text(), is_error, ticks.missed[0], kind="missed ticks", over_at=ticks.newest)
    return Finding(gap)


def _watched(schedule: dg.ScheduleDefinition, before: Watched | None, at: datetime) -> Watched:
    """Return since when the schedule has its present cron expression, because another one had other ticks."""
    cron = str(schedule.cron_schedule)
    return before if before is not None and before.cron == cron else Watched(cron, at)


@dataclass(frozen=True, slots=True)
class _Ticks:
    """The last tick of a schedule, the ticks that were due since, and those missed between the last two."""

    schedule: dg.ScheduleDefinition
    newest: datetime
    before: datetime
    due: Sequence[datetime]
    missed: Sequence[datetime]
    has_failed: bool

    @classmethod
    def of(
        cls,
        instance: dg.DagsterInstance,
        schedule: dg.ScheduleDefinition,
        stored: InstigatorState,
        since: datetime,
        at: datetime,
    ) -> Self:
        """Read the last two ticks; one before `since` counts as one at `since`."""
        ticks = instance.get_ticks(stored.instigator_origin_id, stored.selector_id, limit=2)
        newest, before = [*(max(since, _time(tick)) for tick in ticks), since, since][:2]
        return cls(
            schedule,
            newest,
            before,
            due=list(_due(schedule, newest, at - GRACE)),
            missed=list(_due(schedule, before, newest)) if len(ticks) > 1 else [],
            has_failed=bool(ticks) and ticks[0].status is TickStatus.FAILURE,
        )

    def incident(self, resumed_at: datetime | None) -> Incident | None:
        """Return what is wrong now.

        Ticks that were due before the daemon resumed count only for a schedule whose next tick is not soon: of another
        one, the next tick tells whether all is well again.
        """
        waits = bool(self.due) and resumed_at is not None and self.due[-1] <= resumed_at and self._is_soon(resumed_at)
        if self.due and not waits:
            text = (
                f"No tick since {self.newest:%Y-%m-%d %H:%M} UTC; {len(self.due)} were due. Nothing is synced by this "
                "schedule. Check that Dagster's daemon is running and reaches its database (`inn8 doctor`)."
            )
            return Incident(text, len(self.due) >= MISSED_FOR_ERROR, self.due[0], kind="no tick")
        if self.has_failed and not self.due:
            text = (
                f"The tick of {self.newest:%Y-%m-%d %H:%M} UTC failed: no run was started. The Dagster UI shows the "
                "error under Automation; the next tick tries again."
            )
            return Incident(text, is_error=True, began_at=self.newest, kind="failed tick")
        return None

    def missed_text(self) -> str:
        """Return what was missed, and what it means for the data."""
        return (
            f"{len(self.missed)} ticks were missed between {self.before:%Y-%m-%d %H:%M} and "
            f"{self.newest:%Y-%m-%d %H:%M} UTC: Dagster's daemon or its database was not working. The schedule ticks "
            "again, and the days to which ticks and sweeps look back include what was missed."
        )

    def _is_soon(self, after: datetime) -> bool:
        return any(_due(self.schedule, after, after + SOON))


def _time(tick: InstigatorTick) -> datetime:
    """Return the instant that the tick was scheduled for."""
    return datetime.fromtimestamp(tick.timestamp, UTC)


def _due(schedule: dg.ScheduleDefinition, after: datetime, before: datetime) -> Iterator[datetime]:
    """Yield the instants between the two, both excluded, at which the schedule should have ticked."""
    times = schedule_execution_time_iterator(
        after.timestamp() + 1, schedule.cron_schedule, schedule.execution_timezone or "UTC"
    )
    return takewhile(lambda time: time < before, times)
