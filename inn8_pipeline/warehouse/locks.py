"""Locks that only the pipeline can take: rows of the table `inn8.locks`, locked `for update` or `for share`.

Advisory locks are not used, because every login that can connect can take them, and `pg_locks` shows their keys to
everybody. Readers have no right on the table, so they cannot take a lock or make the pipeline wait for one.

A lock lasts until the end of its transaction, so Postgres releases it if its process dies. `SharedLock` and `alone`
hold one for longer than a merge lasts, in a transaction on a connection of its own. That transaction has a transaction
id, so VACUUM keeps every row that was deleted after it began until the fetch or the step has ended.

A transaction that takes several locks takes them in this order: fetches, entities in the order of `ENTITIES`, pages.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import NamedTuple

import psycopg
from psycopg import sql
from sqlalchemy import Connection, Engine

from inn8_pipeline.entities import ENTITIES
from inn8_pipeline.errors import DatabaseError, SyncLockedError
from inn8_pipeline.warehouse.database import Statement, execute, guarded, transaction


class Lock(NamedTuple):
    """The key of a row of `inn8.locks`. The tenant is empty if the lock concerns no tenant."""

    tenant_id: str
    name: str


_LOCK = sql.SQL("select 1 as taken from inn8.locks where tenant_id = %(tenant)s and name = %(name)s {}")
_HOLD = _LOCK.format(sql.SQL("for update"))
_SHARE = _LOCK.format(sql.SQL("for share"))
_TRY = _LOCK.format(sql.SQL("for update skip locked"))
_EXISTS = _LOCK.format(sql.SQL(""))
_INSERT = sql.SQL("insert into inn8.locks (tenant_id, name) values (%(tenant)s, %(name)s) on conflict do nothing")
_DELETE = sql.SQL("delete from inn8.locks where tenant_id = %(tenant)s and name = %(name)s")
_IS_INSTALLED = sql.SQL("select 1 as found where to_regclass('inn8.locks') is not null")
_BOUND_OF_WAIT = sql.SQL("select current_setting('lock_timeout') as bound")
_BOUND_WAIT = sql.SQL("select set_config('lock_timeout', %(bound)s, true)")
_STAY_IDLE = sql.SQL("set local idle_in_transaction_session_timeout = 0")
_PING = sql.SQL("select 1")


def entity(tenant_id: str, name: str) -> Lock:
    """Return the lock that every writer of an entity's rows takes."""
    return Lock(tenant_id, f"merge of {name}")


def fetches(tenant_id: str) -> Lock:
    """Return the lock that every fetch shares while it relies on pages that are stored already."""
    return Lock(tenant_id, "fetches")


def pages(tenant_id: str) -> Lock:
    """Return the lock that keeps a tenant's pages from being pruned."""
    return Lock(tenant_id, "pages")


def step(run_id: str, step_key: str) -> Lock:
    """Return the lock of a step, which must not be executed twice at the same time."""
    return Lock("", f"step {run_id} {step_key}")


def _entrance(lock: Lock) -> Lock:
    """Return the lock that a session holds while it waits to take `lock` exclusively: nobody else can share it then.

    Row locks have no queue. Without this, sessions that share a lock in turn could keep another one waiting for ever.
    """
    return lock._replace(name=f"entrance to {lock.name}")


def take(
    connection: Connection, lock: Lock, waits_for: str, seconds: float, on_wait: Callable[[], None] = lambda: None
) -> None:
    """Take a lock exclusively until the end of the transaction; wait for at most `seconds`.

    Args:
        connection: A connection in a transaction.
        lock: The lock.
        waits_for: What the session that holds the lock is syncing, for the error message.
        seconds: How long to wait.
        on_wait: A function that is called once before the wait, if another session holds the lock.

    Raises:
        SyncLockedError: Another session held the lock for longer than `seconds`.

    """
    if try_hold(connection, lock):
        return
    on_wait()
    began_at = time.monotonic()
    try:
        with waiting_at_most(connection, seconds):
            hold(connection, lock)
    except psycopg.errors.LockNotAvailable:
        raise SyncLockedError(waits_for, time.monotonic() - began_at) from None


@contextmanager
def waiting_at_most(connection: Connection, seconds: float) -> Iterator[None]:
    """Let each statement of the block wait for a lock for at most `seconds`, and later ones as long as before.

    Raises:
        psycopg.errors.LockNotAvailable: One has waited for longer. The transaction, or its savepoint, has failed.

    """
    # `set … to default` would give the default of the server, by which a statement waits for ever.
    (former,) = execute(connection, _BOUND_OF_WAIT)
    execute(connection, _BOUND_WAIT, bound=f"{max(seconds * 1000, 1):.0f}ms")
    yield
    execute(connection, _BOUND_WAIT, **former)


def take_all(connection: Connection, tenant_id: str, seconds: float) -> None:
    """Take the locks of the tenant's fetches and of all its entities, so that no other session fetches or merges."""
    for lock in (_entrance(fetches(tenant_id)), fetches(tenant_id)):
        take(connection, lock, "this tenant", seconds)
    for each in ENTITIES:
        take(connection, entity(tenant_id, each.name), each.name, seconds)


def try_hold(connection: Connection, lock: Lock) -> bool:
    """Take a lock exclusively until the end of the transaction, unless another session holds it; never wait."""
    if _finds(connection, _TRY, lock):
        return True
    if _finds(connection, _EXISTS, lock):
        return False
    _insert(connection.engine, lock)
    return _finds(connection, _TRY, lock)


def hold(connection: Connection, lock: Lock) -> None:
    """Take a lock exclusively until the end of the transaction; wait for at most the session's `lock_timeout`."""
    _wait_for(connection, _HOLD, lock)


def share(connection: Connection, lock: Lock) -> None:
    """Share a lock until the end of the transaction; wait for at most the session's `lock_timeout`."""
    _wait_for(connection, _SHARE, lock)


class SharedLock:
    """A lock that is shared until `close` is called, by an open transaction on a connection of its own."""

    def __init__(self, engine: Engine, lock: Lock) -> None:
        """Share the lock; wait for at most the session's `lock_timeout`."""
        with transaction(engine, "waiting for the entrance to a lock") as connection:
            share(connection, _entrance(lock))
        with guarded("sharing a lock"):
            self._connection = engine.connect()
        try:
            with guarded("sharing a lock"):
                self._connection.begin()
                execute(self._connection, _STAY_IDLE)
                share(self._connection, lock)
        except BaseException:
            self.close()
            raise

    def check(self) -> None:
        """Raise `DatabaseError` if the connection broke, and the lock with it."""
        with guarded("holding a lock"):
            execute(self._connection, _PING)

    def close(self) -> None:
        """Release the lock. Called twice, it does nothing."""
        _release(self._connection)


class TriedLock:
    """The outcome of `alone`: whether the lock is held (`is_taken`), and later whether it was lost."""

    def __init__(self, connection: Connection, *, is_taken: bool) -> None:
        self.is_taken = is_taken
        self._connection = connection

    def is_lost(self) -> bool:
        """Return whether the connection broke, and the lock with it: another session may have taken it since then."""
        with suppress(DatabaseError), guarded("holding a lock"):
            execute(self._connection, _PING)
            return False
        return True


@contextmanager
def alone(engine: Engine, lock: Lock) -> Iterator[TriedLock]:
    """Try to take a lock, and hold it in the context; never wait.

    If the database has no table of locks yet, the lock counts as taken: the work in the context then fails with the
    right error.
    """
    with ExitStack() as held:
        with guarded("taking a lock"):
            connection = engine.connect()
            held.callback(_release, connection)
            connection.begin()
            execute(connection, _STAY_IDLE)
            is_installed = _finds(connection, _IS_INSTALLED, lock)
            is_held = is_installed and try_hold(connection, lock)
        if is_held:
            held.callback(_delete, connection, lock)
        yield TriedLock(connection, is_taken=is_held or not is_installed)


def _delete(connection: Connection, lock: Lock) -> None:
    """Delete a lock that nobody will take again, and release it. If its connection broke, its row is left behind."""
    with suppress(DatabaseError), guarded("releasing a lock"):
        execute(connection, _DELETE, tenant=lock.tenant_id, name=lock.name)
        connection.commit()


def _release(connection: Connection) -> None:
    """Close a connection with the locks that it holds. If it broke, they are released already."""
    with suppress(DatabaseError), guarded("releasing a lock"):
        connection.rollback()
    connection.close()


def _wait_for(connection: Connection, statement: Statement, lock: Lock) -> None:
    if not _finds(connection, statement, lock):
        _insert(connection.engine, lock)
        _finds(connection, statement, lock)


def _insert(engine: Engine, lock: Lock) -> None:
    """Insert the row of a lock that is used for the first time. A transaction of its own lets no other session wait."""
    with transaction(engine, "inserting a lock") as connection:
        execute(connection, _INSERT, tenant=lock.tenant_id, name=lock.name)


def _finds(connection: Connection, statement: Statement, lock: Lock) -> bool:
    return execute(connection, statement, tenant=lock.tenant_id, name=lock.name).fetchone() is not None
