"""`inn8 log` says whether the syncs were complete, and shows a part of the sync log: by trigger, or since a time."""

import json
from datetime import UTC, datetime, time, timedelta
from itertools import product
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from inn8_pipeline.cli.commands import log
from inn8_pipeline.cli.support import log_reading, times
from inn8_pipeline.defs.instance import pauses
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
def test_last_night_is_asked_for_in_local_time(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    today = datetime.combine(YESTERDAY + timedelta(days=1), time(10), ZONE)
    for module in (times, log, log_reading):
        monkeypatch.setattr(module, "now", lambda: today)
    assert triggers(terminal, "--since", "yesterday 18:00") == [*Trigger][1:]
    assert triggers(terminal, "--since", f"{YESTERDAY} 20:30") == [*Trigger][4:]
    assert triggers(terminal, "--since", f"{YESTERDAY}") == [*Trigger]
    refused = terminal.ask("log", "--since", "yesterday")
    assert (refused.exit_code, "Write it as 2026-03-31 or 'yesterday 18:00'." in refused.stderr) == (2, True)


def test_the_first_line_counts_the_whole_period_whatever_the_limit_shows(
    terminal: Terminal, warehouse_url: str
) -> None:
    log = ("log", "--since", f"{YESTERDAY}", "--trigger", "manual")
    assert terminal.ask(*log).stdout.startswith("Complete: 1 sync of 1 entity, each a Success; the last began at ")
    began_at = datetime(YESTERDAY.year, YESTERDAY.month, YESTERDAY.day, 16, 30, tzinfo=ZONE).astimezone(UTC)
    with Syncs(warehouse_url) as syncs, syncs.engine.begin() as connection:
        entry = SyncLogEntry(Status.FAILED, began_at, began_at, description="Why.")
        store.write(connection, LoggedSync(TENANT, "portfolios", "run-failed", entry, trigger=Trigger.MANUAL))
    shown = terminal.ask(*log, "--limit", "1", "--exit-code")
    first, *_, last = shown.stdout.splitlines()
    assert first.startswith("NOT complete: nothing written: Why (portfolios Failed at ")
    assert "). No Success in 1 of 2 syncs of 2 entities; the last began at " in first
    assert last == "1 of 2 syncs are shown: --limit shows more, --status Failed what failed."
    assert (shown.exit_code, shown.stdout.count("run-")) == (1, 1)
    of_two = terminal.ask("log", "--limit", "2", "--exit-code")
    assert of_two.stdout.startswith("Complete: the last 2 syncs of 1 entity, each a Success; ")
    assert of_two.exit_code == 0
    assert "omplete" not in terminal.ask(*log, "--status", "Failed").stdout
    assert len(json.loads(terminal.ask(*log, "--limit", "1", "--json").stdout)) == 1


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
    for module in (times, log, log_reading):
        monkeypatch.setattr(module, "now", lambda: today)
    assert triggers(terminal, "--night") == [*Trigger][1:]
    assert terminal.ask("log", "--night", "--trigger", "manual").stdout.startswith("Complete: 1 sync of 1 entity, ")
    with Syncs(warehouse_url) as syncs, syncs.engine.begin() as connection:
        for hours, status in ((3, Status.FAILED), (1, Status.SUCCESS)):
            at = today - timedelta(hours=hours)
            entry = SyncLogEntry(status, at, at)
            store.write(connection, LoggedSync(TENANT, "clients", f"run-{hours}", entry, trigger=Trigger.MANUAL))
    said = terminal.ask("log", "--night", "--trigger", "manual").stdout
    assert said.startswith("Complete by now: nothing written (clients Failed at 07:00 SAST, made good at 09:00 SAST).")
    assert " No Success in 1 of 2 syncs of 1 entity; " in said
    refused = terminal.ask("log", "--night", "--day", "2026-11-26")
    assert (refused.exit_code, "omit --day and --since" in refused.stderr) == (2, True)


@pytest.fixture
def night(warehouse_url: str, storage_url: str, data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Return a terminal at 10:00, whose sync log has a tick of each entity every 15 minutes, but none from 2 to 3."""
    today = datetime.combine(YESTERDAY + timedelta(days=1), time(10), ZONE)
    for module in (times, log, log_reading):
        monkeypatch.setattr(module, "now", lambda: today)
    logged = []
    for entity, number in product(("clients", "portfolios", "transactions"), range(17 * 4)):
        at = today - timedelta(hours=17) + timedelta(minutes=15 * number, seconds=20)
        if at.hour != 2:
            entry = SyncLogEntry(Status.SUCCESS, at, at + timedelta(seconds=5))
            logged.append(LoggedSync(TENANT, entity, f"run-{number}", entry, trigger=Trigger.TICK))
    with Syncs(warehouse_url) as syncs, syncs.engine.begin() as connection:
        store.add(connection, logged)
    variables = {"INN8_DATABASE_URL": warehouse_url, "INN8_TENANT_ID": TENANT, "DAGSTER_POSTGRES_URL": storage_url}
    return Terminal(variables | {"XDG_DATA_HOME": str(data_folder)})


@pytest.mark.usefixtures("terminal_in_johannesburg")
def test_ticks_of_the_night_that_started_no_sync_are_named(night: Terminal, warehouse_url: str) -> None:
    shown = night.ask("log", "--night", "--exit-code")
    assert shown.stdout.startswith(
        "Complete by now: 156 syncs of 3 entities, each a Success; no sync for 12 of 168 ticks"
        " (daemon down, or schedule off?): clients, portfolios, transactions at 02:00, 02:15, 02:30, 02:45 SAST,"
        " made good at 03:00 SAST; the last began at 07:45 SAST.\n"
    )
    assert shown.exit_code == 0
    with Syncs(warehouse_url) as syncs:
        syncs.execute("delete from inn8.sync_log_entries where entity = 'clients' and started_at > :at", at=_two())
    shown = night.ask("log", "--night", "--exit-code")
    assert shown.stdout.startswith(
        "NOT complete: 136 syncs of 3 entities, each a Success; no sync for 32 of 168 ticks"
        " (daemon down, or schedule off?): clients at 02:00 to 07:45 SAST (24 times); portfolios, transactions at 02:0"
    )
    assert shown.exit_code == 1
    with Syncs(warehouse_url) as syncs:
        syncs.execute("delete from inn8.sync_log_entries where started_at > :at", at=_two() - timedelta(hours=8))
    line, empty = night.ask("log", "--night").stdout.splitlines()
    assert line.startswith(
        "NOT complete: 0 syncs; no sync for 168 of 168 ticks (daemon down, or schedule off?): clients, "
    )
    assert empty == "The sync log has no matching entry."
    for arguments in (("--trigger", "sweep"), ("--status", "Success")):
        assert night.ask("log", "--night", *arguments).stdout == f"{empty}\n"


@pytest.mark.usefixtures("terminal_in_johannesburg")
def test_ticks_of_a_pause_are_named_as_that(night: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    for hours, *command in ((0, "pause", "clients", "--reason", "r"), (1, "resume", "clients")):
        monkeypatch.setattr(pauses, "now", lambda hours=hours: _two() + timedelta(hours=hours, minutes=-1))
        assert night.ask(*command).exit_code == 0
    said, when = night.ask("log", "--night").stdout, "at 02:00, 02:15, 02:30, 02:45 SAST, made good at 03:00 SAST"
    assert f"clients {when} (the entity was paused); portfolios, transactions {when}; the last" in said


def _two() -> datetime:
    return datetime.combine(YESTERDAY + timedelta(days=1), time(2), ZONE).astimezone(UTC)


@pytest.mark.usefixtures("terminal_in_johannesburg")
def test_the_first_lines_and_the_messages_fit_a_terminal_of_80_columns(terminal: Terminal, warehouse_url: str) -> None:
    at = datetime.now(UTC) - timedelta(minutes=5)
    message = (
        "GET /clients failed 5 times in a row: INN8 answered 503. Nothing was written. `inn8 sync clients` tries it."
    )
    with Syncs(warehouse_url) as syncs, syncs.engine.begin() as connection:
        for number, entity in enumerate(("clients", "portfolios")):
            entry = SyncLogEntry(Status.FAILED, at, at, description=message)
            store.write(connection, LoggedSync(TENANT, entity, f"run-failed-{number}", entry, trigger=Trigger.MANUAL))
    lines = terminal.screen("log", "--limit", "2")
    assert max(map(len, lines)) <= 80
    assert " ".join(lines[:4]).startswith(
        "NOT complete: nothing written: GET /clients failed 5 times in a row: INN8 answered 503 (clients, portfolios "
        "Failed at "
    )
    first = next(number for number, line in enumerate(lines) if line.startswith("portfolios ("))
    assert " UTC, run run-fail): GET /clients failed 5 times in a" in lines[first]
    assert lines[first + 1] == "  row: INN8 answered 503. Nothing was written. `inn8 sync clients` tries it."


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--day", "9999-12-31"), "--day 9999-12-31 is not between 1970-01-01 and today, "),
        (("--day", "0001-01-01"), "--day 0001-01-01 is not between 1970-01-01 and today, "),
        (("--since", "9999-12-31"), "'9999-12-31' is not a time. "),
        (("--since", "9999-12-01"), "--since is in the future: it is "),
        (("--since", "0001-01-01"), "'0001-01-01' is not a time. "),
        (("--since", "9999-12-31 23:59"), "'9999-12-31 23:59' is not a time. "),
        (("--since", "0001-01-01T00:00+02:00"), "'0001-01-01T00:00+02:00' is not a time. "),
        (("--since", "2999-01-01"), "--since is in the future: it is "),
        (("--since", "tomorrow 00:00"), "--since is in the future: it is "),
    ],
)
def test_a_day_that_has_not_begun_or_at_an_end_of_the_calendar_is_wrong_usage(
    terminal: Terminal, arguments: tuple[str, ...], reason: str
) -> None:
    refused = terminal.ask("log", *arguments)
    assert (refused.exit_code, refused.stdout, reason in refused.stderr) == (2, "", True), refused.stderr
