"""The sync log in the warehouse: one row for each run, entity and window, and which word is the last one."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from inn8_pipeline.entities import CLIENTS, TRANSACTIONS, Window
from inn8_pipeline.warehouse.merge.results import Counts, Status
from inn8_pipeline.warehouse.sync_log import store
from inn8_pipeline.warehouse.sync_log.entry import LoggedSync, SyncLogEntry, Trigger
from inn8_pipeline.warehouse.sync_log.store import SyncLogFilter
from inn8_pipeline_tests.warehouse.syncs import TENANT, Syncs

AT = datetime(2026, 11, 20, 10, 15, tzinfo=UTC)
BEGUN = LoggedSync(TENANT, "clients", "run-1", SyncLogEntry(Status.IN_PROGRESS, AT), trigger=Trigger.TICK)
MERGED = replace(
    BEGUN,
    entry=SyncLogEntry(
        Status.PARTIAL_SUCCESS, AT, AT + timedelta(seconds=4), Counts(fetched=3, inserted=2, rejected=1),
        {"missing": 1, "removed": 0, "held_back": 7}, "7 rows were held back.", needs_action=True,
    ),
    landing_id=5, bytes=1200, retries=2, waits=1,
)  # fmt: skip
FAILED = replace(BEGUN, entry=SyncLogEntry(Status.FAILED, AT, AT, description="GET /clients failed."))
KILLED = replace(BEGUN, entry=SyncLogEntry(Status.FAILED, AT, AT, description="It was killed."))


def write(syncs: Syncs, *logged: LoggedSync) -> LoggedSync:
    """Write them one after the other, and return what the last write said that stands."""
    with syncs.engine.begin() as connection:
        return [store.write(connection, each) for each in logged][-1]


def read(syncs: Syncs, wanted: SyncLogFilter | None = None) -> list[LoggedSync]:
    with syncs.engine.begin() as connection:
        return [*store.read(connection, [TENANT], [CLIENTS, TRANSACTIONS], wanted or SyncLogFilter())]


@pytest.mark.parametrize(
    ("words", "standing"),
    [
        ((BEGUN,), BEGUN),
        ((BEGUN, BEGUN, MERGED), MERGED),
        ((BEGUN, FAILED), FAILED),
        ((BEGUN, FAILED, KILLED), FAILED),
        ((MERGED, FAILED), MERGED),
        ((MERGED, BEGUN), MERGED),
        ((FAILED, BEGUN), FAILED),
        ((FAILED, MERGED), MERGED),
    ],
    ids=lambda value: " ".join(str(each.entry.status) for each in (value if isinstance(value, tuple) else (value,))),
)
def test_the_end_of_a_merge_is_kept_and_of_two_failures_the_first(
    syncs: Syncs, words: tuple[LoggedSync, ...], standing: LoggedSync
) -> None:
    assert write(syncs, *words) == standing
    assert read(syncs) == [standing]


def test_each_run_entity_and_window_has_a_row_of_its_own_newest_first(syncs: Syncs) -> None:
    march = replace(MERGED, entity="transactions", window=Window(date(2026, 3, 1), date(2026, 3, 31)))
    april = replace(march, window=Window(date(2026, 4, 1), date(2026, 4, 30)))
    rerun = replace(MERGED, run_id="run-2", entry=replace(MERGED.entry, started_at=AT + timedelta(hours=1)))
    logged = [MERGED, march, april, rerun]
    write(syncs, *logged, *logged)
    assert read(syncs) == [rerun, april, march, MERGED]
    assert read(syncs, SyncLogFilter(from_at=AT + timedelta(hours=1))) == [rerun]
    assert read(syncs, SyncLogFilter(before=AT + timedelta(hours=1), limit=2)) == [april, march]
    assert read(syncs, SyncLogFilter(status=Status.FAILED)) == []


def test_an_entity_has_earlier_ticks_if_a_tick_of_its_own_began_before(syncs: Syncs) -> None:
    swept = replace(BEGUN, entity="transactions", trigger=Trigger.SWEEP)
    of_other_tenant = replace(BEGUN, tenant_id="t2", entity="transactions")
    write(syncs, BEGUN, swept, of_other_tenant)
    with syncs.engine.begin() as connection:
        for before, has_ticks in ((AT, False), (AT + timedelta(seconds=1), True)):
            found = store.have_ticks(connection, [TENANT], [CLIENTS, TRANSACTIONS], before)
            assert found == {(TENANT, "clients"): has_ticks, (TENANT, "transactions"): False}
