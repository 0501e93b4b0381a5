"""Ticks of a period without a sync: which, why, and what made that good."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from inn8_pipeline.cli.support import shortfalls
from inn8_pipeline.cli.support.completeness import completeness
from inn8_pipeline.cli.support.missing_ticks import Key, MissReason, Ticks, find
from inn8_pipeline.entities import Window
from inn8_pipeline.settings import Environment, SyncSettings, read_sync
from inn8_pipeline.warehouse.merge.results import Status
from inn8_pipeline.warehouse.sync_log.entry import LoggedSync, SyncLogEntry, Trigger

SIX = datetime(2026, 11, 26, 18, tzinfo=UTC)
NEVER = datetime(2026, 11, 26, 17, tzinfo=UTC)
KEY = ("t1", "clients")
TWO_HOURS = SIX, SIX + timedelta(hours=2)
DAYS = Window(date(2026, 11, 17), date(2026, 11, 26))


def tick(minutes: float, seconds: float = 20, *, status: Status = Status.SUCCESS) -> LoggedSync:
    """Return a sync that a tick started so many minutes after six, and that took so many seconds."""
    began_at = SIX + timedelta(minutes=minutes)
    entry = SyncLogEntry(status, began_at, began_at + timedelta(seconds=seconds))
    return LoggedSync("t1", "clients", f"run-{minutes}", entry, trigger=Trigger.TICK)


def settings(**variables: str) -> SyncSettings:
    return read_sync(Environment({"INN8_TIMEZONE": "UTC", **variables}))


def missing(*syncs: LoggedSync, has_earlier: bool = True, **variables: str) -> list[tuple[str, str, str]]:
    """Return the minutes of the missing ticks, why they are, and when that was made good."""
    found = find(syncs, {KEY: has_earlier}, TWO_HOURS, settings(**variables))
    return [
        (f"{each.at:%H:%M}", each.reason.name, f"{each.made_good_at:%H:%M}" if each.made_good_at else "")
        for each in found.missing
    ]


ALL = [tick(15 * number + 0.1) for number in range(8)]


def test_each_tick_of_the_period_has_a_sync() -> None:
    assert find(ALL, {KEY: True}, TWO_HOURS, settings()) == Ticks(8, [])
    of_ten_minutes = missing(*ALL, INN8_TICK_MINUTES="10")
    assert of_ten_minutes[:2] == [("18:20", "UNKNOWN", "18:30"), ("18:50", "UNKNOWN", "19:00")]


def test_a_tick_without_a_sync_is_missing_until_a_later_one_wrote() -> None:
    assert missing(*ALL[:2], *ALL[4:]) == [("18:30", "UNKNOWN", "19:00"), ("18:45", "UNKNOWN", "19:00")]
    assert missing(*ALL[:7]) == [("19:45", "UNKNOWN", "")]
    assert missing(*ALL[:6], tick(105, status=Status.FAILED)) == [("19:30", "UNKNOWN", "")]
    assert [each for each, *_ in missing(*(replace(sync, trigger=Trigger.MANUAL) for sync in ALL))][::7] == [
        "18:00",
        "19:45",
    ]


def test_a_sweep_makes_a_missing_tick_good_and_a_backfill_does_not() -> None:
    other = replace(tick(106), window=DAYS)
    assert missing(*ALL[:7], replace(other, trigger=Trigger.SWEEP)) == [("19:45", "UNKNOWN", "19:45")]
    assert missing(*ALL[:7], replace(other, trigger=Trigger.BACKFILL)) == [("19:45", "UNKNOWN", "")]


def test_a_tick_while_an_earlier_sync_still_ran_is_named_as_that() -> None:
    long = tick(15.1, 60 * 31)
    assert missing(ALL[0], long, *ALL[4:]) == [("18:30", "BUSY", "19:00"), ("18:45", "BUSY", "19:00")]
    running = replace(long, entry=SyncLogEntry(Status.IN_PROGRESS, long.entry.started_at))
    assert {reason for _, reason, _ in missing(ALL[0], running)} == {"BUSY"}
    assert {each[1] for each in missing(ALL[0], replace(running, trigger=Trigger.MANUAL))} == {"UNKNOWN"}


def test_without_an_earlier_tick_the_first_one_of_the_period_is_the_first_expected() -> None:
    assert find(ALL[6:], {KEY: False}, TWO_HOURS, settings()) == Ticks(2, [])
    assert find([], {KEY: False}, TWO_HOURS, settings()) == Ticks(0, [])
    assert find([], {KEY: True}, TWO_HOURS, settings()).expected == 8


def test_ticks_are_by_the_clock_of_the_time_zone_of_the_schedule() -> None:
    period = SIX + timedelta(seconds=1), SIX + timedelta(hours=2)
    for zone, first in (("Africa/Johannesburg", "18:30"), ("Asia/Kathmandu", "18:15")):
        found = find([], {KEY: True}, period, settings(INN8_TICK_MINUTES="30", INN8_TIMEZONE=zone))
        assert (f"{found.missing[0].at:%H:%M}", found.expected) == (first, 3)


def test_a_tick_while_the_entity_was_paused_is_named_as_that_and_no_failure() -> None:
    found = find(ALL[:4], {KEY: True}, TWO_HOURS, settings())
    assert (found.are_unknown, found.have_failed) == (True, True)

    def is_paused(key: Key, at: datetime) -> bool:
        return key == KEY and at >= SIX + timedelta(minutes=60)

    paused = found.with_pauses(is_paused)
    assert {each.reason for each in paused.missing} == {MissReason.PAUSED}
    assert (paused.are_unknown, paused.have_failed) == (False, False)
    assert not find([*ALL[:4], ALL[7]], {KEY: True}, TWO_HOURS, settings()).have_failed


@pytest.mark.usefixtures("terminal_in_johannesburg")
def test_the_first_line_names_missing_ticks_with_all_entities_that_share_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shortfalls, "now", lambda: SIX + timedelta(hours=3))
    portfolios = [replace(sync, entity="portfolios") for sync in ALL]
    both = {KEY: True, ("t1", "portfolios"): True}

    def said(*syncs: LoggedSync) -> str:
        newest_first = sorted(syncs, key=lambda sync: sync.entry.started_at or NEVER, reverse=True)
        return completeness(newest_first, ticks=find(syncs, both, TWO_HOURS, settings()))

    assert said(*ALL, *portfolios).startswith(
        "Complete: 16 syncs of 2 entities, each a Success; 16 ticks, none without its sync; the last began at "
    )
    assert said(ALL[0], *ALL[3:], portfolios[0], *portfolios[3:]).startswith(
        "Complete by now: 12 syncs of 2 entities, each a Success; no sync for 4 of 16 ticks"
        " (daemon down, or schedule off?): clients, portfolios at 20:15, 20:30 SAST, made good at 20:45 SAST; the last"
    )
    assert said(*ALL, *portfolios[:7]).startswith(
        "NOT complete: 15 syncs of 2 entities, each a Success; no sync for 1 of "
    )
    running = replace(ALL[6], entry=SyncLogEntry(Status.IN_PROGRESS, ALL[6].entry.started_at))
    assert said(*ALL, *portfolios[:6], replace(running, entity="portfolios")).startswith("NOT ended yet: ")
    assert said().startswith("NOT complete: 0 syncs; no sync for 16 of 16 ticks (")
