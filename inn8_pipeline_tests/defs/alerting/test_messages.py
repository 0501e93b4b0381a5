"""The message to the webhook is complete if it is short, and bounded if it is long."""

from datetime import UTC, date, datetime, timedelta

import pytest

from inn8_pipeline.defs.alerting import incident_subjects
from inn8_pipeline.defs.alerting.incidents import Change, Changes, Incident
from inn8_pipeline.defs.alerting.messages import MAX_CHARACTERS, duration, message
from inn8_pipeline.defs.names import Tenant
from inn8_pipeline.entities import CLIENTS, TRANSACTIONS, Window

AT = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
FIRM = Tenant("firm")
LINK = "https://ui"


def jobs(number: int, change: Change, text: str = "Run 1 failed.") -> Changes:
    incident = Incident(text, is_error=change is Change.ERROR, began_at=AT)
    return {incident_subjects.of_job(f"{change}-{each}"): (change, incident) for each in range(number)}


def test_a_short_message_has_a_line_for_each_change_errors_first() -> None:
    subject = incident_subjects.of_check(FIRM, CLIENTS, "sync_log")
    failed = Incident(
        "Failed. Nothing was written.",
        is_error=True,
        began_at=AT,
        run_id="1baa8ca8-0000",
        url=LINK,
    )
    ended = Incident("Run 1 failed.", is_error=True, began_at=AT, over_at=AT + timedelta(minutes=14))
    changes: Changes = {incident_subjects.of_job("sync"): (Change.OVER, ended), subject: (Change.ERROR, failed)}
    assert message(changes).split("\n") == [
        "Error: clients, check sync_log. Failed. Nothing was written. Since 2026-11-24 10:00 UTC. Run 1baa8ca8. "
        + LINK,
        "Resolved: job sync, after 14 min (2026-11-24 10:00 UTC to 2026-11-24 10:14 UTC).",
    ]


@pytest.mark.parametrize(
    ("minutes", "text"), [(0, "1 min"), (14, "14 min"), (60, "1 h"), (65, "1 h 5 min"), (3 * 1440 + 125, "3 d 2 h")]
)
def test_a_duration_has_its_two_largest_units(minutes: int, text: str) -> None:
    assert duration(timedelta(minutes=minutes)) == text


def test_a_long_message_is_bounded_and_says_how_many_changes_it_leaves_out() -> None:
    text = message({**jobs(40, Change.OVER), **jobs(72, Change.ERROR, "It failed. " * 40)})
    assert len(text) <= MAX_CHARACTERS
    *lines, last = text.split("\n")
    assert all(line.startswith("Error: ") for line in lines)
    assert last == f"… and {112 - len(lines)} more: see the checks in the Dagster UI, and `inn8 log`."


def test_a_single_endless_text_keeps_its_start_and_its_link() -> None:
    incident = Incident("word " * 5000, is_error=True, began_at=AT, url="https://ui.example/runs/1")
    text = message({incident_subjects.of_job("inn8_maintenance"): (Change.ERROR, incident)})
    assert text.startswith("Error: job inn8_maintenance. word word ")
    assert text.endswith(" … Since 2026-11-24 10:00 UTC. https://ui.example/runs/1")
    assert len(text) <= MAX_CHARACTERS


def test_days_are_named_as_a_few_ranges() -> None:
    windows = tuple(Window(day, day) for day in (date(2026, 1, 1) + timedelta(days=2 * each) for each in range(8)))
    incident = Incident("Run 1 failed.", is_error=True, began_at=AT, days=windows)
    text = message({incident_subjects.of_days(FIRM, TRANSACTIONS): (Change.ERROR, incident)})
    assert text == (
        "Error: transactions, days 2026-01-01, 2026-01-03, 2026-01-05, 2026-01-07, 2026-01-09 and 3 more ranges. "
        "Run 1 failed. Since 2026-11-24 10:00 UTC."
    )


def test_the_end_of_what_was_never_reported_says_what_it_was() -> None:
    incident = Incident("Run 1 failed.", is_error=True, began_at=AT, over_at=AT + timedelta(hours=3))
    text = message({incident_subjects.of_job("inn8_maintenance"): (Change.OVER_UNREPORTED, incident)})
    assert text == (
        "Resolved already: job inn8_maintenance, after 3 h (2026-11-24 10:00 UTC to 2026-11-24 13:00 UTC). "
        "Run 1 failed."
    )
