"""Locks that only the pipeline can take, and the lock around work that may be requested twice."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import psycopg
import pytest
from psycopg.sql import SQL
from sqlalchemy import Engine

from inn8_pipeline.entities import CLIENTS
from inn8_pipeline.errors import DatabaseError, SyncLockedError
from inn8_pipeline.warehouse import locks
from inn8_pipeline.warehouse.database import connect, execute
from inn8_pipeline.warehouse.landing.writer import LandingWriter
from inn8_pipeline.warehouse.schema import access, migrations
from inn8_pipeline_tests.daemons import until
from inn8_pipeline_tests.transform.builders import client
from inn8_pipeline_tests.warehouse.logins import Session, administer, new_login, session
from inn8_pipeline_tests.warehouse.syncs import TENANT, Syncs

LOCK = locks.Lock("", "a step")
HOLDER = """
import sys, time
from inn8_pipeline.warehouse import locks
from inn8_pipeline.warehouse.database import connect, execute
with locks.alone(connect(sys.argv[1]), locks.Lock("", "a step")) as attempt:
    print(attempt.is_taken, flush=True)
    time.sleep(600)
"""
BUSY_HOLDER = """
import sys
from psycopg.sql import SQL
from inn8_pipeline.warehouse import locks
from inn8_pipeline.warehouse.database import connect, execute
with connect(sys.argv[1]).begin() as connection:
    print(locks.try_hold(connection, locks.Lock("", "a step")), flush=True)
    execute(connection, SQL("select pg_sleep(600)"))
"""
WAITING = "select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
FORMER_KEYS = (f"inn8 {TENANT} clients", f"inn8 fetches of {TENANT}", f"inn8 pages {TENANT}", "inn8 schema")


def test_only_the_first_caller_has_the_lock_until_it_leaves_the_context(warehouse_url: str) -> None:
    engine = connect(warehouse_url)
    other = locks.Lock("", "another")
    with locks.alone(engine, LOCK) as first, locks.alone(engine, LOCK) as second, locks.alone(engine, other) as third:
        assert (first.is_taken, second.is_taken, third.is_taken) == (True, False, True)
    with locks.alone(engine, LOCK) as later:
        assert later.is_taken


def test_the_lock_of_a_step_leaves_no_row_behind(syncs: Syncs) -> None:
    with locks.alone(syncs.engine, LOCK):
        assert len(syncs.query("select from inn8.locks")) == 1
    assert syncs.query("select from inn8.locks") == []


def test_a_lock_is_lost_once_its_connection_has_broken_whether_another_session_has_taken_it_or_not(
    syncs: Syncs,
) -> None:
    with locks.alone(syncs.engine, LOCK) as attempt:
        assert not attempt.is_lost()
        break_the_connection_of(syncs)
        assert attempt.is_lost()
        with locks.alone(syncs.engine, LOCK) as other:
            assert other.is_taken
            assert attempt.is_lost()
            assert not other.is_lost()


def break_the_connection_of(syncs: Syncs) -> None:
    """End the session that holds the lock, as Postgres does when the machine of its client is gone."""
    syncs.query("""
        select pg_terminate_backend(pid, 5000) from pg_stat_activity
         where datname = current_database() and state = 'idle in transaction' and pid <> pg_backend_pid()
    """)


@pytest.mark.parametrize("program", [HOLDER, BUSY_HOLDER], ids=["idle", "in a statement"])
def test_a_lock_is_released_when_its_process_is_killed(warehouse_url: str, program: str) -> None:
    """By default Postgres would notice it at the end of the statement, for which a merge may take an hour."""
    engine = connect(warehouse_url)
    with subprocess.Popen([sys.executable, "-c", program, warehouse_url], stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "True\n"
            assert not is_free(engine)
        finally:
            holder.kill()
    until(lambda: is_free(engine))


def is_free(engine: Engine) -> bool:
    with locks.alone(engine, LOCK) as attempt:
        return attempt.is_taken


def test_work_that_takes_a_lock_in_an_empty_database_is_done_and_fails_with_its_own_error(empty_database: str) -> None:
    with locks.alone(connect(empty_database), LOCK) as attempt:
        assert attempt.is_taken


def test_many_processes_that_take_a_new_lock_at_once_take_it_one_after_the_other(syncs: Syncs) -> None:
    holders: list[int] = []
    most = 0

    def take(number: int) -> None:
        nonlocal most
        with syncs.engine.begin() as connection:
            locks.take(connection, locks.entity(TENANT, "fees"), "fees", 30)
            holders.append(number)
            most = max(most, len(holders))
            holders.remove(number)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(take, range(40)))
    assert most == 1


def test_a_session_that_waits_for_the_fetches_is_not_overtaken_by_new_ones(syncs: Syncs) -> None:
    """Row locks are no queue: without the entrance, fetches that overlap keep an erasure waiting for ever."""
    first = locks.SharedLock(syncs.engine, locks.fetches(TENANT))
    waits, has_it = threading.Event(), threading.Event()

    def erase() -> None:
        with syncs.engine.begin() as connection:
            locks.take_all(connection, TENANT, 30)
            has_it.set()

    def fetch() -> bool:
        waits.set()
        second = locks.SharedLock(syncs.engine, locks.fetches(TENANT))
        was_first = not has_it.is_set()
        second.close()
        return was_first

    with ThreadPoolExecutor(2) as threads:
        erasing = threads.submit(erase)
        until(lambda: len(syncs.query(WAITING)) == 1)
        fetching = threads.submit(fetch)
        assert waits.wait(30)
        until(lambda: len(syncs.query(WAITING)) == 2)
        first.close()
        erasing.result()
        assert not fetching.result()


def test_a_merge_that_waits_for_too_long_says_what_it_waited_for(syncs: Syncs) -> None:
    landing = syncs.land(CLIENTS, [client()])
    with syncs.engine.begin() as connection:
        locks.hold(connection, locks.entity(TENANT, "clients"))
        with pytest.raises(SyncLockedError, match="Another sync of clients"):
            syncs.merge(landing, lock_seconds=0.1)
    assert syncs.merge(landing).counts.inserted == 1


@pytest.mark.parametrize("prepares_statements", [True, False], ids=["session", "transaction"])
def test_a_transaction_that_has_waited_for_a_lock_waits_for_the_next_one_no_longer_than_any_other(
    syncs: Syncs, *, prepares_statements: bool
) -> None:
    """The second kind of connection is for a pooler: the settings are those of the transaction."""
    engine = connect(syncs.url, prepares_statements=prepares_statements)
    lock = locks.entity(TENANT, "clients")
    with ExitStack() as holding, engine.begin() as waiting:
        holder = holding.enter_context(syncs.engine.begin())
        locks.hold(holder, lock)
        locks.take(waiting, lock, "clients", 30, on_wait=holding.close)
        assert execute(waiting, SQL("show lock_timeout")).fetchone() == {"lock_timeout": "1min"}


def test_a_fetch_whose_lock_was_lost_does_not_count(syncs: Syncs) -> None:
    writer = LandingWriter(syncs.engine, TENANT, CLIENTS, None, "run")
    writer.add(b"[]", 0)
    with psycopg.connect(str(syncs.engine.url.render_as_string(hide_password=False)).replace("+psycopg", "")) as admin:
        admin.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
            " where datname = current_database() and state = 'idle in transaction' and pid <> pg_backend_pid()"
        )
    with pytest.raises(DatabaseError, match="holding a lock"):
        writer.complete(retries=0, has_duplicates=False)
    assert syncs.query("select from inn8_raw.landings where completed_at is not null") == []


def test_a_fetch_outlives_the_bound_on_idle_transactions(syncs: Syncs, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lock's connection is in a transaction and sends nothing for as long as the fetch lasts."""
    monkeypatch.setitem(connect.__globals__["_SESSION"], "idle_in_transaction_session_timeout", "500ms")
    writer = LandingWriter(syncs.engine, TENANT, CLIENTS, None, "run")
    writer.add(b"[]", 0)
    syncs.query("select pg_sleep(1)")
    writer.complete(retries=0, has_duplicates=False)


@pytest.fixture
def reader(syncs: Syncs) -> Iterator[Session]:
    with new_login(syncs.url) as login:
        access.grant_reader(syncs.engine, login, TENANT)
        with session(syncs.url, login) as opened:
            yield opened


@pytest.mark.parametrize(
    "statement",
    [
        "select * from inn8.locks",
        "select * from inn8.locks for update",
        "select * from inn8.locks for key share",
        "insert into inn8.locks values ('t1', 'fetches')",
        "update inn8.locks set name = name",
        "delete from inn8.locks",
        "lock table inn8.locks in access share mode",
        "lock table inn8.locks in access exclusive mode",
        "lock table inn8.schema_version in access exclusive mode",
        "lock table inn8.client_details in share mode",
        "select * from inn8.client_details for share",
        "comment on schema inn8 is 'held'",
    ],
)
def test_a_reader_can_take_none_of_the_locks(syncs: Syncs, reader: Session, statement: str) -> None:
    syncs.clients([client()])
    assert reader.refuses(statement)


def test_a_sync_and_an_upgrade_run_while_a_reader_holds_every_lock_that_it_can(syncs: Syncs, reader: Session) -> None:
    syncs.with_parents()
    reader.rows("select * from inn8.client_details")
    reader.connection.autocommit = False
    for key in FORMER_KEYS:
        reader.rows("select pg_advisory_lock(hashtextextended(%s, 0))", key)
    for row in syncs.query("select tenant_id, name from inn8.locks"):
        reader.rows("select pg_advisory_lock(hashtextextended(%s, 0))", f"{row['tenant_id']} {row['name']}")
    reader.rows("select * from inn8.client_details")
    assert syncs.clients([client(), client(id="C-2")], lock_seconds=0.1).counts.inserted == 1
    with syncs.engine.begin() as connection:
        locks.take_all(connection, TENANT, 0.1)
    reader.connection.rollback()
    for key in FORMER_KEYS:
        reader.rows("select pg_advisory_lock(hashtextextended(%s, 0))", key)
    assert migrations.upgrade(syncs.engine) == migrations.SCHEMA_VERSION


def test_the_raw_views_ignore_functions_that_shadow_those_of_postgres(syncs: Syncs, reader: Session) -> None:
    syncs.with_parents()
    shown = "select inn8_raw.property(record, 'FULLNAME') #>> array[]::text[] as name from inn8_raw.clients"
    expected = reader.rows(shown)
    administer(
        syncs.url,
        "create schema shadow",
        "grant usage on schema shadow to public",
        "create function shadow.lower(text) returns text immutable language sql as $$ select 'x' || random() $$",
    )
    reader.connection.execute("set search_path = shadow, pg_catalog")
    assert reader.rows(shown) == expected == [{"name": "Thandi Nkosi"}]
