"""What an operator asks of the warehouse and tells it: rejects, one record with all that is known of it, counts.

Here belong questions whose answers a person reads, and the acceptance of a reject. Answers are values; how they are
shown is the command line's. They hold personal data: their reprs leave it out.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Engine, text

from inn8_pipeline.entities import Entity, ReasonCode
from inn8_pipeline.warehouse.database import transaction
from inn8_pipeline.warehouse.tables import BUSINESS_TABLES


@dataclass(frozen=True, slots=True)
class OpenReject:
    """A reject that waits to be healed, withdrawn or superseded; `id` is what `accept` and `find_reject` take."""

    id: int
    entity: Entity
    external_id: str | None = field(repr=False)
    trade_date: date | None
    reason_code: ReasonCode
    reason: str
    attempts: int
    first_seen_at: datetime
    last_seen_at: datetime
    accepted_at: datetime | None
    accepted_note: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class RejectDetails:
    """A reject, open or not, with the record as INN8 sent it (JSON text)."""

    reject: OpenReject
    resolved_at: datetime | None
    resolution: str | None
    payload: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Known:
    """All that is known of one external id.

    `row` is None where only a reject is known. `relations` are rows of other tables, by table. `sent` is the record as
    INN8 sent it last (JSON text), None where the landing no longer has it.
    """

    row: dict[str, Any] | None = field(repr=False)
    relations: dict[str, list[dict[str, Any]]] = field(repr=False)
    sent: str | None = field(repr=False)
    reject: OpenReject | None


@dataclass(frozen=True, slots=True)
class LastSync:
    """An entity's last sync: `last_synced_at` is the start of the newest fetch merged, `status` what it ended with."""

    entity: Entity
    last_synced_at: datetime
    merged_at: datetime
    status: str
    open_rejects: int


def open_rejects(
    engine: Engine, tenant_id: str, entity: Entity | None = None, code: ReasonCode | None = None
) -> list[OpenReject]:
    """The open rejects, accepted ones too; the newest first."""
    statement = text(
        f"""
        select {_REJECT} from inn8.rejected_records
         where tenant_id = :tenant_id and resolved_at is null
           and (cast(:entity as text) is null or entity = :entity)
           and (cast(:code as text) is null or reason_code = :code)
         order by last_seen_at desc, id desc
        """
    )
    scope = {"tenant_id": tenant_id, "entity": entity, "code": code}
    with transaction(engine, "listing rejects") as connection:
        return [_reject(dict(row)) for row in connection.execute(statement, scope).mappings()]


def find_reject(engine: Engine, tenant_id: str, reject_id: int) -> RejectDetails | None:
    """One reject with its payload; None where there is none of this id."""
    statement = f"""
      select {_REJECT}, resolved_at, resolution, payload::text as payload from inn8.rejected_records
       where tenant_id = :tenant_id and id = :id
    """
    with transaction(engine, "reading a reject") as connection:
        row = _one(connection, statement, {"tenant_id": tenant_id, "id": reject_id})
    return RejectDetails(_reject(row), row["resolved_at"], row["resolution"], row["payload"]) if row else None


def accept(engine: Engine, tenant_id: str, reject_id: int, note: str) -> bool:
    """Accept an open reject as permanent: it no longer colours the status until INN8 sends it changed.

    False where no open reject has this id.
    """
    statement = text(
        """
        update inn8.rejected_records set accepted_at = now(), accepted_note = :note, updated_at = now()
         where tenant_id = :tenant_id and id = :id and resolved_at is null
        """
    )
    with transaction(engine, "accepting a reject") as connection:
        return connection.execute(statement, {"tenant_id": tenant_id, "id": reject_id, "note": note}).rowcount == 1


def find(engine: Engine, tenant_id: str, entity: Entity, external_id: str) -> Known | None:
    """All that is known of INN8's id; None where it is neither a row nor an open reject."""
    key = {"tenant_id": tenant_id, "entity": entity, "external_id": external_id}
    with transaction(engine, f"looking for one of {entity}") as connection:
        row = _one(connection, _ROW.format(entity=entity), key)
        reject = _one(connection, _OPEN, key)
        if row is None and reject is None:
            return None
        relations = _relations(connection, entity, row) if row else {}
        sent = reject["payload"] if reject else _sent(connection, {**key, "day": row and row.get("trade_date")})
    return Known(row, relations, sent, _reject(reject) if reject else None)


def row_counts(engine: Engine, tenant_id: str) -> dict[str, int]:
    """The rows of each table that INN8 still sends, and of the securities; by the table's name."""
    counts = {}
    with transaction(engine, "counting rows") as connection:
        for name, table in BUSINESS_TABLES.items():
            present = " and removed_at is null" if "removed_at" in table.c else ""
            statement = text(f"select count(*) from inn8.{name} where tenant_id = :tenant_id{present}")
            counts[name] = connection.scalar(statement, {"tenant_id": tenant_id}) or 0
    return counts


def last_syncs(engine: Engine, tenant_id: str) -> list[LastSync]:
    """The last sync of each entity that had one, in the order in which they depend."""
    with transaction(engine, "reading the last syncs") as connection:
        found = {row["entity"]: row for row in connection.execute(_LAST_SYNCS, {"tenant_id": tenant_id}).mappings()}
    return [LastSync(**{**found[entity], "entity": entity}) for entity in Entity if entity in found]


def _one(connection: Connection, statement: str, key: dict[str, Any]) -> dict[str, Any] | None:
    row = connection.execute(text(statement), key).mappings().one_or_none()
    return dict(row) if row else None


def _relations(connection: Connection, entity: Entity, row: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    return {
        table: [dict(each) for each in connection.execute(text(statement), row).mappings()]
        for table, statement in _RELATIONS[entity].items()
    }


def _reject(row: Mapping[str, Any]) -> OpenReject:
    names = OpenReject.__dataclass_fields__
    values = {name: row[name] for name in names}
    return OpenReject(**values | {"entity": Entity(row["entity"]), "reason_code": ReasonCode(row["reason_code"])})


def _sent(connection: Connection, key: dict[str, Any]) -> str | None:
    """The record in the landing merged last for its day. Only pages that mention the id are opened, if any does."""
    is_plain = re.fullmatch(r"[A-Za-z0-9_.:-]+", key["external_id"]) is not None
    found: str | None = connection.scalar(text(_SENT + _MENTIONED + _LAST), key) if is_plain else None
    return found or connection.scalar(text(_SENT + _LAST), key)


_REJECT = ", ".join(OpenReject.__dataclass_fields__)
_ROW = "select * from inn8.{entity} where tenant_id = :tenant_id and external_id = :external_id"
_OPEN = f"""
  select {_REJECT}, payload::text as payload from inn8.rejected_records
   where tenant_id = :tenant_id and entity = :entity and record_key = :external_id and resolved_at is null
"""
_CLIENT = "select * from inn8.clients where tenant_id = :tenant_id and id = :client_id"
_RELATIONS: dict[Entity, dict[str, str]] = {
    Entity.CLIENTS: {
        "portfolios": "select * from inn8.portfolios where tenant_id = :tenant_id and client_id = :id order by id"
    },
    Entity.PORTFOLIOS: {"clients": _CLIENT},
    Entity.TRANSACTIONS: {
        "portfolios": "select * from inn8.portfolios where tenant_id = :tenant_id and id = :portfolio_id",
        "securities": "select * from inn8.securities where tenant_id = :tenant_id and id = :security_id",
    },
}
_SENT = """
  select e.record::text
    from inn8.sync_coverage c
    join inn8_raw.landings l on l.tenant_id = c.tenant_id and l.id = c.landing_id
    cross join lateral unnest(l.page_digests) with ordinality as d (sha256, page)
    join inn8_raw.pages p on p.tenant_id = l.tenant_id and p.sha256 = d.sha256
    cross join lateral json_array_elements(p.body) with ordinality as e (record, place)
   where c.tenant_id = :tenant_id and c.entity = :entity and c.trade_date is not distinct from cast(:day as date)
     and inn8_raw.property(e.record, 'id') #>> '{}' = :external_id
"""
_MENTIONED = " and position(:external_id in p.body::text) > 0"
_LAST = " order by d.page desc, e.place desc limit 1"
_LAST_SYNCS = text(
    """
    select distinct on (s.entity) s.entity, s.last_synced_at, s.merged_at, s.status,
           (select count(*) from inn8.rejected_records r where r.tenant_id = s.tenant_id and r.entity = s.entity
              and r.resolved_at is null and r.accepted_at is null) as open_rejects
      from inn8.sync_state s
     where s.tenant_id = :tenant_id
     order by s.entity, s.last_synced_at desc
    """
)
