"""An upgrade from a released schema keeps every row, landing, reject and grant.

`release_0_1.sql` is a dump of a warehouse that release 0.1 (schema 0005) filled: rows that are present, missing and
hidden, rejects that are open, accepted and resolved, landings that are merged, repeated and broken off, a reader, a
writer, an accepted property, a circuit with a failure.
"""

import fcntl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from inn8_pipeline.sandbox.postgres.embedded import EmbeddedPostgres
from inn8_pipeline.warehouse.database import connect, raw
from inn8_pipeline.warehouse.schema import migrations
from inn8_pipeline.warehouse.schema.tables import metadata
from inn8_pipeline_tests.transform.builders import client, transaction
from inn8_pipeline_tests.warehouse.syncs import TENANT, Syncs, october

DUMP = Path(__file__).parent / "release_0_1.sql"
LOGINS = {"release_reader": "inn8_reader", "release_writer": "inn8_writer"}
TABLES = (
    "inn8.clients", "inn8.portfolios", "inn8.securities", "inn8.transactions", "inn8.rejected_records",
    "inn8.sync_coverage", "inn8.circuits", "inn8.unknown_properties", "inn8.tenant_readers", "inn8_raw.landings",
    "inn8_raw.pages",
)  # fmt: skip
RENAMED = {"is_proof": "absence_counts as is_proof"}
"""Columns of release 0.1 that have another name now."""
GRANTS = """
select c.oid::regclass::text as relation, a.grantee::regrole::text as grantee, a.privilege_type
  from pg_class c cross join lateral aclexplode(c.relacl) a
 where c.relnamespace in ('inn8'::regnamespace, 'inn8_raw'::regnamespace) and c.relkind in ('r', 'v') and a.grantee <> 0
 order by 1, 2, 3
"""

Rows = dict[str, list[dict[str, Any]]]


@pytest.fixture
def released(empty_database: str, migrated_template: str, postgres: EmbeddedPostgres) -> Iterator[Engine]:
    """Yield a warehouse as release 0.1 left it, with its logins."""
    assert migrated_template  # its migrations have created the roles of the server
    # The logins of the dump are those of the whole server: one test at a time has them, of all workers.
    with (postgres.folder / "released.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield from filled(empty_database)


def filled(empty_database: str) -> Iterator[Engine]:
    """Yield the database once it has the logins and the dump; drop the logins afterwards."""
    engine = connect(empty_database)
    with engine.begin() as connection:
        for login, role in LOGINS.items():
            connection.execute(text(f"create role {login} login"))
            connection.execute(text(f"grant {role} to {login}"))
        raw(connection).execute(DUMP.read_bytes())
    yield engine
    with engine.begin() as connection:
        for login in LOGINS:
            connection.execute(text(f"drop owned by {login}"))
            connection.execute(text(f"drop role {login}"))
    engine.dispose()


def columns_of(engine: Engine) -> dict[str, str]:
    """Return the columns of each table, JSON as text."""
    query = """
    select string_agg(format(case when atttypid = 'json'::regtype then '%I::text' else '%I' end, attname), ', '
                      order by attnum)
      from pg_attribute where attrelid = cast(:table as regclass) and attnum > 0 and not attisdropped
    """
    with engine.connect() as connection:
        return {table: str(connection.scalar(text(query), {"table": table})) for table in TABLES}


def rows_of(engine: Engine, columns: dict[str, str]) -> Rows:
    with engine.connect() as connection:
        return {
            table: [
                dict(row)
                for row in connection.execute(text(f"select {names} from {table} order by 1, 2, 3")).mappings()
            ]
            for table, names in columns.items()
        }


def grants_of(engine: Engine) -> set[tuple[str, ...]]:
    with engine.connect() as connection:
        return {tuple(row) for row in connection.execute(text(GRANTS))}


def test_an_upgrade_of_release_0_1_keeps_every_row_landing_reject_and_grant(released: Engine) -> None:
    columns = columns_of(released)
    rows, grants = rows_of(released, columns), grants_of(released)
    assert all(rows[table] for table in TABLES), "the dump leaves a table empty"
    assert migrations.upgrade(released) == migrations.SCHEMA_VERSION
    now = {table: ", ".join(RENAMED.get(name, name) for name in names.split(", ")) for table, names in columns.items()}
    assert rows_of(released, now) == rows
    assert grants <= grants_of(released)


def test_an_upgrade_of_release_0_1_writes_the_present_comments(released: Engine) -> None:
    query = text(
        """
        select c.oid::regclass::text || '.' || a.attname, col_description(c.oid, a.attnum)
          from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
         join pg_namespace n on n.oid = c.relnamespace
         where n.nspname in ('inn8', 'inn8_raw', 'inn8_history') and c.relkind = 'r'
           and c.relname <> 'schema_version'
        """
    )
    present = {f"{table.fullname}.{each.name}": each.comment for table in metadata.sorted_tables for each in table.c}
    with released.connect() as connection:
        assert not {tuple(row) for row in connection.execute(query)} <= present.items(), "no comment differs"
    migrations.upgrade(released)
    with released.connect() as connection:
        assert {tuple(row) for row in connection.execute(query)} == present.items()


def test_an_upgrade_deletes_the_statistics_of_personal_columns(released: Engine) -> None:
    names = text("select attname from pg_stats where tablename = 'clients' and attname in ('status', 'name', 'phone')")
    with released.begin() as connection:
        connection.execute(text("analyze inn8.clients"))
        assert set(connection.scalars(names)) == {"status", "name", "phone"}
    migrations.upgrade(released)
    with released.begin() as connection:
        connection.execute(text("analyze inn8.clients"))
        assert set(connection.scalars(names)) == {"status"}


def test_the_reader_of_release_0_1_reads_on_and_nothing_more(released: Engine) -> None:
    migrations.upgrade(released)
    with released.begin() as connection:
        connection.execute(text("set local role release_reader"))
        names = connection.scalars(text("select external_id from inn8.client_details order by 1")).all()
        assert names == ["C-1", "C-2", "C-3", "C-4"]
        assert connection.scalars(text("select external_id from inn8.portfolio_details order by 1")).all() == [
            "P-1",
            "P-4",
        ]
        assert connection.scalar(text("select has_table_privilege('inn8.clients', 'select')")) is False


def test_syncs_go_on_where_release_0_1_stopped(released: Engine) -> None:
    migrations.upgrade(released)
    with Syncs(released.url.render_as_string(hide_password=False)) as syncs:
        before = syncs.rows("clients")
        changed = client(phoneNumber="0115550199")
        known = [changed, client(id="C-2", fullName="Sipho Dlamini"), client(id="C-4", fullName="Healed")]
        result = syncs.clients([*known, client(id="C-5", emailAddress=5)])
        assert (result.counts.unchanged, result.counts.rejected, result.open_rejects) == (3, 1, 0)
        assert [row["id"] for row in syncs.rows("clients")] == [row["id"] for row in before]
        late = syncs.transactions([transaction(description="again")], october(5))
        assert (late.counts.unchanged, late.counts.fetched) == (1, 1)
        assert {row["tenant_id"] for row in syncs.rows("clients")} == {TENANT}
