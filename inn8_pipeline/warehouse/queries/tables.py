"""Read-only transactions for commands, and queries on the tables: row counts, samples, whether an entity was merged.

Samples contain personal data.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from psycopg import sql
from sqlalchemy import Connection, Engine, Table

from inn8_pipeline.entities import ENTITIES, Entity
from inn8_pipeline.warehouse.database import execute, snapshot
from inn8_pipeline.warehouse.schema import migrations, tables
from inn8_pipeline.warehouse.schema.tables import SCHEMA

Row = Mapping[str, Any]
"""A row by column name."""

_HAS_MERGED = sql.SQL("select from inn8.sync_coverage where tenant_id = %(tenant)s and entity = %(entity)s limit 1")
_COUNT = sql.SQL("select count(*) as rows from {table} where tenant_id = %(tenant)s")
_SAMPLE = sql.SQL("select * from {table} where tenant_id = %(tenant)s order by id desc limit %(limit)s")


# This reads the index once per tenant, however many rows there are.
_TENANTS = sql.SQL(
    """
    with recursive found as (
      select min(tenant_id) as tenant_id from {table}
       union all
      select (select min(t.tenant_id) from {table} t where t.tenant_id > f.tenant_id) from found f
       where f.tenant_id is not null)
    select tenant_id from found where tenant_id is not null
    """
)


@contextmanager
def reading(engine: Engine, action: str) -> Iterator[Connection]:
    """Run a read-only transaction whose queries see one state of the database.

    Raises:
        SchemaVersionError: The schema has another version than this code.

    """
    with snapshot(engine, action) as connection:
        migrations.check(connection)
        yield connection


def has_merged(connection: Connection, tenant_id: str, entity: Entity) -> bool:
    """Return whether a sync of the entity was ever merged."""
    return execute(connection, _HAS_MERGED, tenant=tenant_id, entity=entity.name).fetchone() is not None


def tenant_ids(connection: Connection) -> set[str]:
    """Return the tenants that have rows in the table of any entity."""
    statements = [_TENANTS.format(table=sql.Identifier(SCHEMA, entity.name)) for entity in ENTITIES]
    return {row["tenant_id"] for each in statements for row in execute(connection, each)}


def row_counts(connection: Connection, tenant_id: str) -> dict[str, int]:
    """Return the number of the tenant's rows by table, and of the landings and pages that they were merged from."""
    counted = [*tables.business_tables().values(), tables.rejected_records, tables.landings, tables.pages]
    return {table.fullname: _count(connection, tenant_id, table) for table in counted}


def sample(connection: Connection, tenant_id: str, table: str, limit: int) -> Sequence[Row]:
    """Return the newest rows of a business table."""
    statement = _SAMPLE.format(table=_identifier(tables.business_tables()[table]))
    return execute(connection, statement, tenant=tenant_id, limit=limit).fetchall()


def _count(connection: Connection, tenant_id: str, table: Table) -> int:
    rows = execute(connection, _COUNT.format(table=_identifier(table)), tenant=tenant_id).fetchall()
    return int(rows[0]["rows"])


def _identifier(table: Table) -> sql.Identifier:
    return sql.Identifier(table.schema or SCHEMA, table.name)
