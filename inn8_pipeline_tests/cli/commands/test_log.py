"""`inn8 log` says whether the syncs were complete, and shows a part of the sync log: by trigger, or since a time."""

import json
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from inn8_pipeline.cli.commands import log
from inn8_pipeline.cli.support import times
from inn8_pipeline.warehouse.merge.results import Status
from inn8_pipeline.warehouse.sync_log import store
from inn8_pipeline.warehouse.sync_log.entry import LoggedSync, SyncLogEntry, Trigger
from inn8_pipeline_tests.cli.conftest import Terminal
from inn8_pipeline_tests.warehouse.syncs import TENANT, Syncs

ZONE = ZoneInfo("Africa/Johannesburg")
YESTERDAY = datetime.now(ZONE).date() - timedelta(days=1)


@pytest.fixture
def terminal(warehouse_url: str) -> Terminal:
    """Return a terminal whose sync log has a run of each trigger, from yesterday 17:00 on, one an hour."""
    began_at = datetime(YESTERDAY.year, YESTERDAY.month, YESTERDAY.day, 17, tzinfo=ZONE).astimezone(UTC)
    with Syncs(warehouse_url) as syncs, syncs.engine.begin() as connection:
        for number, trigger in enumerate(Trigger):
            at = began_at + timedelta(hours=number)
            entry = SyncLogEntry(Status.SUCCESS, at, at)
            store.write(connection, LoggedSync(TENANT, "clients", f"run-{trigger}", entry, trigger=trigger))
    return Terminal({"INN8_DATABASE_URL": warehouse_url, "INN8_TENANT_ID": TENANT})


def triggers(terminal: Terminal, *arguments: str) -> list[str]:
    shown = terminal.ask("log", "--json", *arguments)
    assert shown.exit_code == 0, shown.output
    return [each["trigger"] for each in json.loads(shown.stdout)][::-1]


def test_what_the_schedules_started_can_be_shown_alone(terminal: Terminal) -> None:
    assert triggers(terminal, "--trigger", "schedule") == ["tick", "sweep"]
    assert triggers(terminal, "--trigger", "manual") == ["manual"]
    assert triggers(terminal) == [*Trigger]


@pytest.mark.usefixtures("terminal_in_johannesburg")
def test_last_night_is_asked_for_in_local_time(terminal: Terminal) -> None:
    assert triggers(terminal, "--since", "yesterday 18:00") == [*Trigger][1:]
    assert triggers(terminal, "--since", f"{YESTERDAY} 20:30") == [*Trigger][4:]
    assert triggers(terminal, "--since", f"{YESTERDAY}") == [*Trigger]
    refused = terminal.ask("log", "--since", "yesterday")
    assert (refused.exit_code, "Write it as 2026-03-31 or 'yesterday 18:00'." in refused.stderr) == (2, True)


def test_the_first_line_counts_the_whole_period_whatever_the_limit_shows(
    terminal: Terminal, warehouse_url: str
) -> None:
    log = ("log", "--since", f"{YESTERDAY}")
    assert terminal.ask(*log).stdout.startswith("Complete: 5 syncs of 1 entity, each a Success; the last began at ")
    began_at = datetime(YESTERDAY.year, YESTERDAY.month, YESTERDAY.day, 16, 30, tzinfo=ZONE).astimezone(UTC)
    with Syncs(warehouse_url) as syncs, syncs.engine.begin() as connection:
        entry = SyncLogEntry(Status.FAILED, began_at, began_at, description="Why.")
        store.write(connection, LoggedSync(TENANT, "portfolios", "run-failed", entry, trigger=Trigger.TICK))
    shown = terminal.ask(*log, "--limit", "2", "--exit-code")
    first, *_, last = shown.stdout.splitlines()
    assert first.startswith("NOT complete: no Success in 1 of 6 syncs of 2 entities: portfolios Failed at ")
    assert last == "2 of 6 syncs are shown: --limit shows more, --status Failed what failed."
    assert (shown.exit_code, shown.stdout.count("run-")) == (1, 2)
    of_two = terminal.ask("log", "--limit", "2", "--exit-code")
    assert of_two.stdout.startswith("Complete: the last 2 syncs of 1 entity, each a Success; ")
    assert of_two.exit_code == 0
    assert "omplete" not in terminal.ask(*log, "--status", "Failed").stdout
    assert len(json.loads(terminal.ask(*log, "--limit", "2", "--json").stdout)) == 2


@pytest.mark.usefixtures("terminal_in_johannesburg")
@pytest.mark.parametrize(("hour", "ends_at"), [(0, 0), (7, 7), (8, 8), (9, 8), (23, 8)])
def test_the_night_is_from_yesterday_18_to_now_or_8_in_local_time(
    monkeypatch: pytest.MonkeyPatch, hour: int, ends_at: int
) -> None:
    monkeypatch.setattr(times, "now", lambda: datetime(2026, 11, 27, hour, tzinfo=ZONE).astimezone(UTC))
    evening, morning = datetime(2026, 11, 26, 18, tzinfo=ZONE), datetime(2026, 11, 27, ends_at, tzinfo=ZONE)
    assert times.last_night() == (evening, morning)


@pytest.mark.usefixtures("terminal_in_johannesburg")
def test_last_night_is_one_option(terminal: Terminal, warehouse_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    today = datetime.combine(YESTERDAY + timedelta(days=1), time(10), ZONE)
    for module in (times, log):
        monkeypatch.setattr(module, "now", lambda: today)
    assert triggers(terminal, "--night") == [*Trigger][1:]
    assert terminal.ask("log", "--night").stdout.startswith("Complete: 4 syncs of 1 entity, ")
    with Syncs(warehouse_url) as syncs, syncs.engine.begin() as connection:
        for hours, status in ((3, Status.FAILED), (1, Status.SUCCESS)):
            at = today - timedelta(hours=hours)
            store.write(connection, LoggedSync(TENANT, "clients", f"run-{hours}", SyncLogEntry(status, at, at)))
    said = terminal.ask("log", "--night").stdout
    assert said.startswith("Complete by now: no Success in 1 of 5 syncs of 1 entity: clients Failed at ")
    assert "made good at " in said
    refused = terminal.ask("log", "--night", "--day", "2026-11-26")
    assert (refused.exit_code, "omit --day and --since" in refused.stderr) == (2, True)
