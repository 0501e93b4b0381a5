"""Postgres advisory locks: the only module of the warehouse that takes one.

A lock's name is hashed to its key. A lock lasts until the end of its transaction (`take`, `hold`, `try_hold`, `share`)
or until its connection is closed (`share_until_closed`, `alone`), so Postgres releases it if its process dies.
A transaction that takes several takes them in this order: fetches, entities in the order of `ENTITIES`, pages.

`defs.runs.process` takes its lock itself, in Dagster's storage, which may be another database.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql
from sqlalchemy import Connection, Engine

from inn8_pipeline.entities import ENTITIES
from inn8_pipeline.errors import SyncLockedError
from inn8_pipeline.warehouse.database import execute, guarded

SCHEMA_VERSION = "inn8 schema"
"""The lock of an upgrade of the schema."""

_HOLD = sql.SQL("select pg_advisory_xact_lock(hashtextextended(%(name)s, 0))")
_SHARE = sql.SQL("select pg_advisory_xact_lock_shared(hashtextextended(%(name)s, 0))")
_TRY = sql.SQL("select pg_try_advisory_xact_lock(hashtextextended(%(name)s, 0)) as is_taken")
_SHARE_UNTIL_CLOSED = sql.SQL("select pg_advisory_lock_shared(hashtextextended(%(name)s, 0))")
_TRY_UNTIL_CLOSED = sql.SQL("select pg_try_advisory_lock(hashtextextended(%(name)s, 0)) as is_taken")
_BOUND_WAIT = sql.SQL("select set_config('lock_timeout', %(timeout)s, true)")
_UNBOUND_WAIT = sql.SQL("set local lock_timeout to default")


def entity(tenant_id: str, name: str) -> str:
    """Return the name of the lock that every writer of an entity's rows takes."""
    return f"inn8 {tenant_id} {name}"


def fetches(tenant_id: str) -> str:
    """Return the name of the lock that every fetch shares while it relies on pages that are stored already."""
    return f"inn8 fetches of {tenant_id}"


def pages(tenant_id: str) -> str:
    """Return the name of the lock that keeps a tenant's pages from being pruned."""
    return f"inn8 pages {tenant_id}"


def take(
    connection: Connection, name: str, waits_for: str, seconds: float, on_wait: Callable[[], None] = lambda: None
) -> None:
    """Take a lock exclusively until the end of the transaction; wait for at most `seconds`.

    Args:
        connection: A connection in a transaction.
        name: The lock.
        waits_for: What another session that holds the lock is syncing, for the error's message.
        seconds: How long to wait.
        on_wait: Called once if another session holds the lock, before the wait.

    Raises:
        SyncLockedError: Another session held the lock for longer than `seconds`.

    """
    if try_hold(connection, name):
        return
    on_wait()
    began_at = time.monotonic()
    execute(connection, _BOUND_WAIT, timeout=f"{max(seconds * 1000, 1):.0f}ms")
    try:
        hold(connection, name)
    except psycopg.errors.LockNotAvailable:
        raise SyncLockedError(waits_for, time.monotonic() - began_at) from None
    execute(connection, _UNBOUND_WAIT)


def take_all(connection: Connection, tenant_id: str, seconds: float) -> None:
    """Take the locks of the tenant's fetches and of all its entities, so that no other session fetches or merges."""
    take(connection, fetches(tenant_id), "this tenant", seconds)
    for each in ENTITIES:
        take(connection, entity(tenant_id, each.name), each.name, seconds)


def try_hold(connection: Connection, name: str) -> bool:
    """Take a lock exclusively until the end of the transaction, unless another session holds it; never wait."""
    return _is_taken(connection, _TRY, name)


def hold(connection: Connection, name: str) -> None:
    """Take a lock exclusively until the end of the transaction; wait for at most the session's `lock_timeout`."""
    execute(connection, _HOLD, name=name)


def share(connection: Connection, name: str) -> None:
    """Share a lock until the end of the transaction; wait for at most the session's `lock_timeout`."""
    execute(connection, _SHARE, name=name)


def share_until_closed(connection: Connection, name: str) -> None:
    """Share a lock until the connection is closed; wait for at most the session's `lock_timeout`."""
    execute(connection, _SHARE_UNTIL_CLOSED, name=name)


@contextmanager
def alone(engine: Engine, name: str) -> Iterator[bool]:
    """Try to take a lock, and hold it in the context. Yield False if another session holds it; never wait.

    The connection is in no transaction: one that lasts as long as the work in the context would be ended by
    `idle_in_transaction_session_timeout`.
    """
    with guarded("taking the lock of a step"):
        connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    try:
        with guarded("taking the lock of a step"):
            is_taken = _is_taken(connection, _TRY_UNTIL_CLOSED, name)
        yield is_taken
    finally:
        connection.close()


def _is_taken(connection: Connection, statement: sql.SQL, name: str) -> bool:
    row = execute(connection, statement, name=name).fetchone()
    return row is not None and row["is_taken"] is True
