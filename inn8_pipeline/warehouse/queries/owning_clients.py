"""Count the clients that records belong to, directly or through their parents."""

from collections.abc import Collection

from psycopg import sql
from sqlalchemy import Engine

from inn8_pipeline.entities import Entity
from inn8_pipeline.warehouse.database import execute, transaction
from inn8_pipeline.warehouse.schema.tables import SCHEMA

_COUNT = sql.SQL(
    """
    select count(distinct {root}) as clients from {tables}
     where t0.tenant_id = %(tenant)s and t0.external_id = any(%(external_ids)s)
    """
)
_JOIN = sql.SQL(" join {table} as {name} on {name}.tenant_id = {child}.tenant_id and {name}.id = {child}.{key}")


def count_clients(engine: Engine, tenant_id: str, entity: Entity, external_ids: Collection[str]) -> int:
    """Return how many different clients the rows of the entity with these ids belong to."""
    first, name = entity, sql.Identifier("t0")
    tables = sql.SQL("{} as {}").format(sql.Identifier(SCHEMA, first.name), name)
    root = sql.SQL("{}.id").format(name)
    number = 0
    while entity.references:
        reference, child = entity.references[0], name
        root = sql.SQL("{}.{}").format(child, sql.Identifier(reference.name))
        entity, number = reference.parent, number + 1
        if entity.references:
            name = sql.Identifier(f"t{number}")
            table = sql.Identifier(SCHEMA, entity.name)
            tables += _JOIN.format(table=table, name=name, child=child, key=sql.Identifier(reference.name))
    statement = _COUNT.format(root=root, tables=tables)
    with transaction(engine, "counting clients") as connection:
        rows = execute(connection, statement, tenant=tenant_id, external_ids=list(external_ids))
        return int(rows.fetchall()[0]["clients"])
