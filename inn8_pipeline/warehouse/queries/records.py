"""Read one record: its row, its related rows, the JSON that INN8 sent last, its rejects and its history.

The results contain personal data.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from psycopg import sql
from sqlalchemy import Connection

from inn8_pipeline.entities import DAY_COLUMN, ENTITIES, Entity, Reference
from inn8_pipeline.warehouse.database import Statement, execute
from inn8_pipeline.warehouse.queries.tables import Row
from inn8_pipeline.warehouse.schema.landed_pages import pages_of
from inn8_pipeline.warehouse.schema.tables import SCHEMA

MONTHS = 24
"""For how many months children are counted that are partitioned by day of trade."""


@dataclass(frozen=True, slots=True)
class Record:
    """Everything that the warehouse has about one external id.

    `related` has the rows of other tables by heading ("portfolios"). `sent` is the JSON in the landing merged last.
    `history` has each version of the JSON in the stored pages with its first and last fetch, newest first.
    """

    row: Row | None = field(repr=False)
    related: Mapping[str, Sequence[Row]] = field(repr=False)
    sent: Sequence[Row] = field(repr=False)
    rejects: Sequence[Row] = field(repr=False)
    history: Sequence[Row] = field(repr=False)

    @property
    def is_known(self) -> bool:
        """True if the warehouse has anything about this id."""
        return bool(self.row or self.sent or self.rejects or self.history)


def read(connection: Connection, tenant_id: str, entity: Entity, external_id: str) -> Record:
    """Return everything about one record."""
    known = {"tenant": tenant_id, "entity": entity.name, "id": external_id}
    found = _rows(connection, _ROW.format(details=_details(entity)), known)
    rejects = _rows(connection, _REJECTS, known)
    day = next((row[DAY_COLUMN] for row in [*found, *rejects] if entity.has_days), None)
    return Record(
        row=found[0] if found else None,
        related=_related(connection, entity, known),
        sent=_rows(connection, _SENT, {**known, "day": day}),
        rejects=rejects,
        history=_rows(connection, _HISTORY, known),
    )


def read_as_of(
    connection: Connection, tenant_id: str, entity: Entity, external_id: str, instant: datetime
) -> Row | None:
    """Return the row as it was at an instant, with its parents as of the same instant; None if there was none."""
    function = sql.Identifier(SCHEMA, f"{entity.name}_as_of")
    known = {"instant": instant, "tenant": tenant_id, "id": external_id}
    found = _rows(connection, _ROW_AS_OF.format(function=function), known)
    return found[0] if found else None


def _rows(connection: Connection, statement: Statement, values: Mapping[str, object]) -> Sequence[Row]:
    return execute(connection, statement, **values).fetchall()


def _details(entity: Entity) -> sql.Identifier:
    return sql.Identifier(SCHEMA, f"{entity.singular}_details")


def _related(connection: Connection, entity: Entity, known: Mapping[str, object]) -> dict[str, Sequence[Row]]:
    """Return the rows of the record's children; if its entity has no children, the rows of its parents."""
    children = ENTITIES.children_of(entity)
    if not children:
        return {each.parent.singular: _parent(connection, entity, each, known) for each in entity.references}
    return {
        f"{child} by month" if child.has_days else child.name: _children(connection, entity, child, known)
        for child in children
    }


def _children(connection: Connection, entity: Entity, child: Entity, known: Mapping[str, object]) -> Sequence[Row]:
    (reference,) = (each for each in child.references if each.parent is entity)
    parts = {"details": _details(child), "parent": sql.Identifier(reference.staged), "name": sql.Identifier(child.name)}
    return _rows(connection, (_BY_MONTH if child.has_days else _ROWS).format(**parts), {**known, "limit": MONTHS})


def _parent(connection: Connection, entity: Entity, reference: Reference, known: Mapping[str, object]) -> Sequence[Row]:
    statement = _PARENT.format(
        parent=_details(reference.parent), child=sql.Identifier(SCHEMA, entity.name), key=sql.Identifier(reference.name)
    )
    return _rows(connection, statement, known)


_ROW = sql.SQL("select * from {details} where tenant_id = %(tenant)s and external_id = %(id)s")
_ROW_AS_OF = sql.SQL("select * from {function}(%(instant)s) where tenant_id = %(tenant)s and external_id = %(id)s")
_ROWS = sql.SQL("select * from {details} where tenant_id = %(tenant)s and {parent} = %(id)s order by external_id")
_BY_MONTH = sql.SQL(
    """
    select to_char(trade_date, 'YYYY-MM') as month, count(*) as {name}, min(trade_date) as first_date,
           max(trade_date) as last_date
      from {details}
     where tenant_id = %(tenant)s and {parent} = %(id)s and removed_at is null
     group by 1 order by 1 desc limit %(limit)s
    """
)
_PARENT = sql.SQL(
    """
    select p.* from {parent} p
      join {child} t on t.tenant_id = p.tenant_id and t.{key} = p.id
     where t.tenant_id = %(tenant)s and t.external_id = %(id)s
    """
)
_REJECTS = sql.SQL(
    """
    select id, reason_code, reason, payload::text as payload, trade_date, first_seen_at, last_seen_at, attempts,
           resolved_at, resolution, accepted_note
      from inn8.rejected_records
     where tenant_id = %(tenant)s and entity = %(entity)s and external_id = %(id)s order by id desc
    """
)
# Only pages that can contain the record are parsed: those that contain the id, or a backslash, because the id may be
# written in escapes.
_HOLDS = sql.SQL(r"""
  (position(%(id)s in p.body::text) > 0 or position('\' in p.body::text) > 0)
  and inn8_raw.property(e.record, 'id') #>> '{}' = %(id)s
""")
_SENT = sql.SQL("""
  select l.id as landing_id, l.as_of_at, e.record::text as record
    from inn8.sync_coverage c
    join inn8_raw.landings l on l.tenant_id = c.tenant_id and l.id = c.landing_id {pages}
    join inn8_raw.pages p on p.tenant_id = l.tenant_id and p.sha256 = d.sha256
    cross join lateral json_array_elements(p.body) with ordinality as e (record, place)
   where c.tenant_id = %(tenant)s and c.entity = %(entity)s and c.trade_date is not distinct from cast(%(day)s as date)
     and {holds}
   order by d.place desc, e.place desc
""").format(holds=_HOLDS, pages=pages_of("l"))
_HISTORY = sql.SQL("""
  with held as materialized (
    select distinct p.sha256, e.record::text as record
      from inn8_raw.pages p cross join lateral json_array_elements(p.body) as e (record)
     where p.tenant_id = %(tenant)s and {holds}),
  named as (
    select sha256, record from held
    union
    select g.sha256, h.record from held h
      join inn8_raw.page_groups g on g.tenant_id = %(tenant)s and h.sha256 = any (g.page_digests)),
  brought as (
    select distinct h.record, l.id, l.started_at, l.run_id, coalesce(l.status, r.status, 'not merged') as status
      from inn8_raw.landings l
      cross join lateral unnest(l.page_digests) as d (sha256)
      join named h on h.sha256 = d.sha256
      left join inn8_raw.landings r on r.tenant_id = l.tenant_id and r.id = l.repeats_id
     where l.tenant_id = %(tenant)s and l.entity = %(entity)s and l.completed_at is not null)
  select (array_agg(started_at order by id))[1] as first_fetched_at,
         (array_agg(run_id order by id))[1] as first_run_id,
         (array_agg(status order by id))[1] as first_status,
         (array_agg(started_at order by id desc))[1] as last_fetched_at,
         (array_agg(run_id order by id desc))[1] as last_run_id,
         (array_agg(status order by id desc))[1] as last_status,
         count(*) as fetches, record
    from brought group by record order by last_fetched_at desc, first_fetched_at desc
""").format(holds=_HOLDS)
