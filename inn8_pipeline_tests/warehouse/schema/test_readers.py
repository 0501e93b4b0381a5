"""A reader sees its tenants' rows through the views, and nothing else.

The tests read the tables, views and functions from the catalog, so that they cover those that are added later.
"""

from collections.abc import Iterator

import pytest

from inn8_pipeline.entities import ENTITIES
from inn8_pipeline.errors import LoginError
from inn8_pipeline.settings import now
from inn8_pipeline.warehouse.merge.results import Status
from inn8_pipeline.warehouse.schema import access
from inn8_pipeline.warehouse.schema.tables import metadata
from inn8_pipeline.warehouse.schema.views import views
from inn8_pipeline.warehouse.sync_log import paused_entities, store
from inn8_pipeline.warehouse.sync_log.entry import LoggedSync, SyncLogEntry
from inn8_pipeline.warehouse.sync_log.paused_entities import PausedEntity
from inn8_pipeline_tests.transform.builders import client, portfolio, transaction
from inn8_pipeline_tests.warehouse.logins import Session, administer, new_login, session
from inn8_pipeline_tests.warehouse.syncs import TENANT, Syncs, many

OTHER = "t2"
RELATIONS = """
  select c.oid::regclass::text as name, c.relkind, c.relrowsecurity as is_protected,
         (select attname from pg_attribute where attrelid = c.oid order by attnum desc limit 1) as last_column
    from pg_class c
   where c.relnamespace::regnamespace::text in ('inn8', 'inn8_raw', 'inn8_history')
     and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
"""
FUNCTIONS = """
  select p.oid::regprocedure::text as name, p.provolatile, p.prosecdef from pg_proc p
   where p.pronamespace::regnamespace::text in ('inn8', 'inn8_raw', 'inn8_history')
     and has_function_privilege(p.oid, 'execute')
"""


@pytest.fixture
def shared(owned: Syncs) -> Syncs:
    """Return a warehouse in which two tenants have the same rows, rejects and a pause."""
    owned.transactions([transaction(), transaction(id="T-2", fees="x")])
    sync = LoggedSync(TENANT, "clients", "a-run", SyncLogEntry(Status.FAILED, now(), now(), description="Why."))
    paused_entities.write(owned.engine, TENANT, [PausedEntity("clients", now(), "anne", "Why.")])
    with owned.engine.begin() as connection:
        store.write(connection, sync)
        for table in metadata.sorted_tables:
            names = ", ".join(column.name for column in table.columns if column.name != "tenant_id")
            connection.exec_driver_sql(
                f"insert into {table.fullname} (tenant_id, {names}) overriding system value"
                f" select '{OTHER}', {names} from {table.fullname} where tenant_id = '{TENANT}'"
            )
    name = "case tenant_id when :other then 'Somebody Else' else name end"
    owned.execute(f"update inn8.clients set phone = '', name = {name}", other=OTHER)
    return owned


@pytest.fixture
def login(shared: Syncs) -> Iterator[str]:
    with new_login(shared.url) as name:
        yield name


@pytest.fixture
def reader(shared: Syncs, login: str) -> Iterator[Session]:
    """Yield a session of a login that may read the first tenant's rows."""
    access.grant_reader(shared.engine, login, TENANT)
    with session(shared.url, login) as opened:
        yield opened


def tenants(rows: list[dict[str, object]]) -> set[object]:
    return {row["tenant_id"] for row in rows}


def test_a_reader_of_one_tenant_sees_its_rows_in_every_view_and_no_other(shared: Syncs, reader: Session) -> None:
    for view in views():
        everything = shared.query(f"select tenant_id from {view.name}")
        assert tenants(everything) == {TENANT, OTHER}, view.name
        found = reader.rows(f"select * from {view.name}")
        assert tenants(found) == {TENANT}, view.name
        assert len(found) == len(everything) / 2, view.name
        assert reader.rows(f"select * from {view.name} where tenant_id = '{OTHER}'") == []


def test_a_reader_does_not_see_a_portfolio_under_a_client_that_its_record_no_longer_names(
    shared: Syncs, reader: Session
) -> None:
    portfolios = "select client_external_id from inn8.portfolio_details"
    transactions = "select external_id from inn8.transaction_details"
    assert (len(reader.rows(portfolios)), len(reader.rows(transactions))) == (1, 1)
    shared.portfolios([portfolio(clientId="C-2", name=7)])
    assert (reader.rows(portfolios), reader.rows(transactions)) == ([], [])
    shared.portfolios([portfolio(id="P-2")])
    assert reader.rows(f"{portfolios} where external_id = 'P-1'") == []
    assert reader.rows(transactions) == []


def test_a_reader_sees_nothing_but_the_views(shared: Syncs, reader: Session) -> None:
    relations = {row["name"] for row in shared.query(RELATIONS)}
    readable = {name for name in relations if not reader.refuses(f"select * from {name}")}
    assert readable == {view.name for view in views()}


def test_every_table_has_row_level_security(shared: Syncs) -> None:
    tables = [row for row in shared.query(RELATIONS) if row["relkind"] in {"r", "p"}]
    assert [row["name"] for row in tables if not row["is_protected"]] == []
    assert len(tables) == len(metadata.tables) + 1  # Alembic's own


def test_public_has_no_right(shared: Syncs) -> None:
    given = shared.query(
        """
        with objects as (
          select oid::regclass::text as name, relacl as acl, relnamespace as space from pg_class
           union all
          select oid::regprocedure::text, coalesce(proacl, acldefault('f', proowner)), pronamespace from pg_proc
           union all
          select nspname, nspacl, oid from pg_namespace)
        select name, a.privilege_type from objects cross join lateral aclexplode(acl) as a
         where space::regnamespace::text in ('inn8', 'inn8_raw', 'inn8_history') and a.grantee = 0
        """
    )
    assert given == []


def test_a_reader_can_call_no_function_that_reads_with_the_rights_of_others(reader: Session) -> None:
    callable_ones = reader.rows(FUNCTIONS)
    assert {row["name"] for row in callable_ones} == {
        "inn8_raw.property(json,text)",
        *(f"inn8.{entity}_as_of(timestamp with time zone)" for entity in ENTITIES),
    }
    assert [row["name"] for row in callable_ones if row["prosecdef"]] == []


def test_a_reader_without_a_tenant_sees_nothing(shared: Syncs, login: str, reader: Session) -> None:
    assert access.revoke_reader(shared.engine, login, TENANT) == (1, "")
    for view in views():
        assert reader.rows(f"select * from {view.name}") == [], view.name


def test_a_login_that_is_no_reader_any_more_is_refused(shared: Syncs, login: str, reader: Session) -> None:
    access.grant_reader(shared.engine, login, OTHER)
    assert tenants(reader.rows("select * from inn8.client_details")) == {TENANT, OTHER}
    assert access.revoke_reader(shared.engine, login, None) == (2, "")
    assert reader.refuses("select * from inn8.client_details")


def test_a_login_that_was_dropped_and_made_again_does_not_inherit_its_namesakes_tenants(shared: Syncs) -> None:
    with new_login(shared.url) as login:
        access.grant_reader(shared.engine, login, OTHER)
        administer(shared.url, f"drop owned by {login}", f"drop role {login}", f"create role {login} login")
        access.grant_reader(shared.engine, login, TENANT)
        with session(shared.url, login) as opened:
            assert tenants(opened.rows("select * from inn8.client_details")) == {TENANT}


@pytest.mark.parametrize(
    "statement",
    [
        "insert into {} default values",
        "update {} set {column} = {column}",
        "delete from {}",
        "truncate {}",
        "lock table {} in share mode",
        "alter table {} rename to other",
        "drop table if exists {}",
        "comment on table {} is 'x'",
        "create index on {} ({column})",
        "grant select on {} to public",
    ],
)
def test_a_reader_can_neither_write_nor_alter_any_table(shared: Syncs, reader: Session, statement: str) -> None:
    tables = {row["name"]: row["last_column"] for row in shared.query(RELATIONS) if row["relkind"] == "r"}
    allowed = [name for name, column in tables.items() if not reader.refuses(statement.format(name, column=column))]
    assert allowed == []


@pytest.mark.parametrize("view", [view.name for view in views()])
def test_a_reader_can_neither_replace_nor_drop_a_view(reader: Session, view: str) -> None:
    for statement in ("create or replace view {} as select 1 as tenant_id", "drop view {}"):
        assert reader.refuses(statement.format(view)), statement


@pytest.mark.parametrize(
    "statement",
    [
        "delete from inn8.open_rejects",
        "update inn8.open_rejects set accepted_at = now()",
        "create table inn8.mine (x int)",
        "create view inn8_raw.mine as select 1",
        "create function inn8.mine() returns int language sql as 'select 1'",
        "create schema mine",
        "create policy mine on inn8.clients using (true)",
        "alter table inn8.clients disable row level security",
        f"insert into inn8.tenant_readers (tenant_id, role_name) values ('{OTHER}', current_user)",
        "set role inn8_views",
        "set role inn8_writer",
        "set role inn8_owner",
        "grant inn8_writer to current_user",
        "set session authorization postgres",
    ],
)
def test_a_reader_cannot_write_through_a_view_create_or_become_somebody_else(reader: Session, statement: str) -> None:
    assert reader.refuses(statement)


def test_a_reader_learns_nothing_of_others_from_the_statistics(shared: Syncs, reader: Session) -> None:
    shared.execute("analyze inn8.clients")
    known = (
        "select tablename, most_common_vals::text, histogram_bounds::text from pg_stats where schemaname like 'inn8%'"
    )
    found = str(shared.query(known))
    assert ("'tablename': 'clients'" in found, "Somebody Else" in found) == (True, False)
    assert reader.rows(known) == []


def test_a_function_of_the_reader_is_not_called_with_rows_of_others(reader: Session) -> None:
    notices: list[str] = []
    reader.connection.add_notice_handler(lambda notice: notices.append(str(notice.message_primary)))
    reader.connection.execute(
        "create function pg_temp.tell(x text) returns boolean language plpgsql cost 0.0001"
        " as $$ begin raise notice '%', x; return true; end $$"
    )
    reader.rows("select * from inn8.client_details where pg_temp.tell(name)")
    assert notices == ["Thandi Nkosi"]


def test_a_login_that_sees_everything_is_no_reader(shared: Syncs, login: str) -> None:
    access.grant_writer(shared.engine, login)
    with pytest.raises(LoginError, match="sees every tenant's rows already"):
        access.grant_reader(shared.engine, login, TENANT)
    for grant in (access.grant_writer, lambda engine, name: access.grant_reader(engine, name, TENANT)):
        with pytest.raises(LoginError, match="does not exist"):
            grant(shared.engine, "nobody")


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (
            "select * from inn8.client_details where tenant_id = 't1' and external_id = 'X-007'",
            "clients_external_id_key",
        ),
        (
            "select * from inn8.portfolio_details where tenant_id = 't1' and client_external_id = 'X-007'",
            "portfolios_client_id_idx",
        ),
    ],
)
def test_queries_by_external_id_and_by_parent_use_an_index(syncs: Syncs, query: str, index: str) -> None:
    syncs.clients(many(client, 2000))
    syncs.portfolios([portfolio(id=f"P-{number}", clientId=f"X-{number:03}") for number in range(2000)])
    syncs.execute("analyze")
    with new_login(syncs.url) as login:
        access.grant_reader(syncs.engine, login, TENANT)
        with session(syncs.url, login) as reader:
            assert len(reader.rows(query)) == 1
            plan = "\n".join(row["QUERY PLAN"] for row in reader.rows(f"explain {query}"))
    assert f"using {index}" in plan or f"on {index}" in plan, plan
    assert "Seq Scan on clients" not in plan, plan
    assert "Seq Scan on portfolios" not in plan, plan
