"""`inn8 db`: the owner of the warehouse grants, lists and revokes rights of readers and writers."""

import json
from collections.abc import Iterator

import pytest

from inn8_pipeline_tests.cli.conftest import Terminal
from inn8_pipeline_tests.warehouse.logins import new_login, session, url_of

VIEW = "select * from inn8.client_details"


@pytest.fixture
def login(warehouse_url: str) -> Iterator[str]:
    with new_login(warehouse_url) as name:
        yield name


def test_a_login_is_made_a_reader_and_the_right_is_revoked(warehouse_url: str, login: str) -> None:
    terminal = Terminal({"INN8_DATABASE_URL": warehouse_url, "INN8_TENANT_ID": "cape"})
    with session(warehouse_url, login) as reader:
        assert reader.refuses(VIEW)
        given = terminal.ask("db", "grant-reader", login)
        assert (given.exit_code, given.stdout) == (0, f"{login} may read the rows of tenant cape through the views.\n")
        assert not reader.refuses(VIEW)
        several = terminal.but(INN8_TENANTS="cape,durban")
        assert "--tenant: cape, durban" in several.ask("db", "grant-reader", login).stderr
        assert several.ask("db", "grant-reader", login, "--tenant", "durban").exit_code == 0
        taken = terminal.ask("db", "revoke-reader", login, "--tenant", "durban")
        assert (taken.stdout, reader.refuses(VIEW)) == (f"{login} is no longer a reader of 1 tenant.\n", False)
        again = terminal.ask("db", "revoke-reader", login, "--tenant", "durban")
        assert again.stdout == f"{login} was not a reader of tenant durban.\n"
        assert terminal.ask("db", "revoke-reader", login).stdout == f"{login} is no longer a reader of 1 tenant.\n"
        assert terminal.ask("db", "revoke-reader", login).stdout == f"{login} was not a reader of any tenant.\n"
        assert reader.refuses(VIEW)


def test_the_owners_url_is_used_if_it_is_set(warehouse_url: str, login: str) -> None:
    terminal = Terminal({"INN8_DATABASE_URL": url_of(warehouse_url, login)})
    refused = terminal.ask("db", "grant-writer", login)
    assert (refused.exit_code, "Set INN8_OWNER_DATABASE_URL" in refused.stderr) == (1, True)
    owner = terminal.but(INN8_OWNER_DATABASE_URL=warehouse_url)
    assert owner.ask("db", "upgrade").exit_code == 0
    assert owner.ask("db", "grant-writer", login).exit_code == 0
    assert terminal.ask("rejects", "list").stdout == "There are no open rejects.\n"
    assert terminal.ask("rejects", "list", "--all").stdout == "There are no rejects.\n"


def test_grants_are_listed_and_a_writers_right_is_revoked(warehouse_url: str, login: str) -> None:
    terminal = Terminal({"INN8_DATABASE_URL": warehouse_url})
    assert terminal.ask("db", "grant-writer", login).exit_code == 0
    assert f"{login} (writer): all tenants\n" in terminal.ask("db", "grants").stdout
    found = json.loads(terminal.ask("db", "grants", "--json").stdout)
    assert {"login": login, "right": "writer", "tenants": None, "can_login": True, "without_contact": []} in found
    still = terminal.ask("db", "revoke-reader", login)
    assert f"`inn8 db revoke-writer {login}` revokes that right" in still.stderr
    assert terminal.ask("db", "revoke-writer", login).stdout == f"{login} may no longer run the pipeline.\n"
    again = terminal.ask("db", "revoke-writer", login)
    assert (again.stdout, again.exit_code) == (f"{login} was not allowed to run the pipeline.\n", 0)
    assert login not in terminal.ask("db", "grants").stdout


def test_a_login_that_does_not_exist_is_named(warehouse_url: str) -> None:
    refused = Terminal({"INN8_DATABASE_URL": warehouse_url}).ask("db", "grant-reader", "nobody")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "The login nobody does not exist. Nothing was changed." in refused.stderr
