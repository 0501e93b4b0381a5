"""Merges that are killed, cut off or run side by side: readers see the sync before it or all of it."""

import signal
import threading
from typing import Any

import pytest

from inn8_pipeline.entities import CLIENTS, TRANSACTIONS
from inn8_pipeline.errors import DatabaseError, SyncLockedError
from inn8_pipeline.transform import TRANSFORM_VERSION
from inn8_pipeline.warehouse.landing import pages as landed_pages
from inn8_pipeline.warehouse.landing.pages import stored_pages
from inn8_pipeline.warehouse.landing.store import Landing
from inn8_pipeline.warehouse.merge.options import MergeOptions
from inn8_pipeline.warehouse.merge.results import Counts
from inn8_pipeline_tests.transform.builders import client, transaction
from inn8_pipeline_tests.warehouse.killing import SERVER, merge_until_killed, merge_when_allowed
from inn8_pipeline_tests.warehouse.syncs import HISTORY, Syncs, october

OPTIONS = MergeOptions(TRANSFORM_VERSION, HISTORY)
BEFORE = [
    transaction(),
    transaction(id="T-2", tradeDate="2026-10-06"),
    transaction(id="T-3", fees="x"),
    transaction(id="T-4", portfolioId="P-2", tradeDate="2026-10-01"),
]
NOW = [
    transaction(description="changed"),
    transaction(id="T-3"),
    transaction(id="T-5", tradeDate="2026-10-07"),
    transaction(id="T-6", price={}),
    transaction(id="T-7", portfolioId="P-3"),
]


def outcome(syncs: Syncs) -> list[Any]:
    """Return what a reader sees, without our keys and the times of writing."""
    return [
        syncs.query("select external_id, description, missing_since is null as here from inn8.transactions order by 1"),
        syncs.query("select record_key, reason_code, resolution from inn8.rejected_records order by 1, 3"),
        syncs.query("select entity, trade_date, status from inn8.sync_state order by 1, 2"),
    ]


def prepared(syncs: Syncs) -> Landing:
    syncs.transactions(BEFORE)
    return syncs.land(TRANSACTIONS, NOW, october(2, 10))


def kill_at(syncs: Syncs, landing: Landing, step: int) -> int | None:
    child = SERVER.Process(target=merge_until_killed, args=(syncs.url, landing, step))
    child.start()
    child.join(60)
    assert child.exitcode in (0, -signal.SIGKILL)
    return child.exitcode


@pytest.mark.slow
def test_a_merge_killed_at_any_step_leaves_the_sync_before_it_and_the_next_one_ends_as_a_clean_one(
    owned: Syncs,
) -> None:
    landing = prepared(owned)
    before, tables = outcome(owned), owned.versions()
    step = 1
    while kill_at(owned, landing, step) == -signal.SIGKILL:
        assert owned.versions() == tables
        step += 1
    assert step > 20
    assert outcome(owned) != before
    cleanly = outcome(owned)
    assert [row["external_id"] for row in cleanly[0]] == ["T-1", "T-2", "T-3", "T-5"]
    assert owned.merge(landing, may_repeat=False).counts.inserted == 0
    assert outcome(owned) == cleanly


def merge_on_a_cut_connection(syncs: Syncs, landing: Landing) -> None:
    syncs.merge_with(landing, None, OPTIONS, when_staged=lambda: cut_others(syncs))


def cut_others(syncs: Syncs) -> None:
    others = "datname = current_database() and pid <> pg_backend_pid()"
    assert syncs.query(f"select pg_terminate_backend(pid, 5000) from pg_stat_activity where {others}")


def test_a_connection_that_is_cut_in_the_middle_is_a_clear_error_and_undoes_the_merge(owned: Syncs) -> None:
    landing = prepared(owned)
    tables = owned.versions()
    with pytest.raises(DatabaseError, match="Postgres failed while merging transactions") as caught:
        merge_on_a_cut_connection(owned, landing)
    assert owned.versions() == tables
    assert owned.merge(landing).counts.inserted == 2
    assert "T-5" not in f"{caught.value}{caught.value!r}"


def test_a_connection_that_is_cut_while_pages_are_read_is_a_clear_error(
    syncs: Syncs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landed_pages, "READ_BYTES", 1)
    syncs.in_chunks = False
    landing = syncs.land(CLIENTS, [client(id=f"C-{number}") for number in range(20)], page_size=1)
    pages = stored_pages(syncs.engine, landing)
    next(pages)
    cut_others(syncs)
    with pytest.raises(DatabaseError, match="reading a landing"):
        list(pages)


def test_an_error_of_postgres_never_shows_a_value(syncs: Syncs) -> None:
    syncs.execute("alter table inn8.clients add constraint c check (name <> 'Thandi Nkosi')")
    with pytest.raises(DatabaseError) as caught:
        syncs.clients([client()])
    assert (caught.value.condition, caught.value.sqlstate) == ("CheckViolation", "23514")
    assert "Thandi" not in f"{caught.value}{caught.value!r}{caught.value.args}"
    assert caught.value.__suppress_context__


def test_a_server_that_cannot_be_reached_is_a_clear_error(tmp_path: Any) -> None:  # noqa: ANN401
    with Syncs(f"postgresql+psycopg://nobody@/none?host={tmp_path}") as unreachable, pytest.raises(DatabaseError):
        unreachable.land(CLIENTS, [])


def test_two_processes_at_the_same_entity_merge_one_after_the_other_and_the_second_says_that_it_waits(
    owned: Syncs,
) -> None:
    first = owned.land(TRANSACTIONS, BEFORE, HISTORY)
    second = owned.land(TRANSACTIONS, [*BEFORE[:1], *NOW[2:3]], HISTORY)
    holds, goes_on = SERVER.Event(), SERVER.Event()
    child = SERVER.Process(target=merge_when_allowed, args=(owned.url, first, holds, goes_on))
    child.start()
    assert holds.wait(60)
    result = owned.merge_with(second, None, OPTIONS, on_wait=goes_on.set)
    child.join(60)
    assert child.exitcode == 0
    assert goes_on.is_set()
    assert result.counts == Counts(fetched=2, retried=0, inserted=1, unchanged=1)
    assert owned.ids("transactions") == ["T-1", "T-5"]


def test_a_sync_that_waits_for_longer_than_the_bound_fails_and_says_so(owned: Syncs) -> None:
    landing = prepared(owned)
    waits: list[str] = []
    impatient = MergeOptions(TRANSFORM_VERSION, lock_seconds=0.1)

    def merge_too() -> None:
        with pytest.raises(SyncLockedError, match="Another sync of transactions") as caught:
            owned.merge_with(landing, None, impatient, on_wait=lambda: waits.append("waits"))
        assert caught.value.waited_seconds < 30

    owned.merge_with(landing, None, OPTIONS, when_staged=merge_too)
    assert waits == ["waits"]
    owned.merge_with(landing, None, impatient)


def test_another_entity_or_tenant_waits_for_nobody(owned: Syncs) -> None:
    results: list[Counts] = []
    owned.merge_with(
        prepared(owned),
        None,
        OPTIONS,
        when_staged=lambda: results.append(owned.clients([client()], lock_seconds=0.1).counts),
    )
    assert results == [Counts(fetched=1, unchanged=1)]


def test_many_syncs_at_once_end_with_the_rows_of_the_newest_fetch(owned: Syncs) -> None:
    landings = [owned.land(TRANSACTIONS, [transaction(description=f"{number}")], october(4, 6)) for number in range(4)]
    threads = [threading.Thread(target=owned.merge, args=[landing]) for landing in reversed(landings)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)
    assert owned.row("transactions", "T-1")["description"] == "3"
