"""Find and delete everything that the warehouse has about one client: rows, rejects, and records in stored pages.

The client owns the rows that refer to it, and the rows that refer to those: its portfolios, their transactions, and so
on along the references that the entities declare. A record without a row is found by the owner that it, or its reject,
names. A portfolio that has since moved to another client is kept, but the records that name this client are erased.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

from psycopg import sql
from sqlalchemy import Connection

from inn8_pipeline.entities import CLIENTS, ENTITIES, Entity, Reference
from inn8_pipeline.warehouse.database import execute
from inn8_pipeline.warehouse.history import trigger_settings
from inn8_pipeline.warehouse.landing import validators
from inn8_pipeline.warehouse.landing.chunks import Chunk
from inn8_pipeline.warehouse.landing.pages import write_new
from inn8_pipeline.warehouse.landing.retention import drop_unnamed
from inn8_pipeline.warehouse.schema.landed_pages import pages_of
from inn8_pipeline.warehouse.schema.tables import HISTORY_SCHEMA, SCHEMA

Marks = Mapping[str, AbstractSet[str]]
Cut = Callable[[bytes, Marks], tuple[bytes, list[str | None]]]
"""A function that removes records from a page. It takes the page, and values by property in lower case; it removes the
records with one of these values, and returns the page and the ids of the removed records."""


@dataclass(frozen=True, slots=True)
class DataSubject:
    """The person whose data is erased: a client of a tenant, by its id at INN8."""

    tenant_id: str
    client: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ErasureCounts:
    """The counts of an erasure: rows and past versions by table, rejects, and records by entity.

    A record is counted once for every page that contains it. `still_sent` are the entities whose newest landings
    contain such records: the next sync would store them again.
    """

    rows: Mapping[str, int]
    versions: Mapping[str, int]
    rejects: int
    records: Mapping[Entity, int]
    pages: int
    still_sent: tuple[Entity, ...]

    @property
    def is_nothing(self) -> bool:
        """True if nothing was found."""
        return not (sum(self.rows.values()) or sum(self.versions.values()) or self.rejects or self.pages)


@dataclass(frozen=True, slots=True)
class RedactedPage:
    """A page that had records of the person: its digest, and its body and counts without these records."""

    entity: Entity
    digest: bytes
    body: bytes = field(repr=False)
    records: int
    cut_records: int
    cut_bytes: int


def entities_of_clients() -> list[Entity]:
    """Return the entities whose rows belong to a client, parents before children."""
    found: list[Entity] = []
    for entity in ENTITIES:
        if entity is CLIENTS or any(each.parent in found for each in entity.references):
            found.append(entity)
    return found


OnPage = Callable[[Entity, int, int], None]
"""Is called after each page that was looked through: its entity, how many pages are done, and how many there are."""


class DataSubjectSearch:
    """Search for everything about one client, in a transaction of the caller."""

    def __init__(
        self,
        connection: Connection,
        subject: DataSubject,
        cut: Cut,
        on_page: OnPage = lambda _entity, _done, _total: None,
    ) -> None:
        """Find the ids of the client's rows and records, which identify all of its data."""
        self._on_page = on_page
        self._connection = connection
        self._tenant_id = subject.tenant_id
        self._client = subject.client
        self._cut = cut
        self._entities = entities_of_clients()
        self._ids: dict[Entity, set[str]] = {}
        self._marks: dict[Entity, Marks] = {}
        for entity in self._entities:
            self._ids[entity] = self._find_ids(entity)
            self._marks[entity] = {"id": self._ids[entity], **self._parent_marks(entity)}

    def count(self, take: Callable[[RedactedPage], None] = lambda _: None) -> ErasureCounts:
        """Count everything, and call `take` with each page that has records of the client."""
        records: Counter[Entity] = Counter()
        digests: dict[Entity, list[bytes]] = {entity: [] for entity in self._entities}
        for entity in self._entities:
            for page in self._pages(entity):
                take(page)
                records[entity] += page.cut_records
                digests[entity].append(page.digest)
        return ErasureCounts(
            rows={entity.name: len(self._column(_IDS, entity)) for entity in self._entities},
            versions={entity.name: self._column(_COUNT_VERSIONS, entity)[0] for entity in self._entities},
            rejects=len(self._rejects()),
            records=records,
            pages=sum(map(len, digests.values())),
            still_sent=tuple(entity for entity in self._entities if self._is_in_use(entity, digests[entity])),
        )

    def count_and_rewrite(self) -> ErasureCounts:
        """Count everything, and store its pages without the client's records. Call `delete` next."""
        execute(self._connection, _CREATE)
        return self.count(self._rewrite)

    def delete(self) -> None:
        """Make the landings refer to the rewritten pages; delete the old pages, rejects, past versions and rows.

        The validators of all pages are deleted: the URL of a next page may have an id.
        """
        trigger_settings.set_for_erasure(self._connection)
        execute(self._connection, _REWRITE_GROUPS, tenant=self._tenant_id)
        execute(self._connection, _RENAME, tenant=self._tenant_id)
        drop_unnamed(self._connection, self._tenant_id)
        validators.forget(self._connection, self._tenant_id)
        execute(self._connection, _DELETE_REJECTS, tenant=self._tenant_id, ids=self._rejects())
        for entity in reversed(self._entities):
            # Delete past versions first, because they are found by the parents' rows; then the rows, and last the
            # versions that the triggers stored when the rows were deleted.
            for statement in (_DELETE_UNCONFIRMED, _DELETE_VERSIONS, _DELETE, _DELETE_ERASED):
                composed = statement.format(**_parts(entity), entity=sql.Literal(entity.name))
                execute(self._connection, composed, tenant=self._tenant_id, client=self._client)

    def _rewrite(self, page: RedactedPage) -> None:
        """Store the page without the records, and its new digest for the landings that refer to it."""
        rest = Chunk.of(page.body, page.records)
        write_new(self._connection, self._tenant_id, [rest])
        execute(
            self._connection,
            _INSERT_REWRITTEN,
            entity=page.entity.name,
            old=page.digest,
            new=rest.digest,
            records=page.cut_records,
            bytes=page.cut_bytes,
        )

    def _find_ids(self, entity: Entity) -> set[str]:
        """Return the ids of the client's rows, and of its records and rejects that have no row.

        For an entity without children the ids of rows are enough, because its records name their parent.
        """
        if entity is CLIENTS:
            return {self._client}
        own = set(self._column(_EXTERNAL_IDS, entity))
        if not ENTITIES.children_of(entity):
            return own
        marks = self._parent_marks(entity)
        named: set[str] = set()
        for body in self._bodies(entity):
            named.update(each for each in self._cut(body, marks)[1] if each is not None)
        return own | named - set(self._column(_OF_ANYBODY, entity, ids=list(named)))

    def _parent_marks(self, entity: Entity) -> dict[str, AbstractSet[str]]:
        """Return the ids of parents that identify the client's records, by property in lower case."""
        return {each.source.name.lower(): self._ids[each.parent] for each in _references(entity)}

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
        """Yield the pages of the entity's complete landings: digest, body, number of records."""
        named = self._column(_NAMED, entity)
        for done, digest in enumerate(named, 1):
            row = execute(self._connection, _PAGE, tenant=self._tenant_id, digest=digest).fetchone()
            if row is not None:
                yield row["sha256"], row["body"], row["record_count"]
            self._on_page(entity, done, len(named))

    def _payloads(self, entity: Entity) -> Iterator[tuple[int, bytes]]:
        """Yield the rejects of the entity, including resolved ones: the id, and a page with only this record."""
        for reject_id in self._column(_REJECTS, entity):
            row = execute(self._connection, _PAYLOAD, tenant=self._tenant_id, id=reject_id).fetchone()
            if row is not None:
                yield reject_id, b"[" + row["payload"] + b"]"

    def _rejects(self) -> list[int]:
        return [
            reject_id
            for entity in self._entities
            for reject_id, payload in self._payloads(entity)
            if self._cut(payload, self._marks[entity])[1]
        ]

    def _is_in_use(self, entity: Entity, digests: list[bytes]) -> bool:
        return bool(digests) and bool(self._column(_IN_USE, entity, digests=digests))

    def _column(self, statement: sql.SQL, entity: Entity, **parameters: object) -> list[Any]:
        """Return the column `value` of the rows that a statement about an entity selects."""
        composed = statement.format(**_parts(entity))
        known = {"tenant": self._tenant_id, "client": self._client, "entity": entity.name}
        return [row["value"] for row in execute(self._connection, composed, **known, **parameters)]


def _parts(entity: Entity) -> dict[str, sql.Composable]:
    return {
        "table": _table(entity),
        "belongs": _belongs(entity, "t"),
        "history": sql.Identifier(HISTORY_SCHEMA, entity.name),
        "belonged": _belonged(entity, "t"),
        "pages": pages_of("l"),
    }


def _table(entity: Entity) -> sql.Identifier:
    return sql.Identifier(SCHEMA, entity.name)


def _references(entity: Entity) -> list[Reference]:
    known = entities_of_clients()
    return [each for each in entity.references if each.parent in known]


def _belongs(entity: Entity, alias: str) -> sql.Composable:
    """Return the SQL condition that selects the client's rows of the table with this alias."""
    if entity is CLIENTS:
        return sql.SQL("{} = %(client)s").format(sql.Identifier(alias, "external_id"))
    conditions = [
        sql.SQL("{key} in (select {id} from {parent} {inner} where {tenant} = %(tenant)s and ({belongs}))").format(
            key=sql.Identifier(alias, each.name),
            id=sql.Identifier(f"{alias}_", "id"),
            parent=_table(each.parent),
            inner=sql.Identifier(f"{alias}_"),
            tenant=sql.Identifier(f"{alias}_", "tenant_id"),
            belongs=_belongs(each.parent, f"{alias}_"),
        )
        for each in _references(entity)
    ]
    return sql.SQL("({})").format(sql.SQL(" or ").join(conditions))


def _belonged(entity: Entity, alias: str) -> sql.Composable:
    """Return the condition that a past version under the alias belongs to the client.

    It does if the client owns its row now, whoever owned the row then, because the records of the row are deleted from
    the landings, too. It also does if it refers to the client, to a row that the client owns now, or to a deleted row
    that the client owned. Versions of rows under a portfolio that has since moved to another client stay, as those
    rows do.
    """
    if entity is CLIENTS:
        return _belongs(entity, alias)
    is_of_own_row = _IS_OF_OWN_ROW.format(
        id=sql.Identifier(alias, "id"), table=_table(entity), belongs=_belongs(entity, "own")
    )
    conditions = [is_of_own_row] + [
        _BELONGED.format(
            is_of_row=_belongs(entity, alias),
            key=sql.Identifier(alias, each.name),
            parent=_table(each.parent),
            history=sql.Identifier(HISTORY_SCHEMA, each.parent.name),
            inner=sql.Identifier(f"{alias}_"),
            belonged=_belonged(each.parent, f"{alias}_"),
        )
        for each in _references(entity)
    ]
    return sql.SQL("({})").format(sql.SQL(" or ").join(conditions))


_IS_OF_OWN_ROW = sql.SQL("{id} in (select own.id from {table} own where own.tenant_id = %(tenant)s and {belongs})")
_BELONGED = sql.SQL(
    """
    ({is_of_row} or {key} in (
       select {inner}.id from {history} {inner}
        where {inner}.tenant_id = %(tenant)s and ({belonged})
          and not exists (select from {parent} p where p.tenant_id = {inner}.tenant_id and p.id = {inner}.id)))
    """
)
_COUNT_VERSIONS = sql.SQL("select count(*) as value from {history} t where t.tenant_id = %(tenant)s and {belonged}")
_DELETE_VERSIONS = sql.SQL("delete from {history} t where t.tenant_id = %(tenant)s and {belonged}")
_DELETE_ERASED = sql.SQL(
    "delete from {history} where tenant_id = %(tenant)s and reason = 'erased' and valid_to >= now()"
)
_IDS = sql.SQL("select t.id as value from {table} t where t.tenant_id = %(tenant)s and {belongs}")
_EXTERNAL_IDS = sql.SQL("select t.external_id as value from {table} t where t.tenant_id = %(tenant)s and {belongs}")
_OF_ANYBODY = sql.SQL(
    "select external_id as value from {table} where tenant_id = %(tenant)s and external_id = any (%(ids)s)"
)
_DELETE = sql.SQL("delete from {table} t where t.tenant_id = %(tenant)s and {belongs}")
_DELETE_UNCONFIRMED = sql.SQL(
    """
    delete from inn8.unconfirmed_rows u using {table} t
     where u.tenant_id = %(tenant)s and u.entity = {entity} and t.tenant_id = u.tenant_id and t.id = u.row_id
       and {belongs}
    """
)
_DELETE_REJECTS = sql.SQL("delete from inn8.rejected_records where tenant_id = %(tenant)s and id = any (%(ids)s)")
_INSERT_REWRITTEN = sql.SQL("insert into rewritten values (%(entity)s, %(old)s, %(new)s, %(records)s, %(bytes)s)")
_NAMED = sql.SQL("""
  select distinct d.sha256 as value from inn8_raw.landings l {pages}
   where l.tenant_id = %(tenant)s and l.entity = %(entity)s
""")
_PAGE = sql.SQL("""
  select sha256, convert_to(body::text, 'UTF8') as body, record_count from inn8_raw.pages
   where tenant_id = %(tenant)s and sha256 = %(digest)s
""")
_REJECTS = sql.SQL(
    "select id as value from inn8.rejected_records where tenant_id = %(tenant)s and entity = %(entity)s order by id"
)
_PAYLOAD = sql.SQL("""
  select convert_to(payload::text, 'UTF8') as payload from inn8.rejected_records
   where tenant_id = %(tenant)s and id = %(id)s
""")
# A page is in use by the newest complete fetch of a collection, or of a day of trade. The watermarks do not tell: if
# INN8 sends no record at all, nothing is merged, but INN8 no longer sends the person.
_IN_USE = sql.SQL("""
  select 1 as value from inn8_raw.landings l
   where l.tenant_id = %(tenant)s and l.entity = %(entity)s
     and (l.page_digests && %(digests)s::bytea[]
          or exists (select from inn8_raw.page_groups g
                      where g.tenant_id = l.tenant_id and g.sha256 = any (l.page_digests)
                        and g.page_digests && %(digests)s::bytea[]))
     and exists (
       select from generate_series(l.from_date::timestamp, l.to_date::timestamp, interval '1 day') as d (day)
        where not exists (select from inn8_raw.landings n
                           where n.tenant_id = l.tenant_id and n.entity = l.entity and n.completed_at is not null
                             and n.id > l.id and d.day::date between n.from_date and n.to_date)
       union all
       select where l.from_date is null
          and not exists (select from inn8_raw.landings n
                           where n.tenant_id = l.tenant_id and n.entity = l.entity and n.completed_at is not null
                             and n.id > l.id))
""")
_CREATE = sql.SQL("""
create temporary table rewritten (
  entity text not null, old bytea not null, new bytea not null, records bigint not null, bytes bigint not null,
  primary key (entity, old)
) on commit drop
""")
# A group with a rewritten page is rewritten too. It stands in `rewritten` beside the pages.
_REWRITE_GROUPS = sql.SQL("""
  with named as (
    select distinct l.entity, d.sha256
      from inn8_raw.landings l cross join lateral unnest(l.page_digests) as d (sha256)
     where l.tenant_id = %(tenant)s),
  changed as (
    select n.entity, g.sha256 as old, array_agg(coalesce(r.new, d.sha256) order by d.place) as digests,
           sha256(string_agg(coalesce(r.new, d.sha256), ''::bytea order by d.place)) as new,
           sum(r.records) as records, sum(r.bytes) as bytes
      from named n
      join inn8_raw.page_groups g on g.tenant_id = %(tenant)s and g.sha256 = n.sha256
      cross join lateral unnest(g.page_digests) with ordinality as d (sha256, place)
      left join rewritten r on r.entity = n.entity and r.old = d.sha256
     group by n.entity, g.sha256 having count(r.old) > 0),
  stored as (
    insert into inn8_raw.page_groups (tenant_id, sha256, page_digests)
    select %(tenant)s, new, digests from changed
        on conflict do nothing)
  insert into rewritten select entity, old, new, records, bytes from changed
""")
# The rewritten landing is no longer repeatable, because a fetch of the same pages must be merged. The counts of its
# merge are removed: they no longer agree with its pages, and the check `reconciliation` would fail.
_RENAME = sql.SQL("""
  update inn8_raw.landings l
     set page_digests = m.digests, record_count = l.record_count - m.records, byte_count = l.byte_count - m.bytes,
         is_repeatable = false, counts = (l.counts::jsonb - 'merged' - 'told')::json
    from (select n.id, array_agg(coalesce(r.new, d.sha256) order by d.place) as digests,
                 sum(r.records) as records, sum(r.bytes) as bytes
            from inn8_raw.landings n
            cross join lateral unnest(n.page_digests) with ordinality as d (sha256, place)
            left join rewritten r on r.entity = n.entity and r.old = d.sha256
           where n.tenant_id = %(tenant)s
           group by n.id having count(r.old) > 0) m
   where l.tenant_id = %(tenant)s and l.id = m.id
""")
