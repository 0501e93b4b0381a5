"""PgBouncer between the pipeline and Postgres: its mode is found, and session and transaction mode work."""

import threading

import pytest

from inn8_pipeline.entities import CLIENTS
from inn8_pipeline.errors import DatabaseError, PoolerError
from inn8_pipeline.transform.redaction import redact
from inn8_pipeline.warehouse import database
from inn8_pipeline.warehouse.circuit_store import PostgresCircuits
from inn8_pipeline.warehouse.erasure import erase
from inn8_pipeline.warehouse.erasure.data_subject import DataSubject
from inn8_pipeline.warehouse.merge.absence.deletions import RemovalLimit
from inn8_pipeline.warehouse.poolers import Pooling, check_pooling, check_session, found_pooling
from inn8_pipeline.warehouse.queries import health, tables
from inn8_pipeline.warehouse.schema import migrations
from inn8_pipeline_tests.transform.builders import client, portfolio, transaction
from inn8_pipeline_tests.warehouse.poolers import NEEDED, pooled
from inn8_pipeline_tests.warehouse.syncs import HISTORY, TENANT, Syncs, many

pytestmark = NEEDED
MODES = pytest.mark.parametrize(("mode", "prepares"), [("session", True), ("session", False), ("transaction", False)])


@MODES
def test_everything_works_through_a_pooler(empty_database: str, mode: str, prepares: bool) -> None:  # noqa: FBT001
    with pooled(empty_database, mode) as url, Syncs(url) as syncs:
        syncs.engine = database.connect(url, prepares_statements=prepares)
        assert migrations.upgrade(syncs.engine) == migrations.SCHEMA_VERSION
        syncs.with_parents()
        for number in range(8):
            changed, invalid = transaction(description=f"{number}"), transaction(id="T-2", fees="x")
            assert syncs.transactions([changed, *many(transaction, 50), invalid]).counts.rejected == 1
        assert (
            syncs.transactions([transaction(id="X-001")], removal_limit=RemovalLimit(is_overridden=True)).missing == 50
        )
        with PostgresCircuits(syncs.engine, TENANT) as circuits:
            for _ in range(9):
                assert not circuits.admit("/clients", 1)
                circuits.failed("/clients", "answered 503", is_trial=False)
                circuits.succeeded("/clients", is_trial=False)


@MODES
def test_a_client_is_found_and_erased_through_a_pooler(syncs: Syncs, mode: str, prepares: bool) -> None:  # noqa: FBT001
    syncs.with_parents().transactions([transaction()])
    syncs.portfolios([portfolio(id="P-2", clientId="C-2")])
    syncs.clients([client(id="C-2")])
    subject = DataSubject(TENANT, "C-1")
    with pooled(syncs.url, mode) as url:
        engine = database.connect(url, prepares_statements=prepares)
        for _ in range(8):
            assert erase.look(engine, subject, redact).rows["clients"] == 1
        assert erase.erase(engine, subject, redact, may_be_sent=True).rows["transactions"] == 1
    assert syncs.ids("clients") == ["C-2"]


@MODES
def test_checks_and_queries_read_one_state_through_a_pooler(owned: Syncs, mode: str, prepares: bool) -> None:  # noqa: FBT001
    with pooled(owned.url, mode) as url:
        engine = database.connect(url, prepares_statements=prepares)
        for _ in range(8):
            assert health.examine(engine, TENANT, CLIENTS, HISTORY).open_rejects == {}
            with tables.reading(engine, "looking") as connection:
                mode_of = "select current_setting('transaction_isolation'), current_setting('transaction_read_only')"
                assert database.raw(connection).execute(mode_of).fetchone() == ("repeatable read", "on")
                assert tables.has_merged(connection, TENANT, CLIENTS)


@pytest.mark.parametrize("mode", Pooling)
@pytest.mark.parametrize("prepares", [True, False])
def test_the_mode_of_a_pooler_is_found(empty_database: str, mode: Pooling, prepares: bool) -> None:  # noqa: FBT001
    with pooled(empty_database, mode) as url:
        assert found_pooling(database.connect(url, prepares_statements=prepares)) is mode


def test_a_direct_connection_is_not_taken_for_a_pooler(empty_database: str) -> None:
    assert found_pooling(database.connect(empty_database)) is Pooling.SESSION


def test_transaction_mode_is_found_while_others_use_the_pooler(empty_database: str) -> None:
    with pooled(empty_database, "transaction") as url:
        engine, has_ended = database.connect(url, prepares_statements=False), threading.Event()

        def use() -> None:
            while not has_ended.is_set():
                with database.transaction(engine, "using the pooler") as connection:
                    database.raw(connection).execute("select pg_sleep(0.002)")

        others = [threading.Thread(target=use) for _ in range(3)]
        for each in others:
            each.start()
        try:
            assert {found_pooling(engine) for _ in range(5)} == {Pooling.TRANSACTION}
        finally:
            has_ended.set()
            for each in others:
                each.join()


def test_what_a_pooler_needs_is_said_and_a_pooler_that_has_it_is_accepted(empty_database: str) -> None:
    with pooled(empty_database, "transaction") as url:
        engine = database.connect(url)
        with pytest.raises(PoolerError, match=r"^INN8_X .*transaction mode.*Set INN8_PREPARED_STATEMENTS="):
            check_pooling(engine, "INN8_X", prepares_statements=True)
        assert check_pooling(engine, "INN8_X", prepares_statements=False) is Pooling.TRANSACTION
        with pytest.raises(PoolerError, match=r"notifications.*Let the URL name the server itself"):
            check_session(engine, "DAGSTER_POSTGRES_URL")


@pytest.mark.parametrize("prepares", [True, False])
def test_statement_mode_works_with_no_setting(empty_database: str, prepares: bool) -> None:  # noqa: FBT001
    with pooled(empty_database, "statement") as url:
        engine = database.connect(url, prepares_statements=prepares)
        with pytest.raises(PoolerError, match=r"statement mode, which allows no transactions.*Let the URL name"):
            check_pooling(engine, "INN8_DATABASE_URL", prepares_statements=prepares)
        with (
            pytest.raises(DatabaseError, match="not allowed in statement pooling mode"),
            database.transaction(engine, "reading"),
        ):
            pytest.fail("a transaction began")
