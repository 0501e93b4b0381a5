"""Syncs as a run does them, without a network: JSON pages are landed, transformed and merged.

What INN8 sends stands in each test; what it is made of, in the transform's builders.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import date
from types import TracebackType
from typing import Any, Self, TypedDict, Unpack

from sqlalchemy import text

from inn8_pipeline.entities import CLIENTS, PORTFOLIOS, TRANSACTIONS, Entity, Window
from inn8_pipeline.transform import TRANSFORM_VERSION
from inn8_pipeline.transform.transformer import Transformer
from inn8_pipeline.warehouse import database
from inn8_pipeline.warehouse.landing.store import Landing, LandingWriter, bodies
from inn8_pipeline.warehouse.merge.deletions import RemovalLimit
from inn8_pipeline.warehouse.merge.results import SyncResult
from inn8_pipeline.warehouse.merge.session import Merge, MergeOptions, RejectLimit, open_merge
from inn8_pipeline_tests.transform import builders

TENANT = "t1"
Row = dict[str, Any]


def october(first: int, last: int | None = None) -> Window:
    """Days of October 2026, in which the builders' transactions trade."""
    return Window(date(2026, 10, first), date(2026, 10, last or first))


HISTORY = october(1, 10)


class Changes(TypedDict, total=False):
    """What a test may change of `Rules`."""

    history: Window | None
    may_repeat: bool
    reject_limit: RejectLimit
    removal_limit: RemovalLimit
    lock_seconds: float


@dataclass(frozen=True, slots=True)
class Verbatim:
    """A page as it stands, with the number of its records."""

    body: bytes
    records: int


class Syncs:
    """A warehouse and what a run does with it. `history` is all that INN8 may have transactions for."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = database.connect(url)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.engine.dispose()

    def with_parents(self) -> Self:
        self.clients([builders.client()])
        self.portfolios([builders.portfolio()])
        return self

    def clients(self, records: Sequence[object], **rules: Unpack[Changes]) -> SyncResult:
        return self.merge(self.land(CLIENTS, records), **rules)

    def portfolios(self, records: Sequence[object], **rules: Unpack[Changes]) -> SyncResult:
        return self.merge(self.land(PORTFOLIOS, records), **rules)

    def transactions(self, records: Sequence[object], window: Window = HISTORY, **rules: Unpack[Changes]) -> SyncResult:
        return self.merge(self.land(TRANSACTIONS, records, window), **rules)

    def land(
        self,
        entity: Entity,
        records: Sequence[object],
        window: Window | None = None,
        *,
        page_size: int = 1000,
        has_duplicates: bool = False,
    ) -> Landing:
        """Land the records as INN8 would send them, a `Verbatim` page as it is."""
        writer = LandingWriter(self.engine, TENANT, entity, window, "run")
        for page in _pages(records, page_size):
            writer.add(page.body, page.records)
        return writer.complete(retries=0, has_duplicates=has_duplicates)

    def merge(
        self,
        landing: Landing,
        days: frozenset[date] | None = None,
        *,
        version: int = TRANSFORM_VERSION,
        **rules: Unpack[Changes],
    ) -> SyncResult:
        """Merge the landing, for all its days or for some; the law of counts is asserted once more."""
        with self.opened(landing, days, replace(MergeOptions(version, history=HISTORY), **rules)) as merge:
            if merge.needs_rows:
                stage(self, landing, merge)
            result = merge.finish()
        assert result.counts.balance == 0
        return result

    def opened(
        self,
        landing: Landing,
        days: frozenset[date] | None,
        rules: MergeOptions,
        on_wait: Callable[[], None] = lambda: None,
    ) -> AbstractContextManager[Merge]:
        """Open the merge of the landing, for all its days or for some."""
        if days is None and landing.window is not None:
            days = frozenset(landing.window.days())
        return open_merge(self.engine, landing, days, rules, on_wait)

    def query(self, statement: str, **parameters: object) -> list[Row]:
        with self.engine.begin() as connection:
            return [dict(row) for row in connection.execute(text(statement), parameters).mappings()]

    def execute(self, statement: str, **parameters: object) -> int:
        with self.engine.begin() as connection:
            return connection.execute(text(statement), parameters).rowcount

    def rows(self, table: str) -> list[Row]:
        return self.query(f"select * from inn8.{table} order by id")

    def row(self, table: str, external_id: str) -> Row:
        (only,) = self.query(f"select * from inn8.{table} where external_id = :id", id=external_id)
        return only

    def ids(self, table: str) -> list[str]:
        """The external ids of the rows that are there, and neither missing nor removed."""
        return [
            row["external_id"]
            for row in self.query(f"select external_id from inn8.{table} where missing_since is null order by 1")
        ]

    def rejects(self, *, is_open: bool = True) -> list[Row]:
        state = "null" if is_open else "not null"
        return self.query(f"select * from inn8.rejected_records where resolved_at is {state} order by id")

    def reject(self, *, is_open: bool = True) -> Row:
        (only,) = self.rejects(is_open=is_open)
        return only

    def versions(self, schema: str = "inn8") -> Row:
        """Each row of the schema's tables as Postgres keeps it: equal before and after means that none was written."""
        tables = self.query("select tablename as name from pg_tables where schemaname = :schema", schema=schema)
        one = "select '{name}' as name, ctid::text, xmin::text from {schema}.{name}"
        listing = " union all ".join(one.format(schema=schema, name=each["name"]) for each in tables)
        versions: Row = {}
        for row in self.query(f"{listing} order by 1, 2"):
            versions.setdefault(row["name"], []).append((row["ctid"], row["xmin"]))
        return versions


def stage(syncs: Syncs, landing: Landing, merge: Merge) -> None:
    """Stage the landing's pages, then the open rejects that are tried again."""
    transformer = Transformer(landing.entity, merge.takes)
    ordinal = 0
    for body in bodies(syncs.engine, landing):
        batch = transformer.page(body, ordinal)
        ordinal += batch.records
        merge.stage(batch.rows, batch.rejects, batch.skipped, batch.dimensions)
    for chunk in merge.retries():
        batch = transformer.records([payload for _, payload in chunk], [ordinal for ordinal, _ in chunk])
        merge.stage(batch.rows, batch.rejects, batch.skipped, batch.dimensions)


def _pages(records: Sequence[object], page_size: int) -> Iterator[Verbatim]:
    if records and isinstance(records[0], Verbatim):
        yield from records  # type: ignore[misc]
        return
    for first in range(0, max(len(records), 1), page_size):
        page = records[first : first + page_size]
        yield Verbatim(json.dumps(page, ensure_ascii=False).encode(), len(page))


def many(make: Callable[..., Row], count: int, **changes: object) -> list[Row]:
    """Sound records with the ids X-000, X-001 and so on."""
    return [make(**{"id": f"X-{number:03}", **changes}) for number in range(count)]
