"""The responses of each entity's last fetch, by which the next one recognizes those that are the same.

If all are, the landing of the last fetch is repeated: its records need not be read and cut into chunks again. So the
responses count only as long as that landing is stored as it was.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from psycopg import sql
from psycopg.types.json import Json
from sqlalchemy import Connection, Engine

from inn8_pipeline.entities import Entity
from inn8_pipeline.warehouse.database import execute, transaction
from inn8_pipeline.warehouse.landing.store import Landing, landing_of

_LOAD = sql.SQL(
    """
    select f.responses, f.digests_sha256, l.*
      from inn8_raw.last_fetches f
      join inn8_raw.landings l on l.tenant_id = f.tenant_id and l.id = f.landing_id
     where f.tenant_id = %(tenant)s and f.entity = %(entity)s and l.completed_at is not null
       and not exists (
         select from unnest(l.page_digests) as d (sha256)
          where not exists (select from inn8_raw.pages p where p.tenant_id = l.tenant_id and p.sha256 = d.sha256)
            and not exists (
              select from inn8_raw.page_groups g
               where g.tenant_id = l.tenant_id and g.sha256 = d.sha256
                 and not exists (
                   select from unnest(g.page_digests) as c (sha256)
                    where not exists (select from inn8_raw.pages p
                                       where p.tenant_id = l.tenant_id and p.sha256 = c.sha256))))
    """
)
_STORE = sql.SQL(
    """
    insert into inn8_raw.last_fetches (tenant_id, entity, landing_id, digests_sha256, responses)
    values (%(tenant)s, %(entity)s, %(landing)s, %(digests)s, %(responses)s)
        on conflict (tenant_id, entity) do update
       set landing_id = excluded.landing_id, digests_sha256 = excluded.digests_sha256, responses = excluded.responses
    """
)
_REPEAT = sql.SQL(
    "update inn8_raw.last_fetches set landing_id = %(landing)s where tenant_id = %(tenant)s and entity = %(entity)s"
)
_FORGET = sql.SQL("delete from inn8_raw.last_fetches where tenant_id = %(tenant)s and entity = %(entity)s")
_FORGET_TENANT = sql.SQL("delete from inn8_raw.last_fetches where tenant_id = %(tenant)s")


class Response(Protocol):
    """A response: the digest of what was read, the number and the size of its records, and what else was read."""

    @property
    def digest(self) -> bytes: ...  # noqa: D102

    @property
    def records(self) -> int: ...  # noqa: D102

    @property
    def bytes(self) -> int: ...  # noqa: D102

    @property
    def facts(self) -> Mapping[str, Any]: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """A response of the last fetch."""

    digest: bytes
    records: int
    bytes: int
    facts: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class LastFetch:
    """The landing of a fetch, and its responses in order, by the key of their request."""

    landing: Landing
    responses: Mapping[bytes, StoredResponse]


def load(engine: Engine, tenant_id: str, entity: Entity) -> LastFetch | None:
    """Return the last fetch of the entity; None if there is none, or if its landing is not stored as it was.

    Call it while no landing can be pruned: after a writer was opened.
    """
    with transaction(engine, "reading the responses of the last fetch") as connection:
        row = execute(connection, _LOAD, tenant=tenant_id, entity=entity.name).fetchone()
    if row is None or bytes(row["digests_sha256"]) != _digest(row["page_digests"]):
        return None
    responses = {
        bytes.fromhex(key): StoredResponse(bytes.fromhex(digest), records, size, facts)
        for key, digest, records, size, facts in row["responses"]
    }
    return LastFetch(landing_of(row), responses)


def store(engine: Engine, landing: Landing, responses: Mapping[bytes, Response] | None) -> None:
    """Store the responses of a complete fetch in place of those of the fetch before it; None: only delete those."""
    names = {"tenant": landing.tenant_id, "entity": landing.entity.name}
    with transaction(engine, "writing the responses of a fetch") as connection:
        if not responses:
            execute(connection, _FORGET, **names)
            return
        rows = [
            [key.hex(), each.digest.hex(), each.records, each.bytes, dict(each.facts)]
            for key, each in responses.items()
        ]
        execute(connection, _STORE, **names, landing=landing.id, digests=_digest(landing.digests), responses=Json(rows))


def repeat(engine: Engine, landing: Landing) -> None:
    """Note that the landing repeats the one of the last fetch."""
    with transaction(engine, "writing the responses of a fetch") as connection:
        execute(connection, _REPEAT, tenant=landing.tenant_id, entity=landing.entity.name, landing=landing.id)


def forget(connection: Connection, tenant_id: str) -> None:
    """Delete the responses of all fetches of a tenant."""
    execute(connection, _FORGET_TENANT, tenant=tenant_id)


def _digest(digests: Sequence[bytes]) -> bytes:
    return hashlib.sha256(b"".join(map(bytes, digests))).digest()
