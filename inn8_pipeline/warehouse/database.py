"""The way to Postgres: one engine, bounded waits, and errors that name what was being done but never a value.

Here belong connections. Every transaction of the warehouse goes through `transaction`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row
from sqlalchemy import Connection, Engine, NullPool, create_engine
from sqlalchemy.exc import DBAPIError

from inn8_pipeline.errors import DatabaseError

Statement = sql.SQL | sql.Composed
"""A statement as `psycopg.sql` composes it."""

CONNECT_SECONDS = 10
STATEMENT_MINUTES = 60
IDLE_MINUTES = 15

_SESSION = {
    # A query's plan is for one run: compiling it costs more than it saves.
    "jit": "off",
    # The staged rows of a sync are joined and counted several times.
    "work_mem": "64MB",
    "temp_buffers": "64MB",
    # No wait without a bound: for a lock (the merge sets its own), for a statement, for a client that is gone.
    "lock_timeout": "60s",
    "statement_timeout": f"{STATEMENT_MINUTES}min",
    "idle_in_transaction_session_timeout": f"{IDLE_MINUTES}min",
    # Of a client whose machine is lost Postgres hears nothing: it asks, so that no lock is held for the dead.
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
    "timezone": "UTC",
}


def connect(url: str) -> Engine:
    """An engine without a pool, so that nothing stays open between two syncs. `url` names psycopg as its driver."""
    return create_engine(
        url,
        poolclass=NullPool,
        hide_parameters=True,
        connect_args={
            "connect_timeout": CONNECT_SECONDS,
            "application_name": "inn8_pipeline",
            "client_encoding": "utf8",
            "options": " ".join(f"-c {name}={value}" for name, value in _SESSION.items()),
            "keepalives_idle": 30,
            "keepalives_interval": 10,
            "keepalives_count": 3,
            "tcp_user_timeout": 60_000,
        },
    )


@contextmanager
def guarded(action: str) -> Iterator[None]:
    """Turn what Postgres or its driver raises into a `DatabaseError`.

    Only the condition's name and code go into it: Postgres's own message can hold the values of a row.
    """
    try:
        yield
    except DBAPIError as error:
        raise _named(action, error.orig) from None
    except psycopg.Error as error:
        raise _named(action, error) from None


def _named(action: str, error: BaseException | None) -> DatabaseError:
    sqlstate = getattr(error, "sqlstate", None) or ""
    return DatabaseError(action=action, condition=type(error).__name__, sqlstate=sqlstate)


@contextmanager
def transaction(engine: Engine, action: str) -> Iterator[Connection]:
    """One transaction: committed at the end, rolled back by any error. `action` names it in a `DatabaseError`."""
    with guarded(action), engine.begin() as connection:
        yield connection


def execute(connection: Connection, statement: Statement, **parameters: object) -> "psycopg.Cursor[dict[str, Any]]":
    """Execute a composed statement with named parameters (`%(tenant)s`); rows are dictionaries by column name.

    This is how the warehouse writes its SQL: composed by `psycopg.sql` from table metadata and literals of this code,
    every value a named parameter that the call shows.
    """
    return raw(connection).cursor(row_factory=dict_row).execute(statement, parameters)


def raw(connection: Connection) -> "psycopg.Connection[tuple[object, ...]]":
    """The driver's connection below, in the same transaction: for COPY and for SQL that SQLAlchemy has no words for."""
    driver = connection.connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        message = f"{type(driver).__name__} is not a connection of psycopg 3"
        raise TypeError(message)
    return driver
