"""The way of a command to the warehouse of the settings. What is asked there is `warehouse.operator`'s."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from inn8_pipeline.entities import TRANSACTIONS
from inn8_pipeline.errors import DatabaseError, SchemaVersionError
from inn8_pipeline.settings import Environment, read_database_url

if TYPE_CHECKING:
    from sqlalchemy import Connection


@contextmanager
def reading(environment: Environment, action: str) -> Iterator["Connection"]:
    """A read-only transaction on the warehouse of the settings; refuses another schema version than this code's."""
    from inn8_pipeline.warehouse.database import connect
    from inn8_pipeline.warehouse.queries import operator

    with operator.reading(connect(read_database_url(environment)), action) as connection:
        yield connection


def has_transactions(environment: Environment, tenant_id: str) -> bool | None:
    """Whether a sync of transactions was ever merged. None where that cannot be told: the sync will say why."""
    from inn8_pipeline.warehouse.queries import operator

    try:
        with reading(environment, "looking for an earlier sync") as connection:
            return operator.has_merged(connection, tenant_id, TRANSACTIONS)
    except (DatabaseError, SchemaVersionError):
        return None
