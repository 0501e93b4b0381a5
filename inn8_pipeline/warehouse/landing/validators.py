"""The validators of the pages of each entity's last fetch: what a conditional request sends, and what a 304 stands for.

This module implements `extract.http.conditional.KnownPages`. The table has the pages of one fetch for each entity: the
last one of a tick. If INN8's validators turn out to be wrong, it has a single row instead, and for a day no request is
conditional. A page is kept by its landings alone; if it was pruned, it is requested in full.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from psycopg import sql
from psycopg.types.json import Json
from sqlalchemy import Connection, Engine

from inn8_pipeline.entities import Entity
from inn8_pipeline.warehouse.database import execute, raw, transaction
from inn8_pipeline.warehouse.kept_connection import KeptConnection
from inn8_pipeline.warehouse.landing.pages import read_page

MAX_AGE_HOURS = 24
"""A page that came in full longer ago is requested in full again: a wrong 304 hides a change no longer than this."""
DISTRUST = b""
"""The key of the row that says that the validators are wrong."""

_LOAD = sql.SQL(
    """
    select request_key, validator, sha256, facts, is_end, fetched_at,
           fetched_at between now() - make_interval(hours => %(hours)s) and now() as is_recent
      from inn8_raw.page_validators where tenant_id = %(tenant)s and entity = %(entity)s
    """
)
_FORGET = sql.SQL("delete from inn8_raw.page_validators where tenant_id = %(tenant)s and entity = %(entity)s")
_STORE = sql.SQL(
    """
    insert into inn8_raw.page_validators
           (tenant_id, entity, request_key, validator, sha256, facts, is_end, fetched_at)
    values (%(tenant)s, %(entity)s, %(key)s, %(validator)s, %(digest)s, %(facts)s, %(is_end)s,
            coalesce(%(fetched_at)s, now()))
        on conflict (tenant_id, entity, request_key) do nothing
    """
)


@dataclass(frozen=True, slots=True)
class StoredPage:
    """A page of the last fetch that had validators. `may_ask`: whether it may be requested conditionally."""

    validator: str = field(repr=False)
    digest: bytes
    facts: Mapping[str, Any] = field(repr=False)
    may_ask: bool
    fetched_at: datetime


class NewPage(Protocol):
    """A page of a complete fetch. With `is_unchanged`, INN8 answered 304, so it did not come in full."""

    @property
    def key(self) -> bytes: ...  # noqa: D102

    @property
    def validator(self) -> str: ...  # noqa: D102

    @property
    def digest(self) -> bytes: ...  # noqa: D102

    @property
    def facts(self) -> Mapping[str, Any]: ...  # noqa: D102

    @property
    def is_unchanged(self) -> bool: ...  # noqa: D102

    @property
    def is_end(self) -> bool: ...  # noqa: D102


class PageValidators(KeptConnection):
    """The validators of one entity. Safe to use from several threads; close it, or use it as a context manager."""

    def __init__(self, engine: Engine, tenant_id: str, entity: Entity) -> None:
        super().__init__(engine, "reading a page that has not changed")
        self._names = {"tenant": tenant_id, "entity": entity.name}
        rows = self.run(lambda connection: execute(connection, _LOAD, **self._names, hours=MAX_AGE_HOURS).fetchall())
        stored = {bytes(row["request_key"]): row for row in rows}
        distrust = stored.pop(DISTRUST, None)
        self._is_distrusted = distrust is not None and distrust["is_recent"]
        self._is_wrong = False
        self._pages = {key: _page(row) for key, row in stored.items()}

    def find(self, key: bytes) -> StoredPage | None:
        """Return the page that was requested in this way."""
        return self._pages.get(key)

    def body(self, digest: bytes) -> bytes | None:
        """Return a page as it was landed; None if it is no longer stored as it was."""
        found = self.run(lambda connection: read_page(connection, self._names["tenant"], digest))
        return found if found is not None and hashlib.sha256(found).digest() == digest else None

    def distrust(self) -> None:
        """Note that INN8's validators are wrong: `replace` stores none, and none is stored for a day."""
        self._is_wrong = True

    def replace(self, pages: Iterable[NewPage]) -> None:
        """Store the pages of a complete fetch in place of those of the fetch before it."""
        if self._is_distrusted and not self._is_wrong:
            return
        rows = [_DISTRUST_ROW] if self._is_wrong else map(self._row, pages)
        with transaction(self._engine, "writing the validators of pages") as connection:
            execute(connection, _FORGET, **self._names)
            raw(connection).cursor().executemany(_STORE, [{**self._names, **row} for row in rows])

    def _row(self, page: NewPage) -> dict[str, object]:
        known = self._pages.get(page.key)
        return {
            "key": page.key,
            "validator": page.validator,
            "digest": page.digest,
            "facts": Json(dict(page.facts)),
            "is_end": page.is_end,
            "fetched_at": known.fetched_at if known and page.is_unchanged else None,
        }


_DISTRUST_ROW: Mapping[str, object] = {
    "key": DISTRUST,
    "validator": None,
    "digest": None,
    "facts": None,
    "is_end": True,
    "fetched_at": None,
}


def _page(row: Mapping[str, Any]) -> StoredPage:
    return StoredPage(
        validator=row["validator"],
        digest=bytes(row["sha256"]),
        facts=row["facts"],
        may_ask=row["is_recent"] and not row["is_end"],
        fetched_at=row["fetched_at"],
    )


_FORGET_TENANT = sql.SQL("delete from inn8_raw.page_validators where tenant_id = %(tenant)s")
_FORGET_OLD = sql.SQL(
    """
    delete from inn8_raw.page_validators v
     where v.tenant_id = %(tenant)s
       and (v.fetched_at < now() - 2 * make_interval(hours => %(hours)s)
            or v.sha256 is not null and not exists (
              select from inn8_raw.pages p where p.tenant_id = v.tenant_id and p.sha256 = v.sha256))
    """
)


def forget(connection: Connection, tenant_id: str) -> None:
    """Delete all validators of a tenant, so that each page comes in full the next time."""
    execute(connection, _FORGET_TENANT, tenant=tenant_id)


def prune(connection: Connection, tenant_id: str) -> None:
    """Delete the validators that are too old to be used, and those of pages that are no longer stored."""
    execute(connection, _FORGET_OLD, tenant=tenant_id, hours=MAX_AGE_HOURS)
