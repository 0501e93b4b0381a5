"""Advisory locks with bounded waits: one merge of an entity at a time, and none while a person's data is erased.

Each belongs to a tenant and lasts until the end of its transaction, but for that of a fetch: until its connection is
closed. In which order they are taken: fetches, entities in their order, pages.
"""

import time
from collections.abc import Callable
from typing import Any

import psycopg

from inn8_pipeline.entities import ENTITIES
from inn8_pipeline.errors import SyncLockedError


def entity(tenant_id: str, name: str) -> str:
    """Return the lock of all that writes an entity's rows."""
    return f"inn8 {tenant_id} {name}"


def fetches(tenant_id: str) -> str:
    """Return the lock that each fetch shares: it counts on the pages that it has found."""
    return f"inn8 fetches of {tenant_id}"


def take(
    cursor: "psycopg.Cursor[Any]", key: str, waits_for: str, seconds: float, on_wait: Callable[[], None] = lambda: None
) -> None:
    """Take a lock until the end of the transaction, alone.

    Where another holds it, `on_wait` is called and it is waited for, `SyncLockedError` after so many seconds.
    """
    taken = cursor.execute("select pg_try_advisory_xact_lock(hashtextextended(%s, 0))", (key,)).fetchone()
    if taken and taken[0]:
        return
    on_wait()
    began_at = time.monotonic()
    cursor.execute("select set_config('lock_timeout', %s, true)", (f"{max(seconds * 1000, 1):.0f}ms",))
    try:
        cursor.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", (key,))
    except psycopg.errors.LockNotAvailable:
        raise SyncLockedError(waits_for, time.monotonic() - began_at) from None
    cursor.execute("set local lock_timeout to default")


def take_all(cursor: "psycopg.Cursor[Any]", tenant_id: str, seconds: float) -> None:
    """Take the locks of the tenant's fetches and of all its entities, so that nothing else fetches or merges."""
    take(cursor, fetches(tenant_id), "any entity", seconds)
    for each in ENTITIES:
        take(cursor, entity(tenant_id, each.name), each.name, seconds)
