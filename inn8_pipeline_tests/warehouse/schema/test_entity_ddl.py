"""The SQL that is generated from a declaration creates the same views as the migrations."""

import pytest
from psycopg import sql
from sqlalchemy import Connection, text

from inn8_pipeline.entities import ENTITIES, Entity
from inn8_pipeline.warehouse.database import execute
from inn8_pipeline.warehouse.schema import entity_ddl
from inn8_pipeline.warehouse.schema.views import details_view, raw_view
from inn8_pipeline_tests.transform.builders import client, portfolio, transaction
from inn8_pipeline_tests.warehouse.syncs import Syncs

TRIGGERS = ("date_version", "keep_deleted", "keep_truncated", "keep_updated")


def populate(syncs: Syncs) -> None:
    """Sync rows of each kind: present, missing, with an open reject, hidden with their parent."""
    syncs.clients([client(), client(id="C-2"), client(id="C-3")])
    syncs.portfolios([portfolio(), portfolio(id="P-2", clientId="C-2"), portfolio(id="P-3")])
    syncs.transactions([transaction(), transaction(id="T-2", portfolioId="P-2"), transaction(id="T-3", security=None)])
    syncs.clients([client(), client(id="C-2", fullName=1)])
    syncs.portfolios([portfolio(), portfolio(id="P-2", clientId="C-9")])
    syncs.transactions([transaction(), transaction(id="T-2", portfolioId="P-2"), transaction(id="T-3", amount="x")])


@pytest.mark.parametrize("entity", ENTITIES, ids=str)
def test_the_generated_views_show_the_same_rows_as_those_of_the_migrations(syncs: Syncs, entity: Entity) -> None:
    populate(syncs)
    statements = [each.as_string() for each in entity_ddl.statements(entity)]
    for view in (details_view(entity), raw_view(entity)):
        name = ".".join(f'"{part}"' for part in view.name.split("."))
        (query,) = (each.partition(" as ")[2] for each in statements if each.startswith(f"create view {name} as"))
        columns = ", ".join(each if each != "record" else "record::text" for each in view.columns)
        rows = f"select {columns} from {view.name} order by 1, 2, 3, 4, 5"
        written = f"select {columns} from ({query}) v order by 1, 2, 3, 4, 5"
        with syncs.engine.connect() as connection:
            found = [execute(connection, sql.SQL(each)).fetchall() for each in (rows, written)]
        assert found[0] == found[1]
        assert found[0]


_GENERATED = """
    select 'function ' || p.oid::regprocedure as name, pg_get_functiondef(p.oid) || coalesce(p.proacl::text, '') as made
      from pg_proc p where pronamespace in ('inn8'::regnamespace, 'inn8_history'::regnamespace)
     union all
    select 'trigger ' || t.tgrelid::regclass || '.' || t.tgname, pg_get_triggerdef(t.oid)
      from pg_trigger t join pg_class c on c.oid = t.tgrelid
     where not t.tgisinternal and c.relnamespace = 'inn8'::regnamespace
     union all
    select 'view ' || c.oid::regclass, pg_get_viewdef(c.oid) || pg_get_userbyid(c.relowner) || c.relacl::text
      from pg_class c
     where c.relkind = 'v' and c.relnamespace = 'inn8'::regnamespace
     union all
    select 'type ' || c.oid::regclass,
           string_agg(format('%s %s %s', a.attname, a.atttypid::regtype, a.attcollation::regcollation), ', '
                      order by a.attnum)
      from pg_class c join pg_attribute a on a.attrelid = c.oid
     where c.relkind = 'c' and c.relnamespace = 'inn8'::regnamespace group by c.oid
     order by name
"""


def _read_generated(connection: Connection) -> dict[str, str]:
    """Return the definition and the rights of each object, by name; white space does not count."""
    return {row.name: " ".join(row.made.split()) for row in connection.execute(text(_GENERATED))}


def test_triggers_functions_views_and_types_in_the_database_are_those_that_the_declarations_generate(
    syncs: Syncs,
) -> None:
    with syncs.engine.connect() as connection:
        found = _read_generated(connection)
        connection.execute(text("set local role inn8_owner"))
        for entity in reversed(list(ENTITIES)):
            for declared in entity.declarations:
                connection.execute(text(f"drop function inn8_history.keep_{declared.name}() cascade"))
        for entity in ENTITIES:
            for statement in entity_ddl.view_statements(entity):
                execute(connection, statement)
        made = _read_generated(connection)
        connection.rollback()
    assert made.keys() == found.keys()
    assert [name for name in found if found[name] != made[name]] == []
    for table in ("clients", "portfolios", "securities", "transactions"):
        assert f"function inn8_history.keep_{table}()" in found
        assert {f"trigger inn8.{table}.{each}" for each in TRIGGERS} <= found.keys()
    assert {f"function inn8.{each}_as_of(timestamp with time zone)" for each in map(str, ENTITIES)} <= found.keys()


def test_no_statistics_are_kept_of_the_personal_columns_of_a_declaration() -> None:
    for entity in ENTITIES:
        made = [each.as_string() for each in entity_ddl.statements(entity)]
        for column in entity.personal_columns():
            for schema in ("inn8", "inn8_history"):
                assert f'alter table "{schema}"."{entity.name}" alter column "{column}" set statistics 0' in made
