"""A login that owns its database and is no superuser can upgrade, or gets what an administrator must run once.

Each test has a server of its own, on which the roles were never created.
"""

import json
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import psycopg
import pytest
import sqlalchemy

from inn8_pipeline.errors import MissingRolesError
from inn8_pipeline.sandbox.postgres.embedded import EmbeddedPostgres
from inn8_pipeline.warehouse import database
from inn8_pipeline.warehouse.schema import access, migrations
from inn8_pipeline_tests import folders
from inn8_pipeline_tests.cli.conftest import Terminal
from inn8_pipeline_tests.transform.builders import client, transaction
from inn8_pipeline_tests.warehouse.logins import administer, make_login, session, url_of
from inn8_pipeline_tests.warehouse.schema.test_upgrade import DUMP
from inn8_pipeline_tests.warehouse.syncs import TENANT, Syncs

VIEW = "select external_id from inn8.client_details"


@pytest.fixture
def server() -> Iterator[EmbeddedPostgres]:
    """Yield a server on which the roles were never created."""
    with folders.temporary("inn8-roles-") as folder, EmbeddedPostgres(folder / "postgres", durable=False) as started:
        yield started


def database_of(server: EmbeddedPostgres, login: str, name: str) -> str:
    """Return the URL of a database that the login owns, as that login."""
    url = server.url(name)
    administer(url, f"alter database {name} owner to {login}")
    return url_of(url, login)


def upgraded(url: str) -> str:
    return migrations.upgrade(database.connect(url))


def objects_of(url: str) -> list[str]:
    """Return everything that an upgrade could have created: roles, grants and schemas."""
    engine = sqlalchemy.create_engine(url)
    query = """
    select rolname::text from pg_roles
     union all select roleid::regrole || ' to ' || member::regrole from pg_auth_members
     union all select nspname from pg_namespace where nspname like 'inn8%' order by 1
    """
    with engine.connect() as connection:
        found = list(connection.scalars(sqlalchemy.text(query)))
    engine.dispose()
    return found


def printed(url: str) -> list[str]:
    """Return the statements that the command prints for the administrator."""
    answer = Terminal({"INN8_DATABASE_URL": url}).ask("db", "upgrade", "--sql-for-admin")
    assert (answer.exit_code, answer.stderr) == (0, "")
    return answer.stdout.splitlines()


def check_that_rights_can_be_given(url: str, reader: str, writer: str) -> None:
    """Check that the owner of the upgraded database lets others read and write, each only what it may."""
    with Syncs(url) as syncs:
        syncs.clients([client()])
        access.grant_reader(syncs.engine, reader, TENANT)
        access.grant_writer(syncs.engine, writer)
        with Syncs(url_of(url, writer)) as writing:
            assert writing.with_parents().transactions([transaction(id="T-new")]).counts.inserted == 1
        with session(url, reader) as reading:
            assert {"external_id": "C-1"} in reading.rows(VIEW)
            assert {"external_id": "T-new"} in reading.rows("select external_id from inn8.transaction_details")
            assert {"external_id": "C-1"} in reading.rows("select external_id from inn8.clients_as_of(now())")
            assert reading.refuses("select * from inn8.clients")
            access.revoke_reader(syncs.engine, reader, None)
            assert reading.refuses(VIEW)


def test_an_owner_that_may_create_roles_upgrades_and_lets_others_read_and_write(server: EmbeddedPostgres) -> None:
    superuser = server.url("postgres")
    url = database_of(server, make_login(superuser, "createrole"), "one")
    assert printed(url) == ["-- Nothing is needed: this login can run `inn8 db upgrade`."]
    assert upgraded(url) == migrations.SCHEMA_VERSION
    check_that_rights_can_be_given(url, make_login(superuser), make_login(superuser))
    assert upgraded(url) == migrations.SCHEMA_VERSION


@pytest.mark.parametrize("administrator", ["superuser", "createrole"])
def test_an_owner_that_may_not_create_roles_upgrades_after_the_printed_statements(
    server: EmbeddedPostgres, administrator: str
) -> None:
    superuser = server.url("postgres")
    url = database_of(server, make_login(superuser), "one")
    before = objects_of(superuser), objects_of(url)
    refused = Terminal({"INN8_DATABASE_URL": url}).ask("db", "upgrade")
    statements = printed(url)
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert all(f"\n  {each}\n" in refused.stderr for each in statements)
    assert (objects_of(superuser), objects_of(url)) == before
    administer(url_of(superuser, make_login(superuser, administrator)), *statements)
    assert printed(url) == ["-- Nothing is needed: this login can run `inn8 db upgrade`."]
    answer = Terminal({"INN8_DATABASE_URL": url}).ask("db", "upgrade", "--json")
    assert json.loads(answer.stdout) == {"schema_version": migrations.SCHEMA_VERSION, "before": None}
    check_that_rights_can_be_given(url, make_login(superuser), make_login(superuser))


@pytest.mark.parametrize("attribute", ["createrole", ""])
def test_an_owner_of_a_second_database_gets_the_statement_that_the_first_owner_cannot_run_for_it(
    server: EmbeddedPostgres, attribute: str
) -> None:
    superuser = server.url("postgres")
    upgraded(database_of(server, make_login(superuser, "createrole"), "one"))
    second = make_login(superuser, attribute)
    url = database_of(server, second, "two")
    with pytest.raises(MissingRolesError) as refused:
        upgraded(url)
    assert refused.value.statements == (f'grant "inn8_owner" to "{second}" with inherit true, set true',)
    administer(superuser, *refused.value.statements)
    assert upgraded(url) == migrations.SCHEMA_VERSION
    check_that_rights_can_be_given(url, make_login(superuser), make_login(superuser))


def test_another_login_that_upgrades_an_existing_warehouse_gets_the_statement_that_it_lacks(
    server: EmbeddedPostgres,
) -> None:
    superuser = server.url("postgres")
    upgraded(database_of(server, make_login(superuser, "createrole"), "one"))
    url = url_of(server.url("one"), make_login(superuser))
    answer = Terminal({"INN8_DATABASE_URL": url}).ask("db", "upgrade")
    assert (answer.exit_code, 'grant "inn8_owner" to' in answer.stderr) == (1, True)
    administer(superuser, *printed(url))
    assert Terminal({"INN8_DATABASE_URL": url}).ask("db", "upgrade").exit_code == 0


def test_a_login_that_does_not_own_the_database_gets_the_statement_for_the_right_to_create_schemas(
    server: EmbeddedPostgres,
) -> None:
    superuser = server.url("postgres")
    login = make_login(superuser, "createrole")
    url = url_of(server.url("one"), login)
    statements = printed(url)
    assert statements[-1] == f'grant create on database "one" to "{login}";'
    administer(superuser, *statements)
    assert upgraded(url) == migrations.SCHEMA_VERSION


@pytest.mark.parametrize("missing", ["inn8_views", "inn8_writer", "inn8_reader"])
def test_a_grant_that_somebody_has_revoked_is_made_again(server: EmbeddedPostgres, missing: str) -> None:
    superuser = server.url("postgres")
    url = database_of(server, make_login(superuser), "one")
    administer(superuser, *printed(url), f"revoke {missing} from inn8_owner")
    with pytest.raises(MissingRolesError, match=f'grant "{missing}" to "inn8_owner" with'):
        upgraded(url)
    administer(superuser, *printed(url))
    assert upgraded(url) == migrations.SCHEMA_VERSION


def test_an_owner_without_further_rights_upgrades_an_older_schema(server: EmbeddedPostgres) -> None:
    superuser = server.url("postgres")
    login, reader = make_login(superuser), make_login(superuser)
    url = database_of(server, login, "one")
    administer(superuser, *printed(url), "create role release_reader login", "create role release_writer login")
    administer(superuser, "grant inn8_reader to release_reader", "grant inn8_writer to release_writer")
    as_superuser = sqlalchemy.make_url(server.url("one")).set(drivername="postgresql")
    with psycopg.connect(as_superuser.render_as_string()) as dump:
        dump.execute(DUMP.read_bytes())
    with session(url, "release_reader") as reading:
        before = reading.rows("select tenant_id, external_id, name from inn8.client_details order by 2")
        assert upgraded(url) == migrations.SCHEMA_VERSION
        after = reading.rows("select tenant_id, external_id, name from inn8.client_details order by 2")
        assert (bool(before), after) == (True, before)
        assert reading.refuses("select * from inn8.clients")
    check_that_rights_can_be_given(url, reader, make_login(superuser))


@pytest.mark.slow
def test_databases_of_one_server_can_be_upgraded_at_a_time(server: EmbeddedPostgres) -> None:
    urls = [server.url(name) for name in ("one", "two", "three")]
    # Alembic is not for several threads at a time.
    with ProcessPoolExecutor(len(urls), mp_context=get_context("spawn")) as processes:
        assert set(processes.map(upgraded, urls)) == {migrations.SCHEMA_VERSION}
