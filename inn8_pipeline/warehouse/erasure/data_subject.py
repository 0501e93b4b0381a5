"""All that there is of one person: which rows, rejects and records, and how they are taken out, within a transaction.

A client's portfolios are its own, and their transactions: those whose row is the client's, and those of which only a
record or a reject says so. A portfolio that is another client's by now is not, but for the records that name this one.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from inn8_pipeline.entities import Entity
from inn8_pipeline.warehouse.database import raw
from inn8_pipeline.warehouse.landing.retention import drop_unnamed
from inn8_pipeline.warehouse.landing.store import write_page

Marks = Mapping[str, AbstractSet[str]]
Cut = Callable[[bytes, Marks], tuple[bytes, list[str | None]]]
"""A page without the records that bear a mark (a property's name in lower case, its values), and the ids of these."""


@dataclass(frozen=True, slots=True)
class DataSubject:
    """Whose data: a client of a tenant, by INN8's id."""

    tenant_id: str
    client: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ErasureCounts:
    """What goes, or went: rows by table, rejects, and records by entity, each counted once for every page it stands on.

    `still_sent`: the entities of which a landing in use holds such records, so that INN8 would bring them back.
    """

    rows: Mapping[str, int]
    rejects: int
    records: Mapping[Entity, int]
    pages: int
    still_sent: tuple[Entity, ...]

    @property
    def is_nothing(self) -> bool:
        """Whether nothing was found."""
        return not (sum(self.rows.values()) or self.rejects or self.pages)


@dataclass(frozen=True, slots=True)
class RedactedPage:
    """A page of an entity that holds records of the person, and what it becomes without them."""

    entity: Entity
    digest: bytes
    body: bytes = field(repr=False)
    records: int
    cut_records: int
    cut_bytes: int


class DataSubjectSearch:
    """All that there is of one person, within a transaction."""

    def __init__(self, connection: Connection, subject: DataSubject, cut: Cut) -> None:
        """Find the person's portfolios and transactions: by them its records are known."""
        self._connection = connection
        self._tenant_id = subject.tenant_id
        self._client = subject.client
        self._cut = cut
        portfolios = self._find_portfolios()
        transactions = self._column(f"select external_id from inn8.transactions t where {_ROWS['transactions']}")
        self._marks: dict[Entity, Marks] = {
            Entity.CLIENTS: {"id": {self._client}},
            Entity.PORTFOLIOS: {"id": portfolios, "clientid": {self._client}},
            Entity.TRANSACTIONS: {"id": set(transactions), "portfolioid": portfolios},
        }

    def run(self, statement: str, **parameters: object) -> Any:  # noqa: ANN401 (the driver's cursor)
        """Execute a statement with the search's own parameters and these."""
        known = {"tenant": self._tenant_id, "client": self._client}
        return raw(self._connection).execute(statement, {**known, **parameters})

    def count(self, take: Callable[[RedactedPage], None] = lambda _: None) -> ErasureCounts:
        """Count everything; each page that has records of the person is handed to `take`."""
        records: Counter[Entity] = Counter()
        digests: dict[Entity, list[bytes]] = {entity: [] for entity in Entity}
        for entity in Entity:
            for page in self._pages(entity):
                take(page)
                records[entity] += page.cut_records
                digests[entity].append(page.digest)
        return ErasureCounts(
            rows={table: len(self._column(f"select id from inn8.{table} t where {_ROWS[table]}")) for table in _ROWS},
            rejects=len(self._rejects()),
            records=records,
            pages=sum(map(len, digests.values())),
            still_sent=tuple(entity for entity in Entity if self._is_in_use(entity, digests[entity])),
        )

    def count_and_rewrite(self) -> ErasureCounts:
        """Count everything, and keep its pages without the records; `delete` then lets the landings name them."""
        self.run(_CREATE)
        return self.count(self._rewrite)

    def delete(self) -> None:
        """Let the landings name the rewritten pages, drop the old ones, then the rejects and the rows."""
        self.run(_RENAME)
        drop_unnamed(self._connection, self._tenant_id)
        self.run(
            "delete from inn8.rejected_records where tenant_id = %(tenant)s and id = any (%(ids)s)", ids=self._rejects()
        )
        for table in reversed(_ROWS):
            self.run(f"delete from inn8.{table} t where {_ROWS[table]}")

    def _rewrite(self, page: RedactedPage) -> None:
        """Keep the page without the records, and remember its new name for the landings that name it."""
        digest = hashlib.sha256(page.body).digest()
        write_page(self._connection, self._tenant_id, digest, page.body, page.records)
        self.run(
            "insert into rewritten values (%(entity)s, %(old)s, %(new)s, %(records)s, %(bytes)s)",
            entity=str(page.entity),
            old=page.digest,
            new=digest,
            records=page.cut_records,
            bytes=page.cut_bytes,
        )

    def _find_portfolios(self) -> set[str]:
        """Those whose row is the client's, and those without a row that a record or a reject says are."""
        own = set(self._column(f"select external_id from inn8.portfolios t where {_ROWS['portfolios']}"))
        named: set[str] = set()
        for body in self._bodies(Entity.PORTFOLIOS):
            named.update(each for each in self._cut(body, {"clientid": {self._client}})[1] if each is not None)
        of_anybody = (
            "select external_id from inn8.portfolios where tenant_id = %(tenant)s and external_id = any (%(ids)s)"
        )
        return own | named - set(self._column(of_anybody, ids=list(named)))

    def _bodies(self, entity: Entity) -> Iterator[bytes]:
        for _, body, _ in self._kept(entity):
            yield body
        for _, payload in self._payloads(entity):
            yield payload

    def _pages(self, entity: Entity) -> Iterator[RedactedPage]:
        for digest, body, records in self._kept(entity):
            rest, cut = self._cut(body, self._marks[entity])
            if cut:
                yield RedactedPage(entity, digest, rest, records - len(cut), len(cut), len(body) - len(rest))

    def _kept(self, entity: Entity) -> Iterator[tuple[bytes, bytes, int]]:
        """The pages that a complete landing of the entity names: digest, body, number of records."""
        for digest in self._column(_NAMED, entity=str(entity)):
            yield self.run(_PAGE, digest=digest).fetchone()

    def _payloads(self, entity: Entity) -> Iterator[tuple[int, bytes]]:
        """The rejects of the entity, resolved ones too: id, and a page of the one record."""
        for reject_id in self._column(_REJECTS, entity=str(entity)):
            (payload,) = self.run(_PAYLOAD, id=reject_id).fetchone()
            yield reject_id, b"[" + payload + b"]"

    def _rejects(self) -> list[int]:
        return [
            reject_id
            for entity in Entity
            for reject_id, payload in self._payloads(entity)
            if self._cut(payload, self._marks[entity])[1]
        ]

    def _is_in_use(self, entity: Entity, digests: list[bytes]) -> bool:
        return bool(digests) and bool(self._column(_IN_USE, entity=str(entity), digests=digests))

    def _column(self, statement: str, **parameters: object) -> list[Any]:
        return [value for (value,) in self.run(statement, **parameters).fetchall()]


# Conditions on a table under the alias t, in the order in which the rows depend.
_CLIENT = "select c.id from inn8.clients c where c.tenant_id = %(tenant)s and c.external_id = %(client)s"
_PORTFOLIO = f"select p.id from inn8.portfolios p where p.tenant_id = %(tenant)s and p.client_id = ({_CLIENT})"
_ROWS = {
    "clients": "t.tenant_id = %(tenant)s and t.external_id = %(client)s",
    "portfolios": f"t.tenant_id = %(tenant)s and t.client_id = ({_CLIENT})",
    "transactions": f"t.tenant_id = %(tenant)s and t.portfolio_id in ({_PORTFOLIO})",
}
_NAMED = """
  select distinct d.sha256 from inn8_raw.landings l cross join lateral unnest(l.page_digests) as d (sha256)
   where l.tenant_id = %(tenant)s and l.entity = %(entity)s
"""
_PAGE = """
  select sha256, convert_to(body::text, 'UTF8'), record_count from inn8_raw.pages
   where tenant_id = %(tenant)s and sha256 = %(digest)s
"""
_REJECTS = "select id from inn8.rejected_records where tenant_id = %(tenant)s and entity = %(entity)s order by id"
_PAYLOAD = """
  select convert_to(payload::text, 'UTF8') from inn8.rejected_records where tenant_id = %(tenant)s and id = %(id)s
"""
# In use: the newest fetch of a collection, and whatever a day of trade was merged from last.
_IN_USE = """
  select 1 from inn8_raw.landings l
   where l.tenant_id = %(tenant)s and l.entity = %(entity)s and l.page_digests && %(digests)s::bytea[]
     and (l.id = (select n.id from inn8_raw.landings n
                   where n.tenant_id = %(tenant)s and n.entity = %(entity)s and n.completed_at is not null
                   order by n.started_at desc limit 1)
          or exists (select from inn8.sync_coverage c where c.tenant_id = l.tenant_id and c.landing_id = l.id
                      and c.trade_date is not null))
"""
_CREATE = """
create temporary table rewritten (
  entity text not null, old bytea not null, new bytea not null, records bigint not null, bytes bigint not null,
  primary key (entity, old)
) on commit drop
"""
# What the rows were made from has changed: a fetch of the very same pages is to be merged, and not taken for a repeat.
# And its merge's counts are no longer those of its pages: the check `reconciliation` is to see none.
_RENAME = """
  update inn8_raw.landings l
     set page_digests = m.digests, record_count = l.record_count - m.records, byte_count = l.byte_count - m.bytes,
         is_repeatable = false, counts = (l.counts::jsonb - 'told')::json
    from (select n.id, array_agg(coalesce(r.new, d.sha256) order by d.place) as digests,
                 sum(r.records) as records, sum(r.bytes) as bytes
            from inn8_raw.landings n
            cross join lateral unnest(n.page_digests) with ordinality as d (sha256, place)
            left join rewritten r on r.entity = n.entity and r.old = d.sha256
           where n.tenant_id = %(tenant)s
           group by n.id having count(r.old) > 0) m
   where l.tenant_id = %(tenant)s and l.id = m.id
"""
