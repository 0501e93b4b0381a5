"""The migrations create the schema that the code reads, with comments; another version is not accepted."""

from pathlib import Path

import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from inn8_pipeline.entities import CLIENTS, ENTITIES
from inn8_pipeline.errors import SchemaVersionError
from inn8_pipeline.warehouse import database
from inn8_pipeline.warehouse.schema import migrations
from inn8_pipeline.warehouse.schema.comments import COLUMNS, TABLES
from inn8_pipeline.warehouse.schema.migrations.versions import v0007_hidden_rows
from inn8_pipeline.warehouse.schema.tables import FILL_FACTOR, business_tables, metadata
from inn8_pipeline.warehouse.schema.views import views
from inn8_pipeline_tests.transform.builders import client, portfolio, transaction
from inn8_pipeline_tests.warehouse.syncs import Syncs, many

OURS = ("inn8", "inn8_raw", "inn8_history")


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


def test_a_row_that_changes_stays_on_its_page_so_that_no_index_is_written(owned: Syncs) -> None:
    pages = "select external_id, (ctid::text::point)[0]::int as page from inn8.transactions"
    sent = many(transaction, 400)
    owned.transactions(sent)
    before = owned.query(f"{pages} order by 1")
    assert len({row["page"] for row in before}) > 5
    changed = [each | {"amount": "7.00"} if number % 40 == 0 else each for number, each in enumerate(sent)]
    assert owned.transactions(changed).counts.updated == 10
    assert owned.query(f"{pages} order by 1") == before


def test_landed_pages_are_compressed(owned: Syncs) -> None:
    owned.transactions(many(transaction, 400))
    size = "sum(pg_column_size(body))::int as stored, sum(byte_count)::int as sent"
    (row,) = owned.query(f"select {size} from inn8_raw.pages where byte_count > 5000")
    assert 0 < 2 * row["stored"] < row["sent"]


def test_each_table_that_syncs_update_leaves_room_for_new_versions(syncs: Syncs) -> None:
    found = syncs.query("select relname, reloptions from pg_class where relnamespace = 'inn8'::regnamespace")
    options = {row["relname"]: row["reloptions"] for row in found if row["relname"] in business_tables()}
    assert options == {name: [f"fillfactor={FILL_FACTOR}"] for name in business_tables()}


def test_the_version_that_the_code_needs_is_the_newest_migration() -> None:
    script = ScriptDirectory(str(Path(migrations.__file__).parent))
    assert script.get_current_head() == migrations.SCHEMA_VERSION


def test_an_upgrade_of_the_newest_version_changes_nothing(empty_database: str) -> None:
    engine = database.connect(empty_database)
    listing = """
    select string_agg(oid::regclass::text, ' ' order by oid) from pg_class
     where relnamespace::regnamespace::text in ('inn8', 'inn8_raw', 'inn8_history')
    """
    found = []
    for _ in range(2):
        assert migrations.upgrade(engine) == migrations.SCHEMA_VERSION
        with engine.connect() as connection:
            found.append(connection.scalar(sqlalchemy.text(listing)))
    assert found[0] == found[1]


def test_the_upgrade_hides_what_a_sync_of_the_new_version_would_have_hidden(owned: Syncs) -> None:
    sent = [portfolio(id=f"P-{number}") for number in range(1, 6)]
    owned.portfolios(sent)
    owned.transactions([transaction(), transaction(id="T-2"), transaction(id="T-3")])
    moved, withdrawn, unreadable, same = (sent[number] | {"name": 7} for number in range(1, 5))
    changed = [moved | {"clientId": "C-9"}, withdrawn | {"clientId": "C-9"}, unreadable | {"clientId": None}, same]
    owned.portfolios([sent[0], *changed])
    owned.portfolios([sent[0], *(each for each in changed if each["id"] != "P-3")])
    owned.transactions([transaction(), transaction(id="T-2", amount="x"), transaction(id="T-3", portfolioId="")])
    hidden = "select external_id from inn8.portfolios where hidden_since is not null union all select external_id from "
    hidden += "inn8.transactions where hidden_since is not null order by 1"
    expected = [{"external_id": each} for each in ("P-2", "P-3", "P-4", "T-3")]
    assert owned.query(hidden) == expected
    for table, fill in (
        ("portfolios", v0007_hidden_rows.PORTFOLIOS_HIDDEN),
        ("transactions", v0007_hidden_rows.TRANSACTIONS_HIDDEN),
    ):
        owned.execute(f"update inn8.{table} set hidden_since = null")
        owned.execute(fill)
    assert owned.query(hidden) == expected


def test_every_table_view_and_column_has_a_comment_in_postgres(syncs: Syncs) -> None:
    silent = syncs.query(
        """
        select c.relname, a.attname from pg_class c
          join pg_attribute a on a.attrelid = c.oid and a.attnum >= 0 and not a.attisdropped
         where c.relnamespace::regnamespace::text in ('inn8', 'inn8_raw', 'inn8_history') and c.relkind in ('r', 'v')
           and c.relname <> 'schema_version'
           and (col_description(c.oid, a.attnum) is null or obj_description(c.oid, 'pg_class') is null)
        """
    )
    assert silent == []


def test_every_comment_belongs_to_a_table_and_column_that_exists() -> None:
    for table, columns in COLUMNS.items():
        (found,) = (each for each in metadata.tables.values() if each.name == table)
        assert set(columns) <= set(found.columns.keys())
    assert {*TABLES, *business_tables()} == {each.name for each in metadata.tables.values()}


def test_the_views_have_the_columns_that_the_code_describes(syncs: Syncs) -> None:
    made = syncs.query(
        """
        select c.relnamespace::regnamespace || '.' || c.relname as view,
               string_agg(a.attname, ' ' order by a.attnum) as names
          from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
         where c.relnamespace::regnamespace::text in ('inn8', 'inn8_raw', 'inn8_history') and c.relkind = 'v'
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


def test_a_release_does_not_upgrade_a_warehouse_of_a_newer_one(owned: Syncs) -> None:
    owned.execute("update inn8.schema_version set version_num = '9999'")
    with pytest.raises(SchemaVersionError, match=r"schema version 9999.*install the newer release"):
        migrations.upgrade(owned.engine)


def test_a_row_cannot_refer_to_a_row_of_another_tenant(owned: Syncs) -> None:
    with pytest.raises(sqlalchemy.exc.IntegrityError):
        owned.execute(
            "insert into inn8.portfolios (tenant_id, external_id, client_id, name, account_type, status, as_of_at)"
            " select 't2', 'P-1', id, 'x', 'trust', 'active', now() from inn8.clients"
        )


# The planner puts the body of such a function in the place of its call, so that conditions on its rows use the indexes;
# a `search_path` of its own would prevent that. Its body names every relation with its schema, and it runs with the
# rights of the caller: a caller who puts another schema before pg_catalog changes only what he himself reads.
INLINED = {f"inn8.{entity.name}_as_of(timestamp with time zone)" for entity in ENTITIES}


def test_every_function_has_a_search_path_of_its_own_unless_the_planner_inlines_it(syncs: Syncs) -> None:
    functions = syncs.query(
        """
        select p.oid::regprocedure::text as name, p.prosecdef, l.lanname, coalesce(p.proconfig::text, '') as settings
          from pg_proc p join pg_language l on l.oid = p.prolang
         where p.pronamespace::regnamespace::text in ('inn8', 'inn8_raw', 'inn8_history')
        """
    )
    fixed = {row["name"] for row in functions if '"search_path=pg_catalog, pg_temp"' in row["settings"]}
    inlined = {row["name"] for row in functions if row["lanname"] == "sql" and not row["prosecdef"]} - fixed
    assert {row["name"] for row in functions} == fixed | INLINED
    assert inlined == INLINED
    for name in INLINED:
        plan = syncs.query(f"explain select * from {name.partition('(')[0]}(now()) where tenant_id = 't1'")
        assert "_as_of" not in str(plan), "it is not inlined"
