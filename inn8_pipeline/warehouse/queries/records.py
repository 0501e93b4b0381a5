"""One record as the warehouse has it: its row, its relations, what INN8 sent last, its rejects, its history.

Here belongs the SQL of `inn8 show`. Answers hold personal data.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, text

from inn8_pipeline.entities import Entity
from inn8_pipeline.warehouse.queries.operator import Row


@dataclass(frozen=True, slots=True)
class Record:
    """What there is of one external id.

    `related` are rows of other tables, as `related_name` says. `sent` is INN8's JSON, of the landing merged last.
    `history` has each version that the kept pages hold, newest first, with its first and its last fetch.
    """

    row: Row | None = field(repr=False)
    related: Sequence[Row] = field(repr=False)
    sent: Sequence[Row] = field(repr=False)
    rejects: Sequence[Row] = field(repr=False)
    history: Sequence[Row] = field(repr=False)

    @property
    def is_known(self) -> bool:
        """Whether there is anything."""
        return bool(self.row or self.sent or self.rejects or self.history)


def related_name(entity: Entity) -> str:
    """What the relations of an entity's record are."""
    return _RELATED[entity][0]


def read(connection: Connection, tenant_id: str, entity: Entity, external_id: str) -> Record:
    """Everything of one record."""
    known = {"tenant": tenant_id, "entity": str(entity), "id": external_id}
    found = _rows(
        connection, f"select * from inn8.{_DETAILS[entity]} where tenant_id = :tenant and external_id = :id", known
    )
    rejects = _rows(connection, _REJECTS, known)
    day = next((row["trade_date"] for row in [*found, *rejects] if entity is Entity.TRANSACTIONS), None)
    return Record(
        row=found[0] if found else None,
        related=_rows(connection, _RELATED[entity][1], known),
        sent=_rows(connection, _SENT, {**known, "day": day}),
        rejects=rejects,
        history=_rows(connection, _HISTORY, known),
    )


def _rows(connection: Connection, statement: str, values: Mapping[str, object]) -> Sequence[Row]:
    return connection.execute(text(statement), values).mappings().all()


_DETAILS = {
    Entity.CLIENTS: "client_details",
    Entity.PORTFOLIOS: "portfolio_details",
    Entity.TRANSACTIONS: "transaction_details",
}
_RELATED = {
    Entity.CLIENTS: (
        "portfolios",
        """
        select external_id, name, account_number, account_type, status, removed_at from inn8.portfolio_details
         where tenant_id = :tenant and client_external_id = :id order by external_id
        """,
    ),
    Entity.PORTFOLIOS: (
        "transactions by month",
        """
        select to_char(trade_date, 'YYYY-MM') as month, count(*) as transactions, min(trade_date) as first_date,
               max(trade_date) as last_date
          from inn8.transaction_details
         where tenant_id = :tenant and portfolio_external_id = :id and removed_at is null
         group by 1 order by 1 desc limit 24
        """,
    ),
    Entity.TRANSACTIONS: (
        "portfolio",
        """
        select p.external_id, p.name, p.client_external_id, p.client_name, p.status
          from inn8.portfolio_details p
          join inn8.transactions t on t.tenant_id = p.tenant_id and t.portfolio_id = p.id
         where t.tenant_id = :tenant and t.external_id = :id
        """,
    ),
}
_REJECTS = """
  select id, reason_code, reason, payload::text as payload, trade_date, first_seen_at, last_seen_at, attempts,
         resolved_at, resolution, accepted_note
    from inn8.rejected_records
   where tenant_id = :tenant and entity = :entity and external_id = :id order by id desc
"""
# Only pages that can hold the record are opened: such as mention the id, or spell anything in escapes.
_HOLDS = r"""
  (position(:id in p.body::text) > 0 or position('\' in p.body::text) > 0)
  and inn8_raw.property(e.record, 'id') #>> '{}' = :id
"""
_SENT = f"""
  select l.id as landing_id, l.as_of_at, e.record::text as record
    from inn8.sync_coverage c
    join inn8_raw.landings l on l.tenant_id = c.tenant_id and l.id = c.landing_id
    cross join lateral unnest(l.page_digests) with ordinality as d (sha256, page)
    join inn8_raw.pages p on p.tenant_id = l.tenant_id and p.sha256 = d.sha256
    cross join lateral json_array_elements(p.body) with ordinality as e (record, place)
   where c.tenant_id = :tenant and c.entity = :entity and c.trade_date is not distinct from cast(:day as date)
     and {_HOLDS}
   order by d.page desc, e.place desc
"""
_HISTORY = f"""
  with held as materialized (
    select distinct p.sha256, e.record::text as record
      from inn8_raw.pages p cross join lateral json_array_elements(p.body) as e (record)
     where p.tenant_id = :tenant and {_HOLDS}),
  brought as (
    select h.record, l.started_at, l.run_id, coalesce(l.status, r.status, 'not merged') as status
      from inn8_raw.landings l
      cross join lateral (select distinct unnest(l.page_digests) as sha256) as d
      join held h on h.sha256 = d.sha256
      left join inn8_raw.landings r on r.tenant_id = l.tenant_id and r.id = l.repeats_id
     where l.tenant_id = :tenant and l.entity = :entity and l.completed_at is not null)
  select (array_agg(started_at order by started_at))[1] as first_fetched_at,
         (array_agg(run_id order by started_at))[1] as first_run_id,
         (array_agg(status order by started_at))[1] as first_status,
         (array_agg(started_at order by started_at desc))[1] as last_fetched_at,
         (array_agg(run_id order by started_at desc))[1] as last_run_id,
         (array_agg(status order by started_at desc))[1] as last_status,
         count(*) as fetches, record
    from brought group by record order by last_fetched_at desc, first_fetched_at desc
"""
