"""The table of the sync log: what a line shows, and that it fits the terminal."""

import io
import time
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from rich.console import Console

from inn8_pipeline.cli.support.output import print_messages, wrapped
from inn8_pipeline.cli.support.tables import fits, log_table, rows_table, zone_note
from inn8_pipeline.entities import Window
from inn8_pipeline.warehouse.merge.results import Counts, Status
from inn8_pipeline.warehouse.sync_log.entry import LoggedSync, SyncLogEntry, Trigger

AT = datetime(2026, 11, 26, 0, 4, 59, tzinfo=UTC)
COUNTS = Counts(fetched=515_702, inserted=515_688, rejected=3, skipped=11)
ENTRY = SyncLogEntry(Status.PARTIAL_SUCCESS, AT, AT + timedelta(seconds=12.4), COUNTS, {"missing": 3, "removed": 2})
DAYS = Window(date(2026, 11, 1), date(2026, 11, 26))
SYNC = LoggedSync("t1", "transactions", "1baa8ca8-0000", ENTRY, DAYS, Trigger.BACKFILL)
FAILED = LoggedSync("t1", "clients", "87779bce-0000", SyncLogEntry(Status.FAILED, AT, AT, description="Why."))


def drawn(width: int, *syncs: LoggedSync) -> list[str]:
    screen = Console(file=io.StringIO(), width=width)
    screen.print(log_table(syncs or [SYNC, FAILED], width=width))
    assert isinstance(screen.file, io.StringIO)
    return [line.rstrip() for line in screen.file.getvalue().splitlines() if line.strip()]


@pytest.mark.parametrize(("width", "days"), [(80, "11-01..11-26"), (160, "2026-11-01 to 2026-11-26")])
def test_a_line_has_the_days_the_counts_and_the_removals_and_none_is_folded(width: int, days: str) -> None:
    lines = drawn(width)
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    for shown in (days, "PartialSuccess", "515,702", "515,688", "3 missing", "2 removed", "1baa8ca8", "87779bce"):
        assert shown in text
    assert len([line for line in lines if "11-26 00:04" in line]) == 2


def test_skipped_records_are_shown_if_there_are_any_and_in_a_wide_terminal_what_started_a_sync() -> None:
    assert [line.split()[-2:] for line in drawn(80) if "11-01..11-26" in line] == [["11", "skipped"]]
    header, line, *_ = drawn(160)
    assert line[: header.index("Skipped") + len("Skipped")].endswith(" 11")
    assert line[header.index("Trigger") :].startswith("backfill ")
    for width in (80, 160):
        assert not {"Skipped", "Trigger", "Days", "skipped"} & {*" ".join(drawn(width, FAILED)).split()}


ROWS = [{"id": 17, "reason": "clientId names no known client " * 4, "attempts": 3, "seen": "2026-11-26 00:04:59"}]


def table(width: int) -> list[str]:
    screen = Console(file=io.StringIO(), width=width)
    screen.print(rows_table(ROWS, ("id", "seen", "attempts", "reason"), width=width, expendable=("attempts", "seen")))
    assert isinstance(screen.file, io.StringIO)
    return screen.file.getvalue().splitlines()


def test_a_narrow_terminal_leaves_out_columns_and_names_them_and_folds_only_the_last_one() -> None:
    lines = table(70)
    assert max(map(len, lines)) <= 70
    assert "attempts" not in lines[1]
    assert "2026-11-26 00:04:59" in "\n".join(lines)
    assert lines[-1].strip() == "Not shown, because the terminal is narrow: attempts."
    assert "attempts, seen." in table(40)[-1]


def test_a_wide_terminal_leaves_out_no_column() -> None:
    assert fits(ROWS, ("id", "attempts", "seen", "reason"), 160)
    assert "attempts" in table(160)[1]
    assert "Not shown" not in "\n".join(table(160))


@pytest.mark.parametrize(
    ("zone", "note"),
    [("UTC", ""), ("Africa/Johannesburg", "Times are in UTC: 00:04 UTC is 02:04 SAST in this terminal.")],
)
def test_a_line_says_how_to_read_the_times_unless_the_terminal_has_utc(
    zone: str, note: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", zone)
        time.tzset()
        found = zone_note(AT)
    time.tzset()
    assert found == note


def saying(sync: LoggedSync, description: str, minutes: int = 0, run_id: str = "") -> LoggedSync:
    entry = replace(sync.entry, description=description, started_at=AT + timedelta(minutes=minutes))
    return replace(sync, entry=entry, run_id=run_id or sync.run_id)


def test_a_message_names_its_entity_run_and_time_and_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    text = "3 rejects are open."
    repeated = [saying(SYNC, text, -15 * number, f"{number}-run-of-transactions") for number in range(5)]
    print_messages([*repeated, saying(SYNC, "4 rejects are open.", -90), saying(FAILED, text), saying(FAILED, "")])
    assert capsys.readouterr().err.splitlines() == [
        "transactions (5 runs, 11-25 23:04 to 11-26 00:04 UTC, the last is 0-run-of): 3 rejects are open.",
        "transactions (11-25 22:34 UTC, run 1baa8ca8): 4 rejects are open.",
        "clients (11-26 00:04 UTC, run 87779bce): 3 rejects are open.",
    ]
    other = replace(FAILED, tenant_id="t2")
    print_messages([saying(FAILED, text), saying(other, text)], on_stderr=False)
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["t1/clients", "t2/clients"]


def test_a_text_is_wrapped_between_words_and_commands_are_not_divided() -> None:
    text = "Not everything was synced: `inn8 backfill transactions --from 2026-03-01`, which loads it.\nA second line."
    lines = wrapped(text, 30)
    assert lines == [
        "Not everything was synced:",
        "`inn8 backfill transactions --from 2026-03-01`,",
        "which loads it.",
        "A second line.",
    ]
    assert wrapped("\u6771" * 10 + " " + "\u6771" * 10, 40) == ["\u6771" * 10, "\u6771" * 10]
    assert wrapped("", 40) == [""]
