"""Time zones over a year: partitions are calendar days, and each schedule ticks as often as it should."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from dagster import partition_loading_context

from inn8_pipeline.defs.build import build
from inn8_pipeline.defs.instance.internals import schedule_execution_time_iterator
from inn8_pipeline.defs.partitions import days_of_trade
from inn8_pipeline.settings import Environment, read_sync

# Half an hour off; an hour back at two; around midnight; midnight that does not exist; half an hour of summer time.
ZONES = ["Asia/Kolkata", "Europe/London", "Africa/Cairo", "America/Santiago", "Australia/Lord_Howe"]
FIRST, LAST = date(2025, 1, 1), date(2025, 12, 31)
DAYS = [FIRST + timedelta(days=number) for number in range(365)]

pytestmark = pytest.mark.parametrize("zone", ZONES)


def ticks(zone: str, name: str) -> list[datetime]:
    """Return when the schedule ticks in the year, in UTC."""
    schedule = build(Environment({"INN8_TIMEZONE": zone})).resolve_schedule_def(name)
    start, end = (datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)) for day in (FIRST, date(2026, 1, 1)))
    found: list[datetime] = []
    assert isinstance(schedule.cron_schedule, str)
    for time in schedule_execution_time_iterator(start.timestamp(), schedule.cron_schedule, zone):
        if time >= end:
            return found
        found.append(time.astimezone(UTC))
    return found


def test_the_partitions_are_the_calendar_days(zone: str) -> None:
    settings = read_sync(Environment({"INN8_TIMEZONE": zone, "INN8_TRANSACTIONS_FROM": FIRST.isoformat()}))
    partitions = days_of_trade(settings)
    for hour in (0, 2, 12, 23):
        at = datetime(LAST.year, LAST.month, LAST.day, hour, 30, tzinfo=ZoneInfo(zone))
        with partition_loading_context(effective_dt=at):
            assert partitions.get_partition_keys() == [day.isoformat() for day in DAYS]


def test_the_first_partition_is_the_first_day_even_if_it_has_no_midnight(zone: str) -> None:
    # Clocks go forward at midnight: in Chile on this day of 2025, in Egypt on the other.
    for first in (date(2025, 9, 7), date(2025, 4, 25)):
        settings = read_sync(Environment({"INN8_TIMEZONE": zone, "INN8_TRANSACTIONS_FROM": first.isoformat()}))
        assert days_of_trade(settings).get_first_partition_key() == first.isoformat()


def test_the_nightly_sweep_runs_once_on_each_calendar_day(zone: str) -> None:
    assert [time.astimezone(ZoneInfo(zone)).date() for time in ticks(zone, "nightly_sweep")] == DAYS


def test_the_weekly_sweep_runs_once_on_each_saturday(zone: str) -> None:
    saturdays = [day for day in DAYS if day.weekday() == 5]
    assert [time.astimezone(ZoneInfo(zone)).date() for time in ticks(zone, "weekly_sweep")] == saturdays


def test_the_tick_comes_every_quarter_of_an_hour(zone: str) -> None:
    times = ticks(zone, "every_15_minutes")
    assert {later - earlier for earlier, later in pairwise(times)} == {timedelta(minutes=15)}
