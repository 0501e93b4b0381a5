"""Connections: whatever a role, a database, a URL or a server brings along, they work as needed or say why not."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime

import pytest
import sqlalchemy

from inn8_pipeline.errors import DatabaseError, SettingsError, UnreachableDatabaseError, UnsuitableDatabaseError
from inn8_pipeline.settings import Environment, read_database, read_owner_database
from inn8_pipeline.warehouse import database, database_url
from inn8_pipeline.warehouse.schema import migrations
from inn8_pipeline_tests.transform.builders import client, portfolio, transaction
from inn8_pipeline_tests.warehouse.logins import administer, new_login, url_of
from inn8_pipeline_tests.warehouse.syncs import Syncs

HOSTILE = {
    "datestyle": "'SQL, DMY'",
    "intervalstyle": "'iso_8601'",
    "timezone": "'Pacific/Kiritimati'",
    "bytea_output": "'escape'",
    "standard_conforming_strings": "off",
    "array_nulls": "off",
    "transform_null_equals": "on",
    "row_security": "off",
    "search_path": "shadows, pg_catalog",
    "default_transaction_isolation": "'serializable'",
    "client_encoding": "'LATIN1'",
    # Long enough for the statement that sets ours.
    "statement_timeout": "'20s'",
    "idle_session_timeout": "'20s'",
    "transaction_timeout": "'20s'",
}
RELIED_ON = {
    "datestyle": "ISO, YMD",
    "intervalstyle": "postgres",
    "timezone": "UTC",
    "bytea_output": "hex",
    "standard_conforming_strings": "on",
    "array_nulls": "on",
    "transform_null_equals": "off",
    "row_security": "on",
    "search_path": "pg_catalog",
    "default_transaction_isolation": "read committed",
    "client_encoding": "UTF8",
    "statement_timeout": "1h",
    "idle_session_timeout": "0",
    "transaction_timeout": "0",
}
"""The same settings as the sessions of the pipeline have them."""
SHADOWS = """
create schema if not exists shadows;
create function shadows.now() returns timestamptz language sql as $$ select timestamptz '1999-01-01' $$;
create function shadows.clock_timestamp() returns timestamptz language sql as $$ select timestamptz '1999-01-01' $$;
create function shadows.is_never(text, text) returns boolean language sql as $$ select false $$;
create operator shadows.= (leftarg = text, rightarg = text, function = shadows.is_never);
create function shadows.lower(text) returns text language sql as $$ select 'shadow' $$;
create function shadows.sha256(bytea) returns bytea language sql as $$ select ''::bytea $$;
create function shadows.left(text, int) returns text language sql as $$ select 'shadow' $$;
create function shadows.json_typeof(json) returns text language sql as $$ select 'shadow' $$;
create table shadows.pg_class as select 1 as oid;
grant usage on schema shadows to public;
"""


@pytest.fixture
def hostile_url(syncs: Syncs) -> Iterator[str]:
    """Yield the URL of a warehouse as a login whose sessions begin with settings that the pipeline cannot work with."""
    with new_login(syncs.url, "superuser") as login:
        for statement in SHADOWS.strip().split(";\n"):
            administer(syncs.url, statement)
        administer(syncs.url, *(f"alter role {login} set {name} = {value}" for name, value in HOSTILE.items()))
        yield url_of(syncs.url, login)


def test_a_sync_is_exact_whatever_settings_the_role_has(hostile_url: str, syncs: Syncs) -> None:
    with Syncs(hostile_url) as hostile:
        hostile.with_parents()
        hostile.portfolios([portfolio(), portfolio(id="P-2", name=None)])
        hostile.transactions([transaction(description="a \\ b'"), transaction(id="T-2", fees="x")])
        hostile.clients([client(fullName="Zoë Ž")])
        found = hostile.query("select " + ", ".join(f"current_setting('{name}') as {name}" for name in RELIED_ON))
        assert found == [RELIED_ON]
    assert syncs.row("clients", "C-1")["name"] == "Zoë Ž"
    stored = syncs.row("transactions", "T-1")
    assert (stored["trade_date"], stored["description"]) == (date(2026, 10, 5), "a \\ b'")
    (landing,) = syncs.query("select started_at, completed_at from inn8_raw.landings where entity = 'transactions'")
    at = [stored["created_at"], syncs.row("clients", "C-1")["updated_at"], *landing.values()]
    assert max(abs(each - datetime.now(UTC)).total_seconds() for each in at) < 600


def test_an_upgrade_works_whatever_settings_the_role_has(empty_database: str) -> None:
    with new_login(empty_database, "superuser") as login:
        administer(empty_database, *(f"alter role {login} set {name} = {value}" for name, value in HOSTILE.items()))
        with Syncs(url_of(empty_database, login)) as syncs:
            assert migrations.upgrade(syncs.engine) == migrations.SCHEMA_VERSION
            syncs.clients([client()])
            assert syncs.query("select name from inn8.client_details") == [{"name": "Thandi Nkosi"}]


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_of_another_encoding_is_refused(empty_database: str, encoding: str) -> None:
    name = f"encoded_{encoding.lower()}"
    made = f"create database {name} encoding '{encoding}' locale_provider libc locale 'C' template template0"
    administer(empty_database, f"drop database if exists {name}", made)
    url = sqlalchemy.make_url(empty_database).set(database=name).render_as_string(hide_password=False)
    try:
        with pytest.raises(UnsuitableDatabaseError, match=f"has the encoding {encoding}.*--encoding=UTF8"):
            migrations.upgrade(database.connect(url))
    finally:
        administer(empty_database, f"drop database {name}")


def test_an_old_server_is_refused(empty_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "LEAST_VERSION", 99)
    with pytest.raises(UnsuitableDatabaseError, match="Postgres 99 or newer is needed"):
        migrations.upgrade(database.connect(empty_database))


@contextmanager
def closed_port() -> Iterator[int]:
    """Yield a port of this machine on which nobody listens, held so that nobody else takes it."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def test_a_server_that_is_down_is_named_with_the_cause_and_the_variable_but_never_the_password() -> None:
    with closed_port() as port:
        url = f"postgresql://inn8:sesame@127.0.0.1:{port}/warehouse"
        engine = database.connect(url, variable="INN8_OWNER_DATABASE_URL")
        with pytest.raises(UnreachableDatabaseError) as caught, database.transaction(engine, "asking"):
            pytest.fail("a closed port answered")
    message = str(caught.value)
    assert f"Postgres at 127.0.0.1:{port} cannot be reached" in message
    assert "Connection refused" in message
    assert "INN8_OWNER_DATABASE_URL" in message
    assert "sesame" not in message + repr(caught.value) + str(caught.value.args)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_database_or_a_login_that_is_not_there_is_the_cause_in_the_message(empty_database: str) -> None:
    url = sqlalchemy.make_url(empty_database)
    for changed, cause in (
        (url.set(database="nowhere"), 'database "nowhere" does not exist'),
        (url.set(username="nobody"), 'role "nobody" does not exist'),
    ):
        engine = database.connect(changed.render_as_string(hide_password=False))
        with pytest.raises(UnreachableDatabaseError, match=cause), database.transaction(engine, "asking"):
            pytest.fail("it was there")


def test_an_error_has_the_words_of_the_server_unless_they_may_have_values(syncs: Syncs) -> None:
    syncs.execute("alter table inn8.clients add constraint c check (name <> 'Thandi Nkosi')")
    with pytest.raises(DatabaseError) as of_a_row:
        syncs.clients([client()])
    assert of_a_row.value.cause == ""
    with (
        new_login(syncs.url) as login,
        Syncs(url_of(syncs.url, login)) as stranger,
        pytest.raises(DatabaseError, match=r"42501.*permission denied for schema inn8"),
    ):
        stranger.clients([client()])


def test_several_servers_are_tried_in_their_order(warehouse_url: str) -> None:
    url = sqlalchemy.make_url(warehouse_url)
    folder = url.query["host"]
    with closed_port() as port:
        several = f"postgresql://{url.username}@/{url.database}?host=127.0.0.1,{folder}&port={port},5432"
        with Syncs(several) as syncs:
            assert syncs.clients([client()]).counts.inserted == 1


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ("prepare_threshold=0", "INN8_PREPARED_STATEMENTS"),
        ("autocommit=true", "has the parameter autocommit"),
        ("pool_size=5", "has the parameter 'pool_size'"),
        ("sslmode=require&SSLMODE=disable", "has the parameter 'SSLMODE'"),
        ("host=a:1&host=b:2", "write several servers as"),
        ("connect_timeout=%zz", "cannot be read"),
    ],
)
def test_a_parameter_that_postgres_does_not_know_is_a_settings_error(parameters: str, problem: str) -> None:
    variables = {"INN8_DATABASE_URL": f"postgresql://inn8:sesame@localhost/inn8?{parameters}"}
    with pytest.raises(SettingsError, match=problem) as caught:
        read_database(Environment(variables))
    assert "sesame" not in f"{caught.value}{caught.value!r}"
    assert str(caught.value).startswith("INN8_DATABASE_URL ")


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("postgresql://inn8:a%40b@db.example:6432/inn8?sslmode=require", "db.example:6432"),
        ("postgresql+psycopg://inn8@one:5432,two:5433/inn8?target_session_attrs=read-write", "one:5432,two:5433"),
        ("postgres://inn8@[::1]:5432,two/inn8", "::1:5432,two"),
        ("postgresql://inn8@/inn8?host=/run/postgresql", "/run/postgresql"),
        ("postgresql:///inn8", "the default server"),
    ],
)
def test_a_url_is_read_as_libpq_reads_it(url: str, server: str) -> None:
    settings = read_owner_database(Environment({"INN8_OWNER_DATABASE_URL": url, "INN8_PREPARED_STATEMENTS": "no"}))
    assert (settings.variable, settings.prepares_statements) == ("INN8_OWNER_DATABASE_URL", False)
    assert database_url.parse(settings.url, settings.variable).server == server


def test_without_prepared_statements_nothing_of_ours_outlasts_a_transaction(warehouse_url: str) -> None:
    engine = database.connect(warehouse_url, prepares_statements=False)
    lasting = "select current_setting('jit'), (select count(*) from pg_prepared_statements)"
    with engine.connect() as connection:
        for _ in range(8):
            assert connection.exec_driver_sql("select current_setting('statement_timeout')").scalar() == "1h"
            connection.commit()
        driver = database.raw(connection)
        driver.rollback()
        driver.autocommit = True
        assert driver.execute("select current_setting('statement_timeout')").fetchone() == ("0",)
        assert driver.execute(lasting).fetchone() == ("off", 0)
