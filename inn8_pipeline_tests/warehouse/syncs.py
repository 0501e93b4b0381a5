"""Syncs as a run makes them, without a network: JSON pages are landed, transformed and merged.

Each test says what INN8 sends; the transform's builders make the records.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from types import TracebackType
from typing import Any, Self, TypedDict, Unpack

from sqlalchemy import Engine, text

from inn8_pipeline.entities import CLIENTS, PORTFOLIOS, TRANSACTIONS, Entity, Window
from inn8_pipeline.landing_reader import LandingReader
from inn8_pipeline.transform import TRANSFORM_VERSION
from inn8_pipeline.warehouse import database
from inn8_pipeline.warehouse.landing.store import Landing
from inn8_pipeline.warehouse.landing.writer import LandingWriter
from inn8_pipeline.warehouse.merge.absence.deletions import RemovalLimit
from inn8_pipeline.warehouse.merge.changes.change_limit import ChangeLimit
from inn8_pipeline.warehouse.merge.options import MergeOptions, RejectLimit
from inn8_pipeline.warehouse.merge.records.record_source import RecordBatch
from inn8_pipeline.warehouse.merge.results import SyncResult
from inn8_pipeline.warehouse.merge.session import merge_landing
from inn8_pipeline_tests.transform import builders

TENANT = "t1"
Row = dict[str, Any]


def october(first: int, last: int | None = None) -> Window:
    """Days of October 2026, in which the builders' transactions trade."""
    return Window(date(2026, 10, first), date(2026, 10, last or first))


HISTORY = october(1, 10)


class Changes(TypedDict, total=False):
    """What a test may change of `MergeOptions`."""

    full_window: Window | None
    may_repeat: bool
    may_skip_same: bool
    reject_limit: RejectLimit
    removal_limit: RemovalLimit
    change_limit: ChangeLimit
    lock_seconds: float


@dataclass(frozen=True, slots=True)
class Verbatim:
    """A page as it stands, with the number of its records."""

    body: bytes
    records: int


class WatchedReader(LandingReader):
    """The records of a landing, and the ordinals that were chosen to be decoded: a list for each choice."""

    def __init__(self, engine: Engine, landing: Landing, batch_size: int) -> None:
        super().__init__(engine, landing, batch_size)
        self.chosen: list[list[int]] = []

    def choose(self, ordinals: Sequence[int]) -> None:
        self.chosen.append([*ordinals])
        super().choose(ordinals)


class Interrupted(LandingReader):
    """The records of a landing, and a call once all of them are staged."""

    def __init__(self, engine: Engine, landing: Landing, when_staged: Callable[[], object]) -> None:
        super().__init__(engine, landing, batch_size=1000)
        self._when_staged = when_staged

    def batches(self, is_wanted: Callable[[date], bool]) -> Iterator[RecordBatch]:
        yield from super().batches(is_wanted)
        self._when_staged()


class Syncs:
    """A warehouse, and the steps of a run. INN8 may have transactions for the days of `HISTORY`."""

    def __init__(self, url: str, tenant_id: str = TENANT, engine: Engine | None = None) -> None:
        self.in_chunks = True
        self.url = url
        self.tenant_id = tenant_id
        self.engine = engine or database.connect(url)

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

    def clients(self, records: Sequence[object], **options: Unpack[Changes]) -> SyncResult:
        return self.merge(self.land(CLIENTS, records), **options)

    def portfolios(self, records: Sequence[object], **options: Unpack[Changes]) -> SyncResult:
        return self.merge(self.land(PORTFOLIOS, records), **options)

    def transactions(
        self, records: Sequence[object], window: Window = HISTORY, **options: Unpack[Changes]
    ) -> SyncResult:
        return self.merge(self.land(TRANSACTIONS, records, window), **options)

    def land(  # noqa: PLR0913 (all but the records are optional)
        self,
        entity: Entity,
        records: Sequence[object],
        window: Window | None = None,
        *,
        page_size: int = 1000,
        has_duplicates: bool = False,
        unproven_end: str | None = None,
    ) -> Landing:
        """Land the records as INN8 would send them, in chunks, or as pages if there is a `Verbatim` one."""
        in_chunks = self.in_chunks and not any(isinstance(record, Verbatim) for record in records)
        writer = self.writer(entity, window, in_chunks=in_chunks)
        for page in _pages(records, page_size):
            writer.add(page.body, page.records)
        return writer.complete(retries=0, has_duplicates=has_duplicates, unproven_end=unproven_end)

    def writer(self, entity: Entity, window: Window | None = None, *, in_chunks: bool = True) -> LandingWriter:
        return LandingWriter(self.engine, self.tenant_id, entity, window, "run", in_chunks=in_chunks)

    def merge(
        self,
        landing: Landing,
        days: frozenset[date] | None = None,
        *,
        version: int = TRANSFORM_VERSION,
        **options: Unpack[Changes],
    ) -> SyncResult:
        """Merge the landing, for all its days or for some; the reconciliation is asserted once more."""
        return self.merge_with(landing, days, replace(MergeOptions(version, full_window=HISTORY), **options))

    def merge_with(
        self,
        landing: Landing,
        days: frozenset[date] | None,
        options: MergeOptions,
        *,
        when_staged: Callable[[], object] = lambda: None,
        on_wait: Callable[[], None] = lambda: None,
    ) -> SyncResult:
        """Merge the landing; call `when_staged` in the middle, when its records are staged and the lock is held."""
        if days is None and landing.window is not None:
            days = frozenset(landing.window.days())
        result = merge_landing(
            self.engine,
            landing,
            days,
            options,
            lambda: Interrupted(self.engine, landing, when_staged),
            on_wait=on_wait,
        )
        assert result.counts.balance == 0
        return result

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
        """Return the external ids of the rows that are there, and neither missing nor removed."""
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
        """Each row of the schema's tables as Postgres keeps it: equal before and after means that none was written.

        Without the rows that are locks: one is written when a lock is first taken.
        """
        named = "select tablename as name from pg_tables where schemaname = :schema and tablename <> 'locks'"
        tables = self.query(named, schema=schema)
        one = "select '{name}' as name, ctid::text, xmin::text from {schema}.{name}"
        listing = " union all ".join(one.format(schema=schema, name=each["name"]) for each in tables)
        versions: Row = {}
        for row in self.query(f"{listing} order by 1, 2"):
            versions.setdefault(row["name"], []).append((row["ctid"], row["xmin"]))
        return versions


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
