"""A reader without contact data finds no personal data, by whichever way it tries.

The values to look for, the views and the functions are read from the declarations and the catalog, so that the tests
cover those that are added later.
"""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from sqlalchemy import text

from inn8_pipeline.entities import ENTITIES
from inn8_pipeline.warehouse.schema import access, contact_data
from inn8_pipeline.warehouse.schema.access import Grant
from inn8_pipeline.warehouse.schema.views import views
from inn8_pipeline_tests.cli.conftest import Terminal
from inn8_pipeline_tests.transform.builders import client, portfolio, transaction
from inn8_pipeline_tests.warehouse.logins import Session, administer, new_login, session, url_of
from inn8_pipeline_tests.warehouse.syncs import TENANT, Syncs

OTHER = "t2"
ADDRESS = {"street": "9 Secret Road", "city": "Knysna", "state": "WC", "zipCode": "6570"}


REFUSED = (
    "select name from inn8.clients",
    "select name from inn8_history.clients",
    "select payload from inn8.rejected_records",
    "select body from inn8_raw.pages",
    "copy inn8.clients to stdout",
    "update inn8.tenant_readers set has_contact_data = true",
    "select * from inn8.readers_without_contact_data()",
    "set role inn8_views",
    "create or replace view inn8.client_details as select 1",
)
COMMANDS = (
    ("export", "clients"),
    ("show", "client", "C-1"),
    ("diff", "--since", "2020-01-01"),
    ("rejects", "export", "--with-payload"),
)


@pytest.fixture
def logins(syncs: Syncs) -> Iterator[tuple[Session, Session]]:
    """Yield sessions of a reader with contact data, and of one that has none of the first tenant."""
    with ExitStack() as stack:
        full, masked = (stack.enter_context(new_login(syncs.url)) for _ in range(2))
        access.grant_reader(syncs.engine, full, TENANT)
        access.grant_reader(syncs.engine, masked, TENANT, has_contact_data=False)
        yield stack.enter_context(session(syncs.url, full)), stack.enter_context(session(syncs.url, masked))


def two_versions_of_each_row(syncs: Syncs) -> None:
    syncs.clients([client()])
    changed = client(fullName="Anna Secret", emailAddress="a@secret.example", phoneNumber="0555550177", address=ADDRESS)
    syncs.clients([changed])
    syncs.portfolios([portfolio()])
    syncs.portfolios([portfolio(accountNumber="SECRET-7"), portfolio(id="P-2", clientId="C-9")])
    syncs.transactions([transaction()])
    syncs.transactions([transaction(description="Secret gift"), transaction(id="T-2", fees="x")])


def personal_values(syncs: Syncs) -> set[str]:
    """Return the values of all personal columns, past ones too."""
    found: set[str] = set()
    for column in contact_data.all_personal_columns():
        table, _, name = column.partition(".")
        for schema in ("inn8", "inn8_history"):
            found |= {str(row["v"]) for row in syncs.query(f"select {name} as v from {schema}.{table}") if row["v"]}
    return found


def content(login: Session, source: str) -> str:
    return "\n".join(row["line"] for row in login.rows(f"select v::text as line from {source} v"))


def test_a_reader_without_contact_data_finds_none_in_any_view_or_function_or_by_any_other_way(
    syncs: Syncs, logins: tuple[Session, Session]
) -> None:
    two_versions_of_each_row(syncs)
    full, masked = logins
    values = personal_values(syncs)
    assert {"Thandi Nkosi", "Anna Secret", "a@secret.example", "SECRET-7", "000123", "Secret gift"} <= values
    sources = [*(view.name for view in views()), *(f"inn8.{entity}_as_of(now())" for entity in ENTITIES)]
    shown = {source: content(full, source) for source in sources}
    assert values == {value for value in values for each in shown.values() if value in each}
    for source, all_lines in shown.items():
        lines = content(masked, source)
        assert lines.count("\n") == all_lines.count("\n"), source
        assert {value for value in values | {"Secret", "Knysna", "Thandi"} if value in lines} == set(), source
    (row,) = masked.rows("select name, email, phone, address, status from inn8.client_details")
    assert row == {"name": None, "email": None, "phone": None, "address": None, "status": "active"}
    (row,) = masked.rows("select client_name, account_number, name from inn8.portfolio_details")
    assert row == {"client_name": None, "account_number": None, "name": "Retirement"}
    for column in ("name = 'Anna Secret'", "email like '%secret%'", "name > 'A'", "length(address) > 0"):
        assert masked.rows(f"select 1 from inn8.client_history where {column}") == [], column
    assert "Secret" not in str(masked.rows("explain (analyze, verbose) select * from inn8.client_details"))
    assert shown_to_a_function(masked) == {"<NULL>"}
    assert [each for each in REFUSED if not masked.refuses(each)] == []
    terminal = Terminal({"INN8_DATABASE_URL": url_of(syncs.url, name_of(masked)), "INN8_TENANT_ID": TENANT})
    for command in COMMANDS:
        answer = terminal.ask(*command)
        assert (answer.exit_code, "Secret" in answer.output + answer.stderr) == (1, False), command


def shown_to_a_function(login: Session) -> set[str]:
    """Return what a function of the login is called with, where it costs less than the conditions of the view."""
    notices: list[str] = []
    login.connection.add_notice_handler(lambda notice: notices.append(str(notice.message_primary)))
    login.connection.execute(
        "create function pg_temp.note(x text) returns boolean language plpgsql cost 0.0001"
        " as $$ begin raise notice '%', x; return true; end $$"
    )
    for view, value in (
        ("inn8.client_details", "name"),
        ("inn8_raw.clients", "record::text"),
        ("inn8.portfolio_details", "client_name"),
    ):
        login.rows(f"select 1 from {view} where pg_temp.note({value})")
    return set(notices)


def name_of(login: Session) -> str:
    return login.connection.info.user


def test_contact_data_is_granted_by_tenant_widened_and_narrowed(syncs: Syncs, logins: tuple[Session, Session]) -> None:
    for each in (syncs, Syncs(syncs.url, OTHER, syncs.engine)):
        each.clients([client(fullName="Anna Secret")])
    masked = logins[1]
    login = name_of(masked)
    names = "select tenant_id, name from inn8.client_details order by 1"
    assert access.grant_reader(syncs.engine, login, OTHER) is None
    assert [row["name"] for row in masked.rows(names)] == [None, "Anna Secret"]
    (found,) = [each for each in access.grants(syncs.engine) if each.login == login]
    assert found == Grant(login, "reader", (TENANT, OTHER), can_login=True, without_contact=(TENANT,))
    terminal = Terminal({"INN8_DATABASE_URL": syncs.url, "INN8_TENANT_ID": TENANT})
    assert f"{login} (reader): {TENANT} without contact data, {OTHER}\n" in terminal.ask("db", "grants").stdout
    widened = terminal.ask("db", "grant-reader", login)
    assert "It sees from now on contact data of this tenant, which it did not see before." in widened.stdout
    assert [row["name"] for row in masked.rows(names)] == ["Anna Secret", "Anna Secret"]
    narrowed = terminal.ask("db", "grant-reader", login, "--without-contact")
    assert "It no longer sees contact data of this tenant, which it saw before." in narrowed.stdout
    assert "clients.name, clients.email, clients.phone, clients.address, portfolios.account_number" in narrowed.stdout
    assert [row["name"] for row in masked.rows(names)] == [None, "Anna Secret"]
    assert "before" not in terminal.ask("db", "grant-reader", login, "--without-contact").stdout
    with new_login(syncs.url) as renewed:
        access.grant_reader(syncs.engine, renewed, TENANT)
        administer(syncs.url, f"drop owned by {renewed}", f"drop role {renewed}", f"create role {renewed} login")
        assert access.grant_reader(syncs.engine, renewed, TENANT, has_contact_data=False) is None


def test_the_doctor_finds_rights_that_go_around_the_mask(syncs: Syncs, logins: tuple[Session, Session]) -> None:
    full, login = map(name_of, logins)
    with new_login(syncs.url) as pipeline:
        access.grant_writer(syncs.engine, pipeline)
        with Syncs(url_of(syncs.url, pipeline)) as writing, writing.engine.connect() as connection:
            assert contact_data.findings(connection) == []
    # Never committed: the roles are those of the whole server, where other tests ask the doctor.
    for statement, problem in (
        (f"grant {full} to {login}", f"it may act as {full}, who sees more: run `revoke {full} from {login}` in psql"),
        (f"grant inn8_writer to {login} with inherit false, set false", "it may act as inn8_writer"),
        (f"grant pg_read_server_files to {login}", "it may act as pg_read_server_files"),
        (f"alter role {login} bypassrls", "it is a superuser or bypasses row-level security"),
        (
            f"grant select on inn8.clients to {login}; create policy mine on inn8.clients to {login} using (true)",
            "it may read the table inn8.clients itself",
        ),
        (
            f"grant select (name) on inn8.clients to {login}; alter table inn8.clients disable row level security",
            "it may read the table inn8.clients itself",
        ),
    ):
        with syncs.engine.connect() as connection:
            for each in statement.split("; "):
                connection.execute(text(each))
            (found,) = contact_data.findings(connection)
            connection.rollback()
        assert found.startswith(f"{login} is a reader without contact data, but {problem}"), statement
