"""The schema: made by the migrations as the code reads it, explained in Postgres, and of no other version."""

from pathlib import Path

import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from inn8_pipeline.entities import CLIENTS
from inn8_pipeline.errors import SchemaVersionError
from inn8_pipeline.warehouse import database
from inn8_pipeline.warehouse.schema import migrations
from inn8_pipeline.warehouse.schema.comments import COLUMNS, TABLES
from inn8_pipeline.warehouse.schema.tables import business_tables, metadata
from inn8_pipeline.warehouse.schema.views import views
from inn8_pipeline_tests.transform.builders import client
from inn8_pipeline_tests.warehouse.syncs import Syncs

OURS = ("inn8", "inn8_raw")


def test_the_migrations_make_the_tables_that_the_code_reads(syncs: Syncs) -> None:
    with syncs.engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "include_schemas": True,
                "include_name": lambda name, kind, _: kind != "schema" or name in OURS,
                "compare_type": True,
                "compare_server_default": True,
                "version_table": "schema_version",
                "version_table_schema": "inn8",
            },
        )
        assert compare_metadata(context, metadata) == []


def test_the_version_that_the_code_asks_for_is_the_newest_migration() -> None:
    script = ScriptDirectory(str(Path(migrations.__file__).parent))
    assert script.get_current_head() == migrations.SCHEMA_VERSION


def test_an_upgrade_of_the_newest_version_changes_nothing(empty_database: str) -> None:
    engine = database.connect(empty_database)
    listing = """
    select string_agg(oid::regclass::text, ' ' order by oid) from pg_class
     where relnamespace in ('inn8'::regnamespace, 'inn8_raw'::regnamespace)
    """
    found = []
    for _ in range(2):
        assert migrations.upgrade(engine) == migrations.SCHEMA_VERSION
        with engine.connect() as connection:
            found.append(connection.scalar(sqlalchemy.text(listing)))
    assert found[0] == found[1]


def test_every_table_view_and_column_is_explained_in_postgres(syncs: Syncs) -> None:
    silent = syncs.query(
        """
        select c.relname, a.attname from pg_class c
          join pg_attribute a on a.attrelid = c.oid and a.attnum >= 0 and not a.attisdropped
         where c.relnamespace in ('inn8'::regnamespace, 'inn8_raw'::regnamespace) and c.relkind in ('r', 'v')
           and c.relname <> 'schema_version'
           and (col_description(c.oid, a.attnum) is null or obj_description(c.oid, 'pg_class') is null)
        """
    )
    assert silent == []


def test_the_dictionary_explains_nothing_that_is_not_there() -> None:
    for table, columns in COLUMNS.items():
        (found,) = (each for each in metadata.tables.values() if each.name == table)
        assert set(columns) <= set(found.columns.keys())
    assert {*TABLES, *business_tables()} == {each.name for each in metadata.tables.values()}


def test_the_views_have_the_columns_that_are_explained(syncs: Syncs) -> None:
    made = syncs.query(
        """
        select c.relnamespace::regnamespace || '.' || c.relname as view,
               string_agg(a.attname, ' ' order by a.attnum) as names
          from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
         where c.relnamespace in ('inn8'::regnamespace, 'inn8_raw'::regnamespace) and c.relkind = 'v'
         group by 1
        """
    )
    assert {row["view"]: row["names"] for row in made} == {view.name: " ".join(view.columns) for view in views()}


def test_every_key_begins_with_the_tenant() -> None:
    for table in metadata.tables.values():
        keys = [table.primary_key, *table.foreign_key_constraints]
        assert [next(iter(key.columns)).name for key in keys] == ["tenant_id"] * len(keys)
        assert {next(iter(index.columns)).name for index in table.indexes} <= {"tenant_id"}


@pytest.mark.parametrize("found", ["", "0001", "9999"])
def test_a_warehouse_of_another_version_is_refused(syncs: Syncs, found: str) -> None:
    landing = syncs.land(CLIENTS, [client()])
    change = "update inn8.schema_version set version_num = :found" if found else "drop table inn8.schema_version"
    syncs.execute(change, found=found)
    with pytest.raises(SchemaVersionError, match="inn8 db upgrade"):
        syncs.merge(landing)


def test_rows_of_another_tenant_cannot_be_pointed_at(owned: Syncs) -> None:
    with pytest.raises(sqlalchemy.exc.IntegrityError):
        owned.execute(
            "insert into inn8.portfolios (tenant_id, external_id, client_id, name, account_type, status, as_of_at)"
            " select 't2', 'P-1', id, 'x', 'trust', 'active', now() from inn8.clients"
        )
