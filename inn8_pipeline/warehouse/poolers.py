"""Find out whether a pooler between us and Postgres lends each transaction or statement another session."""

from enum import StrEnum
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import Engine

from inn8_pipeline.errors import DatabaseError, PoolerError
from inn8_pipeline.warehouse.database import guarded, raw

_ATTEMPTS = 3
_PROTOCOL_VIOLATION = "08P01"
_ANOTHER_WAY = "let the URL name the server itself or a pool in session mode (`pool_mode = session`)"
_PROCESS = sql.SQL("select pg_backend_pid()")


class Pooling(StrEnum):
    """How long a connection of ours keeps its session of Postgres."""

    SESSION = "session"
    TRANSACTION = "transaction"
    STATEMENT = "statement"


def check_pooling(engine: Engine, variable: str, *, prepares_statements: bool) -> Pooling:
    """Check that the pipeline works with the pooler that the URL of this variable leads to, if there is one.

    Raises:
        PoolerError: It does not, or only with another setting.

    """
    pooling = found_pooling(engine)
    if pooling is Pooling.STATEMENT:
        finding = "which allows no transactions: nothing can be read or written"
        raise PoolerError(variable, pooling, finding, _ANOTHER_WAY)
    if pooling is Pooling.TRANSACTION and prepares_statements:
        finding = "where prepared statements fail and session settings are lost: syncs fail"
        raise PoolerError(variable, pooling, finding, f"Set INN8_PREPARED_STATEMENTS=false, or {_ANOTHER_WAY}")
    return pooling


def check_session(engine: Engine, variable: str) -> None:
    """Check that each connection to Dagster's storage has a session of its own.

    Raises:
        PoolerError: A pooler lends it other sessions.

    """
    pooling = found_pooling(engine)
    if pooling is not Pooling.SESSION:
        finding = "but Dagster's notifications belong to a session: pages of the UI are not updated, or nothing works"
        raise PoolerError(variable, pooling, finding, _ANOTHER_WAY)


def found_pooling(engine: Engine) -> Pooling:
    """Return how connections are pooled; `SESSION` also if no pooler is in between.

    Two open connections have two processes of Postgres, unless a pooler has lent the first one's process to the second.
    A pooler lends the process that was used last, so the first attempt shows it unless others use the pooler just then.
    """
    action = "looking for a pooler"
    try:
        with guarded(action), engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            first = raw(connection)
            is_shared = any(_shares(engine, first) for _ in range(_ATTEMPTS))
    except DatabaseError as error:
        if error.sqlstate == _PROTOCOL_VIOLATION:
            return Pooling.STATEMENT  # PgBouncer refuses transactions in this mode
        raise
    return Pooling.TRANSACTION if is_shared else Pooling.SESSION


def _shares(engine: Engine, first: "psycopg.Connection[Any]") -> bool:
    before = _process(first)
    with engine.connect() as connection:
        second = _process(raw(connection))
        # If the pooler has one process only, the first connection would wait for the second one's transaction.
        return second == before or _process(first) != before


def _process(connection: "psycopg.Connection[Any]") -> int:
    ((process,),) = connection.execute(_PROCESS)
    return int(process)
