"""The first line of `inn8 log`: whether the syncs were complete, what was not, and what made it good."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from inn8_pipeline.cli.support.completeness import completeness
from inn8_pipeline.entities import Window
from inn8_pipeline.warehouse.merge.results import Counts, Status
from inn8_pipeline.warehouse.sync_log.entry import LoggedSync, SyncLogEntry

MIDNIGHT = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=12)
DAYS = Window(date(2026, 11, 17), date(2026, 11, 26))
SUCCESS, PARTIAL, FAILED, RUNNING = Status.SUCCESS, Status.PARTIAL_SUCCESS, Status.FAILED, Status.IN_PROGRESS

pytestmark = pytest.mark.usefixtures("terminal_in_johannesburg")


def ticks(
    statuses: Iterable[Status],
    entity: str = "clients",
    window: Window | None = None,
    tenant: str = "t1",
    first: int = 0,
) -> list[LoggedSync]:
    """Return a sync for each status, one in 15 minutes, as the sync log has them: newest first."""
    return [
        LoggedSync(
            tenant, entity, f"run-{number}", SyncLogEntry(status, MIDNIGHT + timedelta(minutes=15 * number)), window
        )
        for number, status in enumerate(statuses, first)
    ][::-1]


def having(sync: LoggedSync, description: str, fetched: int = 0, rejected: int = 0) -> LoggedSync:
    """Return the sync with a message and counts."""
    counts = Counts(fetched=fetched, rejected=rejected) if fetched else None
    return replace(sync, entry=replace(sync.entry, description=description, counts=counts))


def at(number: int) -> str:
    return f"{(MIDNIGHT + timedelta(minutes=15 * number)).astimezone():%H:%M}"


def test_syncs_that_each_were_a_success_were_complete() -> None:
    both = [*ticks([SUCCESS] * 3), *ticks([SUCCESS], "portfolios")]
    assert completeness(both) == f"Complete: 4 syncs of 2 entities, each a Success; the last began at {at(2)} SAST."
    assert completeness(ticks([SUCCESS]), has_more=True).startswith(
        "Complete: the last 1 sync of 1 entity, each a Success; "
    )
    empty = completeness(ticks([Status.NO_DATA, SUCCESS]))
    assert empty.startswith("Complete: 2 syncs of 1 entity, each a Success or NoData (1); ")


def test_a_failure_that_nothing_made_good_is_not_complete() -> None:
    said = completeness(ticks([SUCCESS, FAILED, FAILED]))
    assert said == (
        f"NOT complete: nothing written (clients Failed at {at(1)}, {at(2)} SAST)."
        f" No Success in 2 of 3 syncs of 1 entity; the last began at {at(2)} SAST."
    )


def test_a_later_sync_of_the_entity_makes_a_failure_good() -> None:
    said = completeness(ticks([FAILED, FAILED, SUCCESS, SUCCESS]))
    assert said.startswith(
        f"Complete by now: nothing written (clients Failed at {at(0)}, {at(1)} SAST, made good at {at(2)} SAST)."
        " No Success in 2 of 4 syncs of 1 entity; "
    )
    other = [*ticks([SUCCESS], "portfolios", first=1), *ticks([SUCCESS], tenant="t2", first=1), *ticks([FAILED])]
    assert completeness(other).startswith("NOT complete: ")


def test_a_sync_after_the_period_makes_a_failure_good_but_is_not_counted() -> None:
    failed = ticks([SUCCESS, FAILED])
    said = completeness(failed, [*ticks([SUCCESS, FAILED], first=2), *failed])
    assert said.startswith(
        f"Complete by now: nothing written (clients Failed at {at(1)} SAST, made good at {at(2)} SAST)."
    )
    assert said.endswith(f" No Success in 1 of 2 syncs of 1 entity; the last began at {at(1)} SAST.")


def test_a_sync_of_other_days_makes_nothing_good() -> None:
    failed, fewer = ticks([FAILED], "transactions", DAYS), Window(DAYS.from_date, DAYS.from_date)
    assert completeness([*ticks([SUCCESS], "transactions", fewer, first=1), *failed]).startswith("NOT complete: ")
    more = Window(date(2026, 10, 1), DAYS.to_date)
    assert completeness([*ticks([SUCCESS], "transactions", more, first=1), *failed]).startswith("Complete by now: ")


@pytest.mark.parametrize(
    ("statuses", "word"),
    [
        ([PARTIAL, SUCCESS], "Complete by now"),
        ([PARTIAL, PARTIAL], "NOT complete"),
        ([FAILED, PARTIAL, SUCCESS], "Complete by now"),
        ([FAILED, Status.NO_DATA], "NOT complete"),
        ([SUCCESS, FAILED], "NOT complete"),
        ([SUCCESS, RUNNING], "NOT ended yet"),
        ([FAILED, RUNNING], "NOT complete"),
        ([RUNNING, SUCCESS], "Complete by now"),
    ],
)
def test_a_partial_success_is_made_good_by_a_success_alone(statuses: list[Status], word: str) -> None:
    assert completeness(ticks(statuses)).startswith(f"{word}: ")


def test_many_times_are_shown_by_the_first_and_the_last() -> None:
    said = completeness(ticks([PARTIAL] * 6))
    assert f"(clients PartialSuccess at {at(0)} to {at(5)} SAST (6 times))." in said
    of_tenants = completeness([*ticks([FAILED], tenant="t2"), *ticks([FAILED])])
    assert f"(t1/clients, t2/clients Failed at {at(0)} SAST)." in of_tenants


def test_a_time_of_another_day_has_its_date() -> None:
    (failed,) = ticks([FAILED], first=-400)
    day = (MIDNIGHT - timedelta(minutes=6000)).astimezone()
    assert f"clients Failed at {day:%m-%d} " in completeness([failed])


def test_the_first_line_of_a_month_of_ticks_takes_no_time() -> None:
    began_at = datetime.now(UTC)
    assert completeness(ticks([PARTIAL] * 10_000)).startswith("NOT complete: ")
    assert datetime.now(UTC) - began_at < timedelta(seconds=5)


REJECTS = "3 rejects are open; each sync tries them again (`inn8 rejects list`)."


def test_of_a_partial_success_it_says_how_many_rejects_are_open_by_the_last_sync_of_each_entity() -> None:
    (clients,) = ticks([PARTIAL])
    (portfolios,) = ticks([PARTIAL], "portfolios")
    both = ticks([PARTIAL, PARTIAL], "transactions", DAYS, first=-1)
    said = completeness(
        [
            having(clients, REJECTS, 1_003, 3),
            having(portfolios, REJECTS, 2_003, 3),
            *(having(each, REJECTS, 51_003, 3) for each in both),
        ]
    )
    assert said == (
        "NOT complete: 9 rejects open, all other records written (clients, portfolios, transactions"
        f" PartialSuccess at {at(-1)}, {at(0)} SAST)."
        f" No Success in 4 of 4 syncs of 3 entities; the last began at {at(0)} SAST."
    )


def test_rejects_of_earlier_syncs_count_and_accepted_ones_do_not() -> None:
    (sync,) = ticks([PARTIAL])
    for records, rejected in ((1, 0), (1_000, 5)):
        said = completeness([having(sync, REJECTS, records, rejected)])
        assert said.startswith("NOT complete: 3 rejects open, all other records written (clients PartialSuccess at ")
    said = completeness([having(sync, "2 records have the id of another record of the same fetch. Of each", 1_000, 3)])
    assert said.startswith("NOT complete: 2 records have the id of another record of the same fetch (clients Partial")


def test_what_failed_and_why_is_said_of_each_entity_that_it_happened_to() -> None:
    (clients,) = ticks([FAILED])
    (portfolios,) = ticks([PARTIAL], "portfolios")
    refused = "GET /clients failed 5 times in a row: INN8 answered 503. Nothing of this sync was written. Ask INN8."
    overlapping = f"{REJECTS} INN8 sent some ids on more than one page. The rows are up to date."
    said = completeness([having(clients, refused), having(portfolios, overlapping, 2_003, 3)])
    assert said.startswith(
        "NOT complete: nothing written: GET /clients failed 5 times in a row: INN8 answered 503 (clients Failed at"
        f" {at(0)} SAST); 3 rejects open, all other records written, and INN8 sent some ids on more than one page"
        f" (portfolios PartialSuccess at {at(0)} SAST). No Success in 2 of "
    )


def test_a_long_cause_is_cut_between_two_words() -> None:
    (failed,) = ticks([FAILED])
    said = completeness([having(failed, "word " * 60 + ". More.")])
    assert said.startswith(f"NOT complete: nothing written: {'word ' * 21}word … (clients Failed at ")


def test_a_period_in_which_syncs_are_expected_and_none_began_is_not_complete() -> None:
    assert completeness([], is_expected=True) == "NOT complete: no sync began in this period."
    assert completeness([]) == ""
