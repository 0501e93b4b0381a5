"""Read the rows of an entity's view, as they are or as they were at an instant, in batches. They are personal data."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import sql
from sqlalchemy import Connection

from inn8_pipeline.entities import Entity
from inn8_pipeline.warehouse.database import raw
from inn8_pipeline.warehouse.schema.tables import SCHEMA

BATCH = 20_000
_NOW = sql.SQL("select * from {view} where tenant_id = %(tenant)s order by id")
_AS_OF = sql.SQL("select * from {function}(%(as_of)s) where tenant_id = %(tenant)s order by id")


@dataclass(frozen=True, slots=True)
class ExportedColumn:
    """A column of an export: its name, and its type as Postgres names it."""

    name: str
    type: str


Batch = Sequence[tuple[Any, ...]]


def read(
    connection: Connection, tenant_id: str, entity: Entity, as_of: datetime | None
) -> tuple[list[ExportedColumn], Iterator[Batch]]:
    """Return the columns of the view, and its rows in batches, which are read while the transaction is open."""
    view = sql.Identifier(SCHEMA, f"{entity.singular}_details")
    function = sql.Identifier(SCHEMA, f"{entity.name}_as_of")
    statement = _NOW.format(view=view) if as_of is None else _AS_OF.format(function=function)
    cursor = raw(connection).cursor("export")
    cursor.itersize = BATCH
    cursor.execute(statement, {"tenant": tenant_id, "as_of": as_of})
    types = raw(connection).adapters.types
    known = {each.name: types.get(each.type_code) for each in cursor.description or ()}
    columns = [ExportedColumn(name, found.name if found else "text") for name, found in known.items()]
    return columns, iter(lambda: cursor.fetchmany(BATCH), [])
