"""A first load adds foreign keys and secondary indexes after its rows. What they guarantee holds at each moment."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from inn8_pipeline.errors import DatabaseError
from inn8_pipeline.warehouse.merge.context import MergeContext
from inn8_pipeline.warehouse.merge.rows import first_load, upsert
from inn8_pipeline.warehouse.schema import access
from inn8_pipeline_tests.daemons import until
from inn8_pipeline_tests.transform.builders import transaction
from inn8_pipeline_tests.warehouse.logins import administer, new_login, url_of
from inn8_pipeline_tests.warehouse.syncs import Row, Syncs

TRANSACTIONS = [transaction(id=f"T-{number}") for number in range(20)]
SCHEMA = """
  select conname as name, pg_get_constraintdef(oid) as definition, convalidated as is_valid
    from pg_constraint where connamespace = 'inn8'::regnamespace
   union all
  select c.relname, pg_get_indexdef(i.indexrelid), i.indisvalid
    from pg_index i join pg_class c on c.oid = i.indexrelid where c.relnamespace = 'inn8'::regnamespace
   order by 1, 2
"""
KEYS = """
  select count(*) as keys from pg_catalog.pg_constraint where conrelid = 'inn8.transactions'::regclass and contype = 'f'
"""
INDEXES = "select count(*) as indexes from pg_catalog.pg_index where indrelid = 'inn8.transactions'::regclass"
LOCKED_ALONE = """
  select count(*) from pg_locks
   where mode = 'AccessExclusiveLock' and relation = 'inn8.portfolios'::regclass and pid = pg_backend_pid()
"""
WAITING = """
  select count(*) as waiting from pg_locks
   where not granted and database = (select oid from pg_database where datname = current_database())
"""


@pytest.fixture(autouse=True)
def few_records(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_load, "MINIMUM_RECORDS", len(TRANSACTIONS))


@pytest.fixture
def parents(syncs: Syncs) -> Syncs:
    return syncs.with_parents()


@pytest.fixture
def when_inserted(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[MergeContext], object]]:
    """Functions that are called in each merge once its rows are inserted."""
    calls: list[Callable[[MergeContext], object]] = []
    merge_rows = upsert.merge_rows

    def merge_and_call(context: MergeContext) -> object:
        written = merge_rows(context)
        for call in calls:
            call(context)
        return written

    monkeypatch.setattr(upsert, "merge_rows", merge_and_call)
    return calls


@pytest.fixture
def seen(when_inserted: list[Callable[[MergeContext], object]]) -> list[tuple[int, int]]:
    """Note the numbers of foreign keys and indexes of the transactions in each merge, once its rows are inserted."""
    found: list[tuple[int, int]] = []

    def look(context: MergeContext) -> None:
        ((keys,),) = context.connection.execute(text(KEYS)).all()
        ((indexes,),) = context.connection.execute(text(INDEXES)).all()
        found.append((keys, indexes))

    when_inserted.append(look)
    return found


WHOLE = (2, 5)
ONLY_UNIQUE = (0, 2)


def test_the_schema_is_the_same_after_a_first_load(parents: Syncs, seen: list[tuple[int, int]]) -> None:
    before = parents.query(SCHEMA)
    assert parents.transactions(TRANSACTIONS).counts.inserted == len(TRANSACTIONS)
    assert seen == [ONLY_UNIQUE]
    assert parents.query(SCHEMA) == before


def test_only_a_first_load_of_many_records_is_loaded_so(parents: Syncs, seen: list[tuple[int, int]]) -> None:
    parents.transactions(TRANSACTIONS[1:])
    parents.transactions(TRANSACTIONS)
    assert seen == [WHOLE, WHOLE]


def test_readers_do_not_wait_for_a_later_load(
    parents: Syncs, when_inserted: list[Callable[[MergeContext], object]]
) -> None:
    parents.transactions(TRANSACTIONS)
    locked: list[int] = []
    when_inserted.append(lambda context: locked.append(context.connection.scalar(text(LOCKED_ALONE)) or 0))
    parents.transactions([*TRANSACTIONS, transaction(id="T-more")])
    assert locked == [0]


def test_a_first_load_that_fails_leaves_the_schema_as_it_was(
    parents: Syncs, when_inserted: list[Callable[[MergeContext], object]]
) -> None:
    before = parents.query(SCHEMA)
    when_inserted.append(lambda context: context.connection.execute(text("select 1 / 0")))
    with pytest.raises(DatabaseError):
        parents.transactions(TRANSACTIONS)
    assert parents.query(SCHEMA) == before
    assert parents.rows("transactions") == []


@pytest.mark.parametrize("column", ["portfolio_id", "security_id"])
def test_a_row_without_its_parent_fails_a_first_load(
    parents: Syncs, when_inserted: list[Callable[[MergeContext], object]], column: str
) -> None:
    orphan = text(f"update inn8.transactions set {column} = 0 where external_id = 'T-7'")
    when_inserted.append(lambda context: context.connection.execute(orphan))
    with pytest.raises(DatabaseError, match="ForeignKeyViolation"):
        parents.transactions(TRANSACTIONS)
    assert parents.rows("transactions") == []


ORPHAN = """
  insert into inn8.transactions
         (tenant_id, external_id, portfolio_id, transaction_type, trade_date, as_of_at, valid_from)
  select 't1', 'T-other', id + 1000, 'buy', current_date, now(), now() from inn8.portfolios
"""


@pytest.mark.parametrize("statement", ["delete from inn8.portfolios", ORPHAN])
def test_who_breaks_a_foreign_key_meanwhile_waits_and_is_refused(
    parents: Syncs, when_inserted: list[Callable[[MergeContext], object]], statement: str
) -> None:
    with ThreadPoolExecutor(1) as other:
        refused: list[Future[int]] = []

        def write(_context: MergeContext) -> None:
            refused.append(other.submit(parents.execute, statement))
            until(lambda: parents.query(WAITING)[0]["waiting"])

        when_inserted.append(write)
        parents.transactions(TRANSACTIONS)
        with pytest.raises(IntegrityError, match="ForeignKeyViolation"):
            refused[0].result()
    assert len(parents.rows("transactions")) == len(TRANSACTIONS)


@contextmanager
def reading(syncs: Syncs, table: str) -> Iterator[list[Row]]:
    """Keep a transaction open that has read the table."""
    with syncs.engine.connect() as connection:
        yield [dict(row) for row in connection.execute(text(f"select * from inn8.{table}")).mappings()]


@pytest.mark.parametrize("table", ["transactions", "portfolios", "securities"])
def test_a_first_load_beside_a_long_query_keeps_its_foreign_keys(
    parents: Syncs, seen: list[tuple[int, int]], table: str
) -> None:
    with reading(parents, table):
        assert parents.transactions(TRANSACTIONS).counts.inserted == len(TRANSACTIONS)
    assert seen == [WHOLE]


def test_a_login_that_does_not_own_the_tables_keeps_the_foreign_keys(
    parents: Syncs, seen: list[tuple[int, int]]
) -> None:
    with new_login(parents.url) as login:
        access.grant_writer(parents.engine, login)
        with Syncs(url_of(parents.url, login)) as writer:
            assert writer.transactions(TRANSACTIONS).counts.inserted == len(TRANSACTIONS)
    assert seen == [WHOLE]


def test_the_owner_of_the_tables_who_is_no_superuser_loads_so(parents: Syncs, seen: list[tuple[int, int]]) -> None:
    before = parents.query(SCHEMA)
    with new_login(parents.url) as login:
        administer(parents.url, f"grant inn8_owner to {login}")
        with Syncs(url_of(parents.url, login)) as owner:
            assert owner.transactions(TRANSACTIONS).counts.inserted == len(TRANSACTIONS)
    assert seen == [ONLY_UNIQUE]
    assert parents.query(SCHEMA) == before
