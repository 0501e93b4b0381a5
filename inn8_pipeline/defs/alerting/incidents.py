"""Incidents: keep what is wrong and since when, and decide what to report.

Each incident is reported once when it starts and once when it is over. `check_incidents`, `run_incidents` and
`schedule_incidents` find incidents; `messages` formats them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Self

from inn8_pipeline.defs.alerting.incident_subjects import Subject
from inn8_pipeline.entities import Window
from inn8_pipeline.warehouse.sync_log.entry import Cause

AWAY = timedelta(minutes=5)
"""Between two evaluations of a sensor, which are due every 30 s, the daemon or its database was away for so long."""
GROWTH_INTERVAL = timedelta(hours=1)
"""The shortest time between two reports of further days of an incident, so that not every failed run is reported."""


@dataclass(frozen=True, slots=True)
class Incident:
    """Something that is wrong. It contains no personal data.

    Attributes:
        text: What happened, what it means for the data, and what to do.
        is_error: Whether the operator must act; otherwise it is a warning.
        began_at: When it was first found.
        kind: Distinguishes errors of one subject, such as a failed sync and a sync that held removals back.
        days: The days of trade that were not loaded, if the incident is about days.
        properties: The properties of INN8 that it is about, if any.
        tables: The tables that an outage touches.
        run_id: The run that found it; empty if no single run did.
        url: The page of the Dagster UI that shows it; empty if INN8_UI_URL is not set.
        over_at: When it ended. The incident is removed once its end has been reported.
        reason: Why it ended, if not because the problem was solved.
        reported_at: When it was last reported.

    """

    text: str
    is_error: bool
    began_at: datetime
    kind: str = ""
    days: tuple[Window, ...] = ()
    properties: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    run_id: str = ""
    url: str = ""
    over_at: datetime | None = None
    reason: str = ""
    reported_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """The newest evaluation of a subject: an incident, or None if there is no problem.

    Attributes:
        incident: What is wrong.
        reason: Why there is no incident, if not because the problem was solved.
        blank_properties: Properties without any value at present, about which the evaluation says nothing.
        cause: The system whose outage has caused it.

    """

    incident: Incident | None = None
    reason: str = ""
    blank_properties: tuple[str, ...] = ()
    cause: Cause | None = None


Found = Mapping[Subject, Finding]
"""The findings by subject. The open incident of a subject that is missing here stays open."""


class Change(StrEnum):
    """The kind of change of an incident that is reported."""

    ERROR = "Error"
    WARNING = "Warning"
    NO_LONGER_ERROR = "Warning, no longer an error"
    OVER = "Resolved"
    OVER_UNREPORTED = "Resolved already"


Changes = Mapping[Subject, tuple[Change, Incident]]


@dataclass(frozen=True, slots=True)
class Watched:
    """A schedule that is turned on and whose ticks are watched.

    Attributes:
        cron: Its cron expression.
        since: Since when it is watched with that expression.
        resumed_at: The tick after the last gap that was reported.

    """

    cron: str
    since: datetime
    resumed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class AlertState:
    """What an alerting sensor remembers from one evaluation to the next.

    Attributes:
        open: The incidents as last found, including those that have ended but are not yet reported as ended.
        reported: The incidents as last reported, until their end is reported too.
        runs_until: Runs that ended up to this instant (by their last update) have been evaluated.
        schedules: The schedules whose ticks are watched, by name.
        evaluated_at: When the sensor was last evaluated.
        resumed_at: When it was evaluated again after the daemon or its database had been away.
        refused_at: Since when the address has accepted no message; None if it accepted the last one.

    """

    open: Mapping[Subject, Incident] = field(default_factory=dict)
    reported: Mapping[Subject, Incident] = field(default_factory=dict)
    runs_until: datetime | None = None
    schedules: Mapping[str, Watched] = field(default_factory=dict)
    evaluated_at: datetime | None = None
    resumed_at: datetime | None = None
    refused_at: datetime | None = None

    def evaluated(self, at: datetime) -> Self:
        """Return the state at the beginning of an evaluation."""
        was_away = self.evaluated_at is not None and at - self.evaluated_at > AWAY
        return replace(self, evaluated_at=at, resumed_at=at if was_away else self.resumed_at)

    def updated(self, found: Found, at: datetime) -> Self:
        """Return the state after these findings at this instant."""
        incidents = dict(self.open)
        for subject, finding in found.items():
            before = incidents.get(subject)
            after = _updated(before, finding, at)
            if after is not None:
                incidents[subject] = after
        return replace(self, open=incidents)

    def changes(
        self,
        at: datetime,
        *,
        includes_warnings: Callable[[Subject], bool],
        may_pass: Callable[[Subject, Incident], bool] = lambda *_: False,
    ) -> Changes:
        """Return the changes that are to be reported at this instant.

        Args:
            at: The instant.
            includes_warnings: Whether warnings about a subject are reported.
            may_pass: Whether an incident that is not yet reported may be over within minutes. It is reported later, or
                not at all if it ends before.

        """
        found = {
            subject: (
                _change(incident, self.reported.get(subject), at, includes_warnings=includes_warnings(subject)),
                incident,
            )
            for subject, incident in self.open.items()
            if subject in self.reported or not may_pass(subject, incident)
        }
        return {subject: (change, incident) for subject, (change, incident) in found.items() if change is not None}

    def after_report(self, changes: Changes, at: datetime) -> Self:
        """Return the state once these changes have been reported."""
        still_open = {subject: incident for subject, incident in self.open.items() if incident.over_at is None}
        now_reported = {subject: replace(incident, reported_at=at) for subject, (_, incident) in changes.items()}
        reported = {**self.reported, **now_reported}
        return replace(
            self,
            open=still_open,
            reported={subject: incident for subject, incident in reported.items() if subject in still_open},
        )


def _updated(before: Incident | None, finding: Finding, at: datetime) -> Incident | None:
    """Return an incident after a finding. An incident about a property ends only once the property has values again."""
    is_open = before is not None and before.over_at is None
    blank = tuple(name for name in before.properties if name in finding.blank_properties) if before and is_open else ()
    if finding.incident is None:
        return before if before is None or not is_open or blank else replace(before, over_at=at, reason=finding.reason)
    if before is None or not is_open:
        return finding.incident
    properties = tuple(dict.fromkeys((*finding.incident.properties, *blank)))
    return replace(finding.incident, began_at=before.began_at, properties=properties)


def _change(incident: Incident, reported: Incident | None, at: datetime, *, includes_warnings: bool) -> Change | None:
    worst = incident if reported is None else max(incident, reported, key=lambda each: each.is_error)
    if not (worst.is_error or includes_warnings):
        return None
    if incident.over_at is not None:
        return Change.OVER_UNREPORTED if reported is None else Change.OVER
    if reported is not None and reported.is_error and not incident.is_error:
        return Change.NO_LONGER_ERROR
    if reported is None or _is_news(incident, reported, at):
        return Change.ERROR if incident.is_error else Change.WARNING
    return None


def _is_news(incident: Incident, reported: Incident, at: datetime) -> bool:
    if incident.is_error and (not reported.is_error or incident.kind != reported.kind):
        return True
    has_grown = not days_in(incident.days) <= days_in(reported.days)
    return has_grown and (reported.reported_at is None or at - reported.reported_at >= GROWTH_INTERVAL)


def days_in(windows: Iterable[Window]) -> set[date]:
    """Return the days of all windows."""
    return {day for window in windows for day in window.days()}


def windows_of(days: Iterable[date]) -> tuple[Window, ...]:
    """Return the days as the smallest number of windows, in order."""
    return tuple(_windows(days))


def _windows(days: Iterable[date]) -> Iterator[Window]:
    window = None
    for day in sorted(days):
        if window and day == window.to_date + timedelta(days=1):
            window = Window(window.from_date, day)
        else:
            if window:
                yield window
            window = Window(day, day)
    if window:
        yield window
