"""Landings and their pages: verbatim, once each, counted when complete, and dropped when nobody needs them."""

import gc
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta

import pytest
from sqlalchemy import text

from inn8_pipeline.entities import CLIENTS, TRANSACTIONS, Entity
from inn8_pipeline.errors import ContractError, DatabaseError, LandingMissingError, SchemaVersionError
from inn8_pipeline.warehouse import locks
from inn8_pipeline.warehouse.landing import pages as landed_pages
from inn8_pipeline.warehouse.landing import retention
from inn8_pipeline.warehouse.landing.pages import stored_pages
from inn8_pipeline.warehouse.landing.retention import Pruned
from inn8_pipeline.warehouse.landing.store import newest, newest_of_days
from inn8_pipeline.warehouse.landing.writer import LandingWriter
from inn8_pipeline.warehouse.merge.results import Counts
from inn8_pipeline_tests.daemons import until
from inn8_pipeline_tests.transform.builders import body, client, transaction
from inn8_pipeline_tests.warehouse.syncs import TENANT, Syncs, Verbatim, october

ODD = b' [ {"id" : "C-1",\t"fullName":"\\u0041\xc3\xbc\xf0\x9f\x98\x80","n":1.50e+3,"id":"twice"}\n]\r\n'

OTHERS = """
    select from pg_stat_activity
     where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()
"""


def writer(syncs: Syncs, entity: Entity = CLIENTS) -> LandingWriter:
    # Whole pages: a chunk is stored only when it ends.
    return LandingWriter(syncs.engine, TENANT, entity, None, "run", in_chunks=False)


def age(syncs: Syncs, days: int) -> None:
    older = "started_at = started_at - :ago, as_of_at = as_of_at - :ago"
    syncs.execute(f"update inn8_raw.landings set {older}", ago=timedelta(days=days))
    syncs.execute("update inn8.transactions set as_of_at = as_of_at - :ago", ago=timedelta(days=days))
    syncs.execute("update inn8.rejected_records set resolved_at = resolved_at - :ago", ago=timedelta(days=days))


def ids(syncs: Syncs) -> set[int]:
    return {row["id"] for row in syncs.query("select id from inn8_raw.landings")}


def test_pages_come_back_byte_for_byte_and_in_order(syncs: Syncs) -> None:
    sent = [ODD, b"[]", body(client(id="x" * 200_000)), ODD]
    landing = syncs.land(CLIENTS, [Verbatim(page, 1) for page in sent])
    assert [page.body for page in stored_pages(syncs.engine, landing)] == sent
    assert (landing.records, landing.bytes) == (4, sum(map(len, sent)))


def test_a_page_is_kept_once_however_often_it_comes(syncs: Syncs) -> None:
    for _ in range(2):
        syncs.land(CLIENTS, [Verbatim(ODD, 1), Verbatim(ODD, 1)])
    assert syncs.query("select count(*) as n from inn8_raw.pages") == [{"n": 1}]


def test_pages_are_written_while_the_next_ones_are_fetched_and_before_the_landing_is_complete(syncs: Syncs) -> None:
    with syncs.engine.begin() as other:
        other.execute(text("lock table inn8_raw.pages in exclusive mode"))
        landing = writer(syncs)
        landing.add(body(client()), 1)
        with ThreadPoolExecutor(1) as thread:
            completing = thread.submit(landing.complete, retries=0, has_duplicates=False)
            assert not wait([completing], 0.3).done
            other.rollback()
            complete = completing.result(10)
    assert [page.body for page in stored_pages(syncs.engine, complete)] == [body(client())]


@pytest.mark.parametrize("end", ["add", "complete"])
def test_a_page_that_cannot_be_written_is_an_error_and_the_landing_is_not_complete(syncs: Syncs, end: str) -> None:
    landing = writer(syncs)
    landing.add(b'[{"id": "nul \\u0000"]', 1)  # Postgres accepts no malformed JSON
    with pytest.raises(DatabaseError, match="writing a page"):
        landing.add(b"[]", 0) if end == "add" else landing.complete(retries=0, has_duplicates=False)
    assert syncs.query("select from inn8_raw.landings where completed_at is not null") == []


def fail_after_a_page(syncs: Syncs) -> None:
    with writer(syncs) as landing:
        landing.add(body(client()), 1)
        subject, finding = "Page 2", "is wrong"
        raise ContractError(subject, finding)


def complete_and_fail(syncs: Syncs) -> None:
    with writer(syncs) as landing:
        landing.add(body(client()), 1)
        landing.complete(retries=0, has_duplicates=False)
        subject, finding = "Page 2", "is wrong"
        raise ContractError(subject, finding)


def test_an_error_after_the_landing_is_complete_is_raised_as_it_is(syncs: Syncs) -> None:
    with pytest.raises(ContractError):
        complete_and_fail(syncs)


def test_a_fetch_that_fails_does_not_wait_for_a_page_that_is_being_written(syncs: Syncs) -> None:
    with syncs.engine.begin() as other:
        other.execute(text("lock table inn8_raw.pages in exclusive mode"))
        began_at = time.monotonic()
        with pytest.raises(ContractError):
            fail_after_a_page(syncs)
    assert time.monotonic() - began_at < 10  # the wait for the lock would be 60 s


def test_a_fetch_that_broke_off_is_never_read(syncs: Syncs) -> None:
    syncs.land(CLIENTS, [client()])
    complete = newest(syncs.engine, TENANT, CLIENTS)
    broken = writer(syncs)
    broken.add(b"[]", 0)
    assert newest(syncs.engine, TENANT, CLIENTS) == complete
    assert broken.id != complete.id


def test_without_a_landing_there_is_nothing_to_rebuild_from(syncs: Syncs) -> None:
    with pytest.raises(LandingMissingError, match="Materialize raw_clients first"):
        newest(syncs.engine, TENANT, CLIENTS)
    syncs.land(TRANSACTIONS, [transaction()], october(4, 5))
    with pytest.raises(LandingMissingError, match="for 2026-10-06"):
        newest_of_days(syncs.engine, TENANT, TRANSACTIONS, october(5, 7))


def test_the_newest_landing_of_a_day_is_the_one_begun_last(syncs: Syncs) -> None:
    first = writer(syncs)
    second = syncs.land(CLIENTS, [client()])
    first.complete(retries=0, has_duplicates=False)
    assert newest(syncs.engine, TENANT, CLIENTS).id == second.id


def test_a_warehouse_of_another_version_takes_no_page(syncs: Syncs) -> None:
    syncs.execute("update inn8.schema_version set version_num = '0001'")
    with pytest.raises(SchemaVersionError):
        writer(syncs)


def test_no_erasure_comes_between_a_landing_and_what_is_written_on_its_completion(syncs: Syncs) -> None:
    def may_erase(_landing: object = None) -> None:
        with syncs.engine.begin() as connection:
            found.append(locks.try_hold(connection, locks.fetches(TENANT)))

    found: list[bool] = []
    opened = writer(syncs)
    opened.complete(retries=0, has_duplicates=False, on_complete=may_erase)
    may_erase()
    assert found == [False, True]


def others(syncs: Syncs) -> int:
    """Return the number of other clients that are connected to the database."""
    return len(syncs.query(OTHERS))


def test_a_writer_has_two_connections_and_closes_them(syncs: Syncs) -> None:
    until(lambda: others(syncs) == 0)
    opened = writer(syncs)
    for number in range(5):
        opened.add(body(number), 1)
    assert others(syncs) == 2
    opened.complete(retries=0, has_duplicates=False)
    left = writer(syncs)
    del left
    gc.collect()
    until(lambda: others(syncs) == 0)


def test_pages_are_read_ahead_but_only_a_few(syncs: Syncs, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    monkeypatch.setattr(landed_pages, "READ_BYTES", 1)
    plain = landed_pages._read  # noqa: SLF001 (how far it was read is what is tested)

    def counting(*arguments: object) -> object:
        for page in plain(*arguments):  # type: ignore[arg-type]
            read.append(1)
            yield page

    monkeypatch.setattr(landed_pages, "_read", counting)
    landing = syncs.land(CLIENTS, [Verbatim(body(number), 1) for number in range(20)])
    pages = stored_pages(syncs.engine, landing)
    assert next(pages).body == b"[0]"
    assert 1 <= len(read) <= 1 + landed_pages.READS_AHEAD
    assert len(list(pages)) == 19


def test_leaving_the_pages_early_ends_the_reading(syncs: Syncs) -> None:
    landing = syncs.land(CLIENTS, [Verbatim(body(number), 1) for number in range(20)])
    pages = stored_pages(syncs.engine, landing)
    next(pages)
    pages.close()  # type: ignore[attr-defined]
    assert not [each for each in threading.enumerate() if each.name.startswith("prefetch")]
    until(lambda: others(syncs) == 0)


def test_a_page_that_is_gone_is_an_error_that_names_the_landing(syncs: Syncs) -> None:
    landing = syncs.land(CLIENTS, [client()])
    syncs.execute("delete from inn8_raw.pages")
    with pytest.raises(LandingMissingError, match=f"landing {landing.id}"):
        list(stored_pages(syncs.engine, landing))


def test_retention_keeps_what_is_recent_merged_last_or_confirmed_last(syncs: Syncs) -> None:
    syncs.clients([client(fullName="oldest")])
    syncs.clients([client()])
    merged = newest(syncs.engine, TENANT, CLIENTS)
    syncs.clients([client()])
    syncs.clients([client()])
    confirming = newest(syncs.engine, TENANT, CLIENTS)
    age(syncs, 60)
    pruned = retention.prune(syncs.engine, TENANT, landing_days=30, reject_days=30)
    assert pruned == Pruned(landings=2, broken_landings=0, pages=1, rejects=0, are_pages_held=False)
    assert ids(syncs) == {merged.id, confirming.id}
    assert syncs.merge(confirming, may_repeat=False).counts.unchanged == 1


def test_after_retention_a_day_can_still_be_rebuilt_from_its_newest_fetch(owned: Syncs) -> None:
    owned.transactions([transaction()], october(5))
    assert owned.transactions([transaction()], october(5)).is_repeat
    owned.transactions([transaction(id="T-2", tradeDate="2026-10-06")], october(6))
    age(owned, 60)
    retention.prune(owned.engine, TENANT, landing_days=30, reject_days=30)
    ((landing, days),) = newest_of_days(owned.engine, TENANT, TRANSACTIONS, october(5))
    assert owned.merge(landing, days, may_repeat=False).counts == Counts(fetched=1, unchanged=1)


def test_retention_drops_nothing_that_is_recent(syncs: Syncs) -> None:
    syncs.clients([client(fullName="oldest")])
    syncs.clients([client()])
    before = syncs.versions("inn8_raw")
    assert retention.prune(syncs.engine, TENANT, landing_days=30, reject_days=30).landings == 0
    assert syncs.versions("inn8_raw") == before


def test_retention_drops_rejects_resolved_long_ago_and_no_open_one(syncs: Syncs) -> None:
    syncs.clients([client(fullName=1), client(id="C-2", fullName=1)])
    syncs.clients([client(), client(id="C-2", fullName=1)])
    assert retention.prune(syncs.engine, TENANT, landing_days=30, reject_days=30).rejects == 0
    age(syncs, 60)
    assert retention.prune(syncs.engine, TENANT, landing_days=30, reject_days=30).rejects == 1
    assert syncs.reject()["external_id"] == "C-2"


def test_retention_leaves_the_pages_that_a_fetch_under_way_counts_on(syncs: Syncs) -> None:
    syncs.land(CLIENTS, [client()])
    syncs.land(CLIENTS, [client(id="C-2")])
    age(syncs, 60)
    fetching = writer(syncs)
    fetching.add(body(client()), 1)
    assert retention.prune(syncs.engine, TENANT, landing_days=30, reject_days=30).are_pages_held
    landing = fetching.complete(retries=0, has_duplicates=False)
    assert [page.body for page in stored_pages(syncs.engine, landing)] == [body(client())]


def test_a_fetch_that_broke_off_yesterday_holds_no_page(syncs: Syncs) -> None:
    broken = writer(syncs)
    broken.add(body(client()), 1)
    age(syncs, 2)
    pruned = retention.prune(syncs.engine, TENANT, landing_days=30, reject_days=30)
    assert pruned == Pruned(landings=0, broken_landings=1, pages=1, rejects=0, are_pages_held=False)
    with pytest.raises(LandingMissingError, match="pruned before it was complete"):
        broken.complete(retries=0, has_duplicates=False)


def test_a_fetch_that_failed_just_now_holds_no_page(syncs: Syncs) -> None:
    failed = writer(syncs)
    failed.add(body(client()), 1)
    del failed
    gc.collect()
    until(lambda: others(syncs) == 0)
    pruned = retention.prune(syncs.engine, TENANT, landing_days=30, reject_days=30)
    assert pruned == Pruned(landings=0, broken_landings=1, pages=1, rejects=0, are_pages_held=False)


def test_a_fetch_that_failed_is_pruned_when_the_last_other_fetch_has_ended(syncs: Syncs) -> None:
    failed = writer(syncs)
    failed.add(body(client()), 1)
    del failed
    gc.collect()
    fetching = writer(syncs, TRANSACTIONS)
    assert retention.prune(syncs.engine, TENANT, landing_days=30, reject_days=30).are_pages_held
    fetching.complete(retries=0, has_duplicates=False)
    assert retention.prune(syncs.engine, TENANT, landing_days=30, reject_days=30).pages == 1


def test_no_landing_is_opened_while_pages_are_dropped(syncs: Syncs) -> None:
    with syncs.engine.begin() as pruning:
        landed_pages.hold_pages(pruning, TENANT, for_pruning=True)
        waiting = threading.Thread(target=writer, args=[syncs])
        waiting.start()
        waiting.join(0.5)
        assert waiting.is_alive()
    waiting.join(10)
    assert not waiting.is_alive()


def test_retention_knows_one_tenant_only(syncs: Syncs) -> None:
    LandingWriter(syncs.engine, "t2", CLIENTS, None, "run").complete(retries=0, has_duplicates=False)
    age(syncs, 60)
    assert retention.prune(syncs.engine, TENANT, landing_days=1, reject_days=1).landings == 0
    assert len(ids(syncs)) == 1
