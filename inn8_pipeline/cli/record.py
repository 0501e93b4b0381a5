"""One record as the warehouse has it: its row, its relations, what INN8 sent last, its rejects. SQL of `inn8 show`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from inn8_pipeline.cli.queries import Row
from inn8_pipeline.entities import Entity

if TYPE_CHECKING:
    from sqlalchemy import Connection

_RELATED = {
    Entity.CLIENTS: (
        "portfolios",
        (
            "select external_id, name, account_number, account_type, status, removed_at from inn8.portfolio_details "
            "where tenant_id = :tenant and client_external_id = :id order by external_id"
        ),
    ),
    Entity.PORTFOLIOS: (
        "transactions by month",
        (
            "select to_char(trade_date, 'YYYY-MM') as month, count(*) as transactions, min(trade_date) as first_date, "
            "max(trade_date) as last_date from inn8.transaction_details where tenant_id = :tenant and "
            "portfolio_external_id = :id and removed_at is null group by 1 order by 1 desc limit 24"
        ),
    ),
    Entity.TRANSACTIONS: (
        "portfolio",
        (
            "select p.external_id, p.name, p.client_external_id, p.client_name, p.status from inn8.portfolio_details p "
            "join inn8.transactions t on t.tenant_id = p.tenant_id and t.portfolio_id = p.id "
            "where t.tenant_id = :tenant and t.external_id = :id"
        ),
    ),
}
_DETAILS = {
    Entity.CLIENTS: "client_details",
    Entity.PORTFOLIOS: "portfolio_details",
    Entity.TRANSACTIONS: "transaction_details",
}


@dataclass(frozen=True, slots=True)
class Record:
    """What there is of one external id. `sent` is INN8's JSON, of the landing merged last."""

    row: Row | None
    related: Sequence[Row]
    sent: Sequence[Row]
    rejects: Sequence[Row]

    @property
    def is_known(self) -> bool:
        """Whether there is anything."""
        return bool(self.row or self.sent or self.rejects)


def related_name(entity: Entity) -> str:
    """What the relations of an entity's record are."""
    return _RELATED[entity][0]


def read(connection: "Connection", tenant_id: str, entity: Entity, external_id: str) -> Record:
    """Everything of one record."""
    known = {"tenant": tenant_id, "id": external_id}
    details = f"select * from inn8.{_DETAILS[entity]} where tenant_id = :tenant and external_id = :id"  # noqa: S608
    found = _rows(connection, details, **known)
    rejects = _rows(
        connection,
        "select id, reason_code, reason, payload::text as payload, trade_date, first_seen_at, last_seen_at, attempts, "
        "resolved_at, resolution, accepted_note from inn8.rejected_records "
        "where tenant_id = :tenant and entity = :entity and external_id = :id order by id desc",
        entity=str(entity),
        **known,
    )
    day = next((row["trade_date"] for row in [*found, *rejects] if entity is Entity.TRANSACTIONS), None)
    return Record(
        row=found[0] if found else None,
        related=_rows(connection, _RELATED[entity][1], **known),
        sent=_sent(connection, entity, day, known),
        rejects=rejects,
    )


def _sent(connection: "Connection", entity: Entity, day: date | None, known: dict[str, Any]) -> Sequence[Row]:
    """The record in the landing merged last; of transactions in that of its day, for all would take long."""
    if entity is Entity.TRANSACTIONS and day is None:
        return []
    of_day = "and trade_date = :day" if entity is Entity.TRANSACTIONS else ""
    return _rows(
        connection,
        f"select landing_id, as_of_at, record::text as record from inn8_raw.{entity} "  # noqa: S608 (our own names)
        f"where tenant_id = :tenant and inn8_raw.property(record, 'id') #>> '{{}}' = :id {of_day}",
        **known,
        **({"day": day} if of_day else {}),
    )


def _rows(connection: "Connection", sql: str, **values: Any) -> Sequence[Row]:  # noqa: ANN401 (parameters)
    from sqlalchemy import text

    return connection.execute(text(sql), values).mappings().all()
