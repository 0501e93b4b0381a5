"""Open read-only transactions on the warehouse for commands; the queries are in `warehouse.queries`."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from inn8_pipeline.entities import Entity
from inn8_pipeline.errors import DatabaseError, SchemaVersionError
from inn8_pipeline.lazy_imports import lazy_module
from inn8_pipeline.settings import Environment, read_database

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from inn8_pipeline.warehouse.queries import tables
else:
    tables = lazy_module("inn8_pipeline.warehouse.queries.tables")


@contextmanager
def reading(environment: Environment, action: str) -> Iterator["Connection"]:
    """Open a read-only transaction.

    Raises:
        SchemaVersionError: The schema has another version than this code.

    """
    with tables.reading(read_database(environment).engine(), action) as connection:
        yield connection


def has_merged(environment: Environment, tenant_id: str, entity: Entity) -> bool | None:
    """Return whether a sync of the entity was ever merged; None if the warehouse cannot be read."""
    try:
        with reading(environment, "looking for an earlier sync") as connection:
            return tables.has_merged(connection, tenant_id, entity)
    except (DatabaseError, SchemaVersionError):
        return None
