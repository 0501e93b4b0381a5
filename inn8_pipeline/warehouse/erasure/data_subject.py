"""Find and delete everything that the warehouse has about one client: rows, rejects, and records in stored pages.

The client owns the rows that refer to it, and the rows that refer to those: its portfolios, their transactions, and so
on along the references that the entities declare. A record without a row is found by the owner that it, or its reject,
names. A portfolio that has since moved to another client is kept, but the records that name this client are erased.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from psycopg import sql
from sqlalchemy import Connection

from inn8_pipeline.entities import CLIENTS, ENTITIES, Entity
from inn8_pipeline.warehouse.database import execute
from inn8_pipeline.warehouse.erasure import ownership, statements
from inn8_pipeline.warehouse.history import trigger_settings
from inn8_pipeline.warehouse.landing import last_fetches, validators
from inn8_pipeline.warehouse.landing.chunks import Chunk
from inn8_pipeline.warehouse.landing.pages import write_new
from inn8_pipeline.warehouse.landing.retention import drop_unnamed

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


OnProgress = Callable[[str, int, int], object]
"""Is called with what is being done, how many steps of it are done, and how many there are; 0 if that is not known."""


def ignore_progress(_doing: str, _done: int, _total: int) -> None:
    """Do nothing."""


_PAGES_AT_A_TIME = 16
"""The pages of one query: chunks are small, and a query for each took two thirds of the time of an erasure."""


class DataSubjectSearch:
    """Search for everything about one client, in a transaction of the caller."""

    def __init__(
        self,
        connection: Connection,
        subject: DataSubject,
        cut: Cut,
        on_progress: OnProgress = ignore_progress,
    ) -> None:
        """Find the ids of the client's rows and records, which identify all of its data."""
        self._on_progress = on_progress
        self._connection = connection
        self._tenant_id = subject.tenant_id
        self._client = subject.client
        self._cut = cut
        self._entities = ownership.entities_of_clients()
        self._named = {entity: self._column(statements.NAMED, entity) for entity in self._entities}
        looked_through = [*self._entities, *(each for each in self._entities if _is_looked_through_for_ids(each))]
        self._pages_to_look_through = sum(len(self._named[entity]) for entity in looked_through)
        self._pages_done = 0
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
            rows={entity.name: len(self._column(statements.IDS, entity)) for entity in self._entities},
            versions={entity.name: self._column(statements.COUNT_VERSIONS, entity)[0] for entity in self._entities},
            rejects=len(self._rejects()),
            records=records,
            pages=sum(map(len, digests.values())),
            still_sent=tuple(entity for entity in self._entities if self._is_in_use(entity, digests[entity])),
        )

    def count_and_rewrite(self) -> ErasureCounts:
        """Count everything, and store its pages without the client's records. Call `delete` next."""
        execute(self._connection, statements.CREATE)
        return self.count(self._rewrite)

    def delete(self) -> None:
        """Make the landings refer to the rewritten pages; delete the old pages, rejects, past versions and rows.

        The validators of all pages are deleted: the URL of a next page may have an id.
        """
        steps = list(self._deletions())
        for done, delete in enumerate(steps):
            self._on_progress("deleting", done, len(steps))
            delete()

    def _deletions(self) -> Iterator[Callable[[], object]]:
        connection, tenant_id = self._connection, self._tenant_id
        yield partial(trigger_settings.set_for_erasure, connection)
        yield partial(execute, connection, statements.REWRITE_GROUPS, tenant=tenant_id)
        yield partial(execute, connection, statements.RENAME, tenant=tenant_id)
        yield partial(drop_unnamed, connection, tenant_id)
        yield partial(validators.forget, connection, tenant_id)
        yield partial(last_fetches.forget, connection, tenant_id)
        yield partial(execute, connection, statements.DELETE_REJECTS, tenant=tenant_id, ids=self._rejects())
        for entity in reversed(self._entities):
            for statement in statements.DELETES:
                composed = statement.format(**ownership.parts(entity), entity=sql.Literal(entity.name))
                yield partial(execute, connection, composed, tenant=tenant_id, client=self._client)

    def _rewrite(self, page: RedactedPage) -> None:
        """Store the page without the records, and its new digest for the landings that refer to it."""
        rest = Chunk.of(page.body, page.records)
        write_new(self._connection, self._tenant_id, [rest])
        execute(
            self._connection,
            statements.INSERT_REWRITTEN,
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
        own = set(self._column(statements.EXTERNAL_IDS, entity))
        if not _is_looked_through_for_ids(entity):
            return own
        marks = self._parent_marks(entity)
        named: set[str] = set()
        for body in self._bodies(entity):
            named.update(each for each in self._cut(body, marks)[1] if each is not None)
        return own | named - set(self._column(statements.OF_ANYBODY, entity, ids=list(named)))

    def _parent_marks(self, entity: Entity) -> dict[str, AbstractSet[str]]:
        """Return the ids of parents that identify the client's records, by property in lower case."""
        return {each.source.name.lower(): self._ids[each.parent] for each in ownership.references(entity)}

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
        named = self._named[entity]
        for place in range(0, len(named), _PAGES_AT_A_TIME):
            digests = named[place : place + _PAGES_AT_A_TIME]
            rows = execute(self._connection, statements.PAGES, tenant=self._tenant_id, digests=digests).fetchall()
            bodies = {row["sha256"]: row for row in rows}
            for digest in digests:
                if digest in bodies:
                    yield digest, bodies[digest]["body"], bodies[digest]["record_count"]
                self._pages_done += 1
                self._on_progress("looking through the stored pages", self._pages_done, self._pages_to_look_through)

    def _payloads(self, entity: Entity) -> Iterator[tuple[int, bytes]]:
        """Yield the rejects of the entity, including resolved ones: the id, and a page with only this record."""
        for reject_id in self._column(statements.REJECTS, entity):
            row = execute(self._connection, statements.PAYLOAD, tenant=self._tenant_id, id=reject_id).fetchone()
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
        return bool(digests) and bool(self._column(statements.IN_USE, entity, digests=digests))

    def _column(self, statement: sql.SQL, entity: Entity, **parameters: object) -> list[Any]:
        """Return the column `value` of the rows that a statement about an entity selects."""
        composed = statement.format(**ownership.parts(entity))
        known = {"tenant": self._tenant_id, "client": self._client, "entity": entity.name}
        return [row["value"] for row in execute(self._connection, composed, **known, **parameters)]


def _is_looked_through_for_ids(entity: Entity) -> bool:
    """Return whether the pages of the entity are looked through a first time, for the ids of records without a row."""
    return entity is not CLIENTS and bool(ENTITIES.children_of(entity))
