"""Alerts about schedules: missed ticks, failed ticks, and a schedule that no longer ticks."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from inn8_pipeline.defs.alerting import incident_subjects, schedule_incidents, system_incidents
from inn8_pipeline.defs.alerting.incidents import AlertState, Incident, Watched
from inn8_pipeline.defs.instance.late_internals import InstigatorStatus, TickStatus
from inn8_pipeline_tests.defs.pipelines import KEYS, Pipeline
from inn8_pipeline_tests.defs.schedule_states import record_state, record_tick

NAME = "every_15_minutes"
CRON = "*/15 * * * *"
AT = datetime(2026, 11, 24, 11, 2, tzinfo=UTC)


def incident(
    pipeline: Pipeline, *ticks: str, at: datetime = AT, failed: bool = False, since: datetime | None = None
) -> Incident | None:
    """Return the incident of the schedule whose ticks were at these times, the newest last."""
    stored = record_state(pipeline.instance, NAME, InstigatorStatus.DECLARED_IN_CODE)
    for time in ticks:
        is_last = time == ticks[-1]
        record_tick(
            pipeline.instance, stored, moment(time), TickStatus.FAILURE if failed and is_last else TickStatus.SKIPPED
        )
    state = AlertState(schedules={NAME: Watched(CRON, since or AT - timedelta(days=30))})
    return find(pipeline, state, at)


def find(pipeline: Pipeline, state: AlertState, at: datetime = AT) -> Incident | None:
    schedules = [pipeline.definitions.resolve_schedule_def(NAME)]
    found, _ = schedule_incidents.find(pipeline.instance, schedules, "", state, at)
    return found[incident_subjects.of_schedule(NAME)].incident


def moment(time: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-24T{time}:00+00:00")


def test_regular_ticks_are_no_incident(pipeline: Pipeline) -> None:
    assert incident(pipeline, "10:45", "11:00") is None


def test_ticks_that_were_missed_are_reported_though_the_schedule_ticks_again(pipeline: Pipeline) -> None:
    found = incident(pipeline, "10:15", "11:00")
    assert found
    assert not found.is_error
    assert found.text.startswith("2 ticks were missed between 2026-11-24 10:15 and 2026-11-24 11:00 UTC: ")


def test_missed_ticks_are_over_with_the_next_regular_tick(pipeline: Pipeline) -> None:
    assert incident(pipeline, "10:15", "11:00", "11:15", at=moment("11:16")) is None


@pytest.mark.parametrize(("last", "due", "is_error"), [("10:30", 1, False), ("09:45", 4, True)])
def test_a_schedule_that_no_longer_ticks_is_reported(
    pipeline: Pipeline, last: str, due: int, *, is_error: bool
) -> None:
    found = incident(pipeline, last, at=moment("10:52"))
    assert found
    assert found.is_error is is_error
    assert found.text.startswith(f"No tick since 2026-11-24 {last} UTC; {due} were due. Nothing ")


def test_a_tick_that_is_a_little_late_is_no_incident(pipeline: Pipeline) -> None:
    assert incident(pipeline, "10:45", at=moment("11:04")) is None


def test_a_failed_tick_is_reported(pipeline: Pipeline) -> None:
    found = incident(pipeline, "10:45", "11:00", failed=True)
    assert found
    assert found.is_error
    assert found.text.startswith("The tick of 2026-11-24 11:00 UTC failed: no run was started.")


def test_what_was_due_before_the_schedule_was_watched_does_not_count(pipeline: Pipeline) -> None:
    assert incident(pipeline, "08:00", "11:00", since=moment("10:59")) is None


@pytest.mark.parametrize(
    ("name", "text", "is_error"),
    [
        (NAME, "It was turned off: nothing is synced, and the data becomes stale.", True),
        ("nightly_sweep", "It was turned off: bookings of earlier days", False),
        (
            "weekly_maintenance",
            "It was turned off: nothing is deleted, and the databases grow. Turn it on",
            False,
        ),
    ],
)
def test_a_schedule_that_is_off_is_an_incident_with_its_remedy(
    pipeline: Pipeline, name: str, text: str, *, is_error: bool
) -> None:
    record_state(pipeline.instance, name, InstigatorStatus.STOPPED)
    schedules = [pipeline.definitions.resolve_schedule_def(name)]
    found = system_incidents.find_schedules_off(pipeline.instance, schedules, [KEYS], "", AT)
    off = found[incident_subjects.of_schedule(name)].incident
    assert off
    assert (off.text.startswith(text), off.is_error) == (True, is_error)


def test_what_a_schedule_has_missed_while_it_was_off_does_not_count_when_it_is_on_again(pipeline: Pipeline) -> None:
    assert incident(pipeline, "08:00")
    record_state(pipeline.instance, NAME, InstigatorStatus.STOPPED)
    schedules = [pipeline.definitions.resolve_schedule_def(NAME)]
    state = AlertState(schedules={NAME: Watched(CRON, AT - timedelta(days=30))})
    _, watched = schedule_incidents.find(pipeline.instance, schedules, "", state, AT)
    record_state(pipeline.instance, NAME, InstigatorStatus.RUNNING)
    state = replace(state, schedules=watched)
    found, watched = schedule_incidents.find(pipeline.instance, schedules, "", state, AT)
    assert found[incident_subjects.of_schedule(NAME)].incident is None
    assert watched == {NAME: Watched(CRON, AT)}


def test_another_cron_expression_has_other_ticks(pipeline: Pipeline) -> None:
    stored = record_state(pipeline.instance, NAME, InstigatorStatus.DECLARED_IN_CODE)
    for time in ("10:30", "11:00"):
        record_tick(pipeline.instance, stored, moment(time), TickStatus.SKIPPED)
    assert find(pipeline, AlertState(schedules={NAME: Watched("*/30 * * * *", moment("00:00"))})) is None


def test_a_schedule_that_the_daemon_has_never_seen_is_not_reported(pipeline: Pipeline) -> None:
    schedules = [pipeline.definitions.resolve_schedule_def(NAME)]
    assert schedule_incidents.find(pipeline.instance, schedules, "", AlertState(), AT) == ({}, {})
